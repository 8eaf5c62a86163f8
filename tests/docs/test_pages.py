"""Pages in ``docs/``: the generated are what makes them, links lead somewhere, whole specs in them are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
IDS = [page.name for page in PAGES]


def prose(text: str) -> str:
    """Return a Markdown page without its code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the anchors that a Markdown page gives its headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_reference_tells_every_key_of_the_spec_and_every_built_in_plugin():
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec.model import RouterSpec

    text = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    schema = RouterSpec.model_json_schema()
    keys = set(schema["properties"])
    for definition in schema["$defs"].values():
        keys |= set(definition.get("properties", {})) - {"as"}
    assert [key for key in sorted(keys) if f"| `{key}` |" not in text] == []
    registry = find_plugins()
    built_in = [name for name, each in registry.of_kind("surrogate").items() if each.distribution == "tracer-spec"]
    assert [name for name in built_in if f"### {name}\n" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    text = prose(page.read_text(encoding="utf-8"))
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        other = (page.parent / target) if target else page
        assert other.exists(), f"{page.name}: {target}"
        if anchor and other.suffix == ".md":
            assert anchor in anchors(other.read_text(encoding="utf-8")), f"{page.name}: {target}#{anchor}"


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [name for name in IDS if name != "README.md" and f"]({name})" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_whole_specs_in_a_page_are_valid(page, tmp_path, monkeypatch):
    from tracer_spec.spec import load_spec

    blocks = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for number, block in enumerate(blocks):
        if re.search(r"^version: 1$", block, re.MULTILINE):
            path = tmp_path / f"{number}.yaml"
            path.write_text(block)
            assert load_spec(path).spec.version == 1
