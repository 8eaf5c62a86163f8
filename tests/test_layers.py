"""The architecture as a test: who may import whom, down to the files."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tracer_spec"
PLUGINS = ROOT.parent / "plugins"

# a layer to the parts of tracer_spec, and the third parties, that it may import anywhere in its code
ALLOWED = {
    "secret_forms": (set(), set()),
    "errors": ({"secret_forms"}, set()),
    "text_format": ({"errors"}, set()),
    "text_steps": ({"errors"}, set()),
    "atomic_write": ({"errors"}, set()),
    "build_packages": ({"errors"}, set()),
    # pyarrow: in inputs/streams.py alone, for zstd
    "inputs": ({"errors", "inputs"}, {"fsspec", "pyarrow"}),
    "chat": ({"errors", "chat"}, set()),
    "expressions": ({"errors", "chat", "expressions"}, {"jmespath"}),
    # pyarrow: in runtime/arrow.py alone, where Arrow batches are given or asked for
    "runtime": ({"errors", "runtime"}, {"numpy", "onnxruntime", "pyarrow"}),
    "production": ({"errors", "atomic_write", "chat", "expressions", "production", "runtime", "stats"}, {"numpy"}),
    "stats": ({"stats"}, {"numpy", "scipy"}),
    "graph": ({"errors", "graph", "runtime"}, {"numpy", "onnx"}),
    "spec": ({"errors", "spec"}, {"pydantic", "pydantic_core", "yaml", "jmespath"}),
    "report": (
        {"build_packages", "errors", "runtime", "stats", "production", "spec", "flow", "report"},
        {"jinja2", "numpy", "pydantic", "vl_convert"},
    ),
    "plugin": ({"errors", "plugin"}, {"numpy", "pydantic", "pluggy", "onnx", "threadpoolctl"}),
}
# the ground floor: what every layer may import
GROUND = {"text_format", "text_steps"}
# a layer to the parts of tracer_spec that it must not import
FORBIDDEN = {
    "builtin": {"flow", "cli", "engine", "fresh", "init", "plan", "spec"},
    "flow": {"builtin", "cli", "engine", "fresh", "init"},
    "fresh": {"cli", "engine", "report", "testing"},
    "init": {"cli", "engine", "fresh", "runtime"},
    "testing": {"cli"},
    "report": {"builtin", "cli", "engine", "fresh", "plan"},
}
# what a plugin is written with, a third party's too
PUBLIC = {"errors", "graph", "plugin"}
# a distribution of plugins/ that uses more: the parts of tracer_spec that it may import besides
INSIDES = {
    "tracer-spec-encoder": {"runtime"},  # opens its graph as a router does
    "tracer-spec-serve": {"chat", "production", "runtime", "text_format"},
    "tracer-spec-spark": {"build_packages", "flow", "fresh", "report", "runtime", "stats", "text_steps"},
}
# the rooms of flow/ and the files at its top, from the ground up: each may import those on the lines above its own
FLOOR_PLAN = """
    progress blocks versions documents
    traces cache
    training
    compile rates
    certify_rows verification
    prepared
    prepare train
    entrants
    audit bundle_file remarks
    lock
    certifying
    preview bundle_contents
    verify result
"""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(path: Path, *, typing_too: bool = True) -> Iterator[str]:
    """Yield every module that a file imports, at its top or inside functions; a file of ours by its whole name."""
    skipped = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not typing_too and isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            skipped |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            files = {f"{node.module}.{alias.name}" for alias in node.names} & FILES.keys()
            yield from files or {node.module}


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "tracer_spec" and len(parts) > 1 else None


def files_of(layer: str) -> list[Path]:
    return [path for name, path in FILES.items() if layer_of(name) == layer]


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_low_layer_imports_only_what_it_may(layer):
    parts, libraries = ALLOWED[layer]
    for path in files_of(layer):
        for name in imports(path, typing_too=False):
            if name.startswith("tracer_spec"):
                assert layer_of(name) in parts | GROUND | {None}, f"{path}: {name}"
            else:
                assert name.split(".")[0] in sys.stdlib_module_names | libraries, f"{path}: {name}"


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layers_that_must_not_know_each_other_do_not(layer):
    for path in files_of(layer):
        assert not {layer_of(name) for name in imports(path)} & FORBIDDEN[layer], path


@pytest.mark.parametrize("distribution", sorted(path.parent.name for path in PLUGINS.glob("*/pyproject.toml")))
def test_a_distribution_of_plugins_imports_the_public_contract_and_what_is_written_down(distribution):
    package = PLUGINS / distribution / distribution.replace("-", "_")
    used = {layer_of(name) for path in package.rglob("*.py") for name in imports(path)} - {None}
    more = INSIDES.get(distribution, set())
    assert {"not written down": used - PUBLIC - more, "not used": more - used} == {
        "not written down": set(),
        "not used": set(),
    }


def test_no_file_imports_in_a_circle():
    """Imports for types, and inside functions, count: they tie files together as much as any."""
    graph = {name: {other for other in imports(path) if other in FILES} - {name} for name, path in FILES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_rooms_of_the_flow_stand_above_those_that_they_import():
    floors = [line.split() for line in FLOOR_PLAN.strip().splitlines()]
    floor_of = {room: number for number, rooms in enumerate(floors) for room in rooms}
    rooms = {name.split(".")[2] for name in FILES if name.startswith("tracer_spec.flow.")}
    assert rooms == floor_of.keys()
    for name, path in FILES.items():
        if layer_of(name) != "flow" or name == "tracer_spec.flow":
            continue
        room = name.split(".")[2]
        below = {other.split(".")[2] for other in imports(path) if other.startswith("tracer_spec.flow.")} - {room}
        assert all(floor_of[other] < floor_of[room] for other in below), f"{path}: {below}"


def test_no_file_is_longer_than_one_sitting():
    long = {name: n for name, path in FILES.items() if (n := path.read_text(encoding="utf-8").count("\n")) > 320}
    assert long == {}


def test_no_module_has_a_name_that_tells_nothing():
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
    assert [name for name, path in FILES.items() if path.stem in empty] == []
