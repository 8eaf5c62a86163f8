import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.errors import SpecError
from tracer_spec.spec import LoadedSpec, RouterSpec, canonical, load_spec, spec_digest
from tracer_spec.spec.environment import expand
from tracer_spec.spec.mapping_reader import as_text, read_mapping
from tracer_spec.spec.reader import read_yaml

Load = Callable[..., LoadedSpec]


MAPPING = {
    "version": 1,
    "name": "a",
    "traces": {"use": "jsonl"},
    "embedder": "lsa",
    "target": {"agreement": 0.9},
}


def problems(source: object, **options: object) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_spec(source, **options)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


def test_a_file_brings_its_folder_its_name_and_its_text(load: Load, minimal: str, tmp_path: Path) -> None:
    loaded = load("# a comment\n" + minimal)
    assert (loaded.root, loaded.file, loaded.text) == (tmp_path, "router.yaml", "# a comment\n" + minimal)


def test_the_folder_of_a_file_elsewhere_is_that_files(load: Load, minimal: str, tmp_path: Path) -> None:
    load(minimal)
    (tmp_path / "sub").mkdir()
    Path("router.yaml").rename("sub/router.yaml")
    assert load_spec("sub/router.yaml").root == tmp_path / "sub"
    assert load_spec(Path("sub") / "router.yaml").file == str(Path("sub/router.yaml"))


def test_the_process_environment_is_what_variables_are_looked_up_in(
    load: Load, minimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(minimal.replace("lsa", "${TRACER_TEST_EMBEDDER:-lsa}"))
    monkeypatch.setenv("TRACER_TEST_EMBEDDER", "other")
    assert load_spec("router.yaml").spec.embedder.use == "other"
    assert load_spec("router.yaml", environ={}).spec.embedder.use == "lsa"


def test_a_loaded_spec_travels_to_another_process(load: Load, minimal: str) -> None:
    loaded = load(minimal, ["seed=2"])
    again = pickle.loads(pickle.dumps(loaded))
    assert again == loaded
    assert again.where(("seed",)) == "--set seed"


def test_a_mapping_means_what_the_same_yaml_means(load: Load, minimal: str, tmp_path: Path) -> None:
    from_file = load(minimal.replace("support-intents", "a").replace("0.92", "0.9"))
    loaded = load_spec(MAPPING, environ={})
    assert loaded.spec == from_file.spec
    assert spec_digest(loaded.spec) == spec_digest(from_file.spec)
    assert (loaded.root, loaded.file, loaded.where(("name",))) == (tmp_path, "", "")


def test_the_text_of_a_mapping_is_yaml_that_says_the_same(load: Load) -> None:
    source = MAPPING | {
        "name": "${N:-no}",
        "defer_labels": ["no", "1e5", "0o7", "~", "größe\n🙂\x85\u2028", "a: b # c"],
        "traces": {
            "use": "jsonl",
            "with": {"path": Path("a") / "b", "n": None, "f": 0.1, "x": 1e16},
        },
    }
    loaded = load_spec(source, environ={})
    assert load(loaded.text).spec == loaded.spec
    assert "${N:-no}" in loaded.text


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_data_written_as_yaml_reads_back(value: object) -> None:
    node, found = read_mapping({"a": value})
    assert found == []
    again, found = read_yaml(as_text(node), "f")
    assert found == []
    assert expand(again, {}).data == expand(node, {}).data


def test_numpy_numbers_and_tuples_do_in_a_mapping() -> None:
    source = MAPPING | {
        "seed": np.int64(3),
        "target": {"agreement": np.float64(0.9)},
        "defer_labels": ("a", "b"),
    }
    spec = load_spec(source).spec
    assert (spec.seed, spec.target.agreement, spec.defer_labels) == (3, 0.9, ("a", "b"))
    assert canonical(spec)["seed"] == 3


def test_what_is_wrong_with_a_mapping_has_an_address_and_no_place() -> None:
    source = MAPPING | {
        "seed": object(),
        "zoo": [{"use": "mlp", "with": {3: 4, "big": 2**70, "bytes": b"x"}}],
        "defer_labels": ["\ud800"],
        "nam": 1,
    }
    assert problems(source) == [
        "seed\n  'object' is not a value that a spec can hold",
        "zoo[0].with\n  a key is 'int', not a string",
        "zoo[0].with.big\n  an integer is beyond 64 bits",
        "zoo[0].with.bytes\n  'bytes' is not a value that a spec can hold",
        "defer_labels[0]\n  a string is not valid Unicode",
        f"nam\n  there is no key 'nam'; known: {', '.join(RouterSpec.model_fields)}\n  hint: did you mean 'name'?",
    ]


def test_a_mapping_that_holds_itself_is_refused() -> None:
    inner: dict[str, object] = {}
    inner["a"] = inner
    said = "lists and mappings are nested deeper than 64\n  hint: does one hold itself?"
    assert problems(MAPPING | {"traces": inner}) == [said]


def test_an_empty_mapping_misses_every_key_that_is_needed() -> None:
    assert [said.splitlines()[0] for said in problems({})] == [
        "version",
        "name",
        "traces",
        "embedder",
        "target",
    ]


def test_a_problem_of_a_spec_ends_in_exit_code_2_and_survives_a_pickle() -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(MAPPING | {"seed": -1, "name": "A"})
    assert caught.value.exit_code == 2
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    assert len(caught.value.problems) == 2
