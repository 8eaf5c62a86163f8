"""docs/plugins.md is so: its plugins are those that `plugins new` writes and keep their contract, its samples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import tracer_spec.testing
from tracer_spec.plan import make_plan
from tracer_spec.plugin import hookspecs
from tracer_spec.plugin.registry import KINDS, find_plugins
from tracer_spec.runtime.graph_operators import OPERATORS
from tracer_spec.spec import load_spec
from tracer_spec.testing import Contract, breaches
from tracer_spec.testing.scaffold import plugin_code

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
CHAPTERS = {
    kind: re.search(rf"^## {heading}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
    for kind, heading in zip(
        KINDS,
        ("Sources", "Embedders", "Surrogates", "Acceptors", "Guards", "Families", "Calibrators"),
        strict=True,
    )
}
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: lsa
zoo: [logreg]
target: {agreement: 0.9}
"""


def test_the_page_lists_the_operators_that_a_graph_may_use():
    told = {
        ("" if domain == "ai.onnx" else domain, name)
        for domain, names in re.findall(r"^\| `(ai\.onnx(?:\.ml)?)` \| (.*) \|$", PAGE, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == set(OPERATORS)


every_kind = pytest.mark.parametrize("kind", KINDS)


def blocks(text, info):
    return re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put the page's plugin of a kind on the path, as an installer would, from the page's own words."""

    def install(kind):
        (code,) = blocks(CHAPTERS[kind], "python")
        info = tmp_path / f"page_{kind}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: page-{kind}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tracer_spec]\nplugin = page_{kind}\n")
        (tmp_path / f"page_{kind}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return install


@every_kind
def test_a_chapter_opens_with_the_complete_plugin_that_the_scaffold_writes(kind):
    assert CHAPTERS[kind].lstrip().startswith("```python\n")
    assert blocks(CHAPTERS[kind], "python") == [plugin_code(kind, f"my-{kind}")]


@every_kind
def test_the_plugin_of_a_chapter_passes_the_test_of_its_chapter(kind, installed):
    installed(kind)
    (test,) = blocks(CHAPTERS[kind], f"python contract={kind}")
    names: dict[str, object] = {}
    exec(compile(test, "docs/plugins.md", "exec"), names)
    contract = names["TestMine"]
    assert isinstance(contract, type)
    assert issubclass(contract, Contract)
    assert breaches(contract) == {}


@every_kind
def test_the_spec_of_a_chapter_names_its_plugin(kind, installed):
    installed(kind)
    (snippet,) = blocks(CHAPTERS[kind], f"yaml spec={kind}")
    plan = make_plan(load_spec(yaml.safe_load(SPEC) | yaml.safe_load(snippet)), find_plugins())
    used = {(each.provided.kind, each.provided.name, each.provided.distribution) for each in plan.resolved}
    assert (kind, f"my-{kind}", f"page-{kind}") in used


def test_the_samples_of_the_kit_run():
    chapter = re.search(r"^## The conformance kit\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
    first, second = blocks(chapter, "python")
    names: dict[str, object] = {}
    exec(compile(first, "docs/plugins.md", "exec"), names)
    assert breaches(names["TestMine"]) == {}
    exec(compile(second, "docs/plugins.md", "exec"), {})


def test_every_contract_of_the_kit_is_on_the_page():
    contracts = {name for name in tracer_spec.testing.__all__ if name.endswith("Contract")} - {"Contract"}
    assert {name for name in contracts if f"`{name}`" in PAGE} == contracts


def hooks():
    return sorted(name for name in vars(hookspecs) if name.startswith("tracer_spec_"))


def test_every_hook_has_a_row_a_chapter_and_a_plugin_on_the_page():
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(hook for _, _, hook in rows) == hooks()
    for kind, anchor, hook in rows:
        assert f"\n## {anchor.capitalize()}\n" in PAGE
        assert f"@hookimpl\ndef {hook}(" in CHAPTERS[kind]


def test_every_hook_has_a_contract_and_every_contract_a_plugin_that_is_held_to_it():
    contracts = {
        contract.kind
        for name in tracer_spec.testing.__all__
        if isinstance(contract := getattr(tracer_spec.testing, name), type) and issubclass(contract, Contract)
    } - {""}
    assert {f"tracer_spec_{'families' if kind == 'family' else kind + 's'}" for kind in contracts} == set(hooks())
    tested = (ROOT / "tests" / "testing" / "test_builtins_conform.py").read_text(encoding="utf-8")
    for name in tracer_spec.testing.__all__:
        if name.endswith("Contract") and name != "Contract":
            assert re.search(rf"^class Test\w+\({name}\):$", tested, re.MULTILINE), name
