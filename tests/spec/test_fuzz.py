"""Whatever is thrown at the loader, it answers with a spec or a SpecError."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.errors import SpecError
from tracer_spec.spec import RouterSpec, canonical, load_spec

FULL = (Path(__file__).parent / "full.yaml").read_text("utf-8")
ENVIRON = {"A": "0.5", "B": "x", "SECRET": "hunter2hunter2"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(
    st.sampled_from("abc:-?[]{},&*!|>'\"%@`#~<=$\\\n\t 0123.\x00é\u2028\ud800") | st.characters(), max_size=60
)


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "router.yaml"


def survives(source: Path | Mapping[str, object], *overrides: str) -> None:
    try:
        loaded = load_spec(source, overrides=overrides, environ=ENVIRON)
    except SpecError as error:
        told = error
    else:
        assert RouterSpec.model_validate(canonical(loaded.spec)) == loaded.spec
        return
    assert told.problems
    assert all(problem.what for problem in told.problems)
    assert ENVIRON["SECRET"] not in str(told)


@given(data=st.binary(max_size=200))
def test_any_bytes_do(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    survives(path)


@given(text=TEXT)
def test_any_text_does(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    survives(path)


@settings(max_examples=300)
@given(data=st.data())
def test_any_mutation_of_a_good_spec_does(path: Path, data: st.DataObject) -> None:
    text = FULL
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = start + data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(TEXT) + text[stop:]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    survives(path)


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from leaves(below, (*path, index))


GOOD = yaml.safe_load(FULL)
PATHS = list(leaves(GOOD))[1:]


def replaced(value: object, path: tuple[str | int, ...], new: object) -> object:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: replaced(below, path[1:], new) if key == path[0] else below for key, below in value.items()}
    assert isinstance(value, list)
    return [replaced(below, path[1:], new) if index == path[0] else below for index, below in enumerate(value)]


@settings(max_examples=300)
@given(
    path=st.sampled_from(PATHS),
    new=ANYTHING | st.sampled_from(["${A}", "${SECRET}", "x${SECRET}y[", "${NO}", "${"]),
)
def test_any_value_in_any_place_does(path: tuple[str | int, ...], new: object) -> None:
    source = replaced(GOOD, path, new)
    assert isinstance(source, dict)
    survives(source)


@given(override=TEXT | st.builds("{}={}".format, st.sampled_from(["seed", "zoo[0].with.C", "traces", "name.x"]), TEXT))
def test_any_override_does(override: str) -> None:
    survives(GOOD, override)


@given(path=st.sampled_from(PATHS), text=TEXT)
def test_any_override_of_any_place_does(path: tuple[str | int, ...], text: str) -> None:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]
    survives(GOOD, f"{key}={text}")


@pytest.mark.parametrize("name", ["", ".", os.sep, "\0", "\ud800", "router.yaml\n"])
def test_any_name_of_a_file_does(name: str) -> None:
    with pytest.raises(SpecError):
        load_spec(name)
