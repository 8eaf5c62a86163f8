"""The architecture as a test: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tracer_spec"

# a layer to the parts of tracer_spec, and the third parties, that it may import anywhere in its code
ALLOWED = {
    "errors": (set(), set()),
    "runtime": ({"errors", "runtime"}, {"numpy", "onnxruntime"}),
    "stats": ({"stats"}, {"numpy", "scipy"}),
    "graph": ({"errors", "graph", "runtime"}, {"numpy", "onnx"}),
    "spec": ({"errors", "spec"}, {"pydantic", "pydantic_core", "yaml", "jmespath"}),
    "report": ({"errors", "runtime", "stats", "spec", "flow", "report"}, {"jinja2", "numpy", "pydantic", "vl_convert"}),
    "plugin": ({"errors", "plugin"}, {"numpy", "pydantic", "pluggy", "onnx"}),
}
# a layer to the parts of tracer_spec that it must not import
FORBIDDEN = {
    "builtin": {"flow", "cli", "engine", "init", "plan", "spec"},
    "flow": {"builtin", "cli", "engine", "init"},
    "init": {"cli", "engine", "runtime"},
    "testing": {"cli"},
    "report": {"builtin", "cli", "engine", "plan"},
}


def modules(layer):
    path = ROOT / f"{layer}.py"
    return [path] if path.exists() else sorted((ROOT / layer).rglob("*.py"))


def imports(path, *, typing_too):
    """Yield every module that a file imports, at its top or inside functions."""
    tree = ast.parse(path.read_text())
    skipped = set()
    for node in ast.walk(tree):
        if not typing_too and isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            skipped |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "tracer_spec":
                yield from (f"tracer_spec.{alias.name}" for alias in node.names)


def ours(name):
    parts = name.split(".")
    return parts[1] if parts[0] == "tracer_spec" and len(parts) > 1 else None


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_low_layer_imports_only_what_it_may(layer):
    import sys

    parts, libraries = ALLOWED[layer]
    for path in modules(layer):
        for name in imports(path, typing_too=False):
            top = name.split(".")[0]
            if top == "tracer_spec":
                assert ours(name) in parts | {None}, f"{path}: {name}"
            else:
                assert top in sys.stdlib_module_names | libraries, f"{path}: {name}"


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layers_that_must_not_know_each_other_do_not(layer):
    for path in modules(layer):
        known = {ours(name) for name in imports(path, typing_too=True)}
        assert not known & FORBIDDEN[layer], path


def test_no_file_is_longer_than_one_sitting():
    long = {str(path): n for path in ROOT.rglob("*.py") if (n := path.read_text().count("\n")) > 340}
    assert long == {}


def test_no_module_has_a_name_that_tells_nothing():
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
    assert [path for path in ROOT.rglob("*.py") if path.stem in empty] == []
