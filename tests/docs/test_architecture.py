"""docs/architecture.md is so: its drawings are the imports of the code, its stages are the engine's, its paths exist."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tracer_spec"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
Arrows = set[tuple[str, str]]


def drawn(heading: str) -> Arrows:
    """Return the arrows of the Mermaid drawing under a heading."""
    under = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    text = under.partition("```mermaid\n")[2].partition("```")[0]
    arrows = re.findall(r"^ *(\w+) --> (\w+)(?:\[.*\])?$", text, re.MULTILINE)
    assert len(arrows) == len(text.strip().splitlines()) - 1  # the first line says which way it runs
    return {(importer.rstrip("_"), imported.rstrip("_")) for importer, imported in arrows}


def parts(folder: Path) -> set[str]:
    """Return the names of the packages and modules right in a folder."""
    inside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    return {name for name in inside if not name.startswith("__")}


def imported(path: Path) -> Iterator[str]:
    """Yield every name that a file imports, wherever in it, for types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_between(names: set[str], folder: Path) -> Arrows:
    """Return the imports from one of the named parts of a folder to another."""
    prefix = ".".join((*folder.relative_to(ROOT).parts, ""))
    found = set()
    for name in names:
        for path in [folder / f"{name}.py", *(folder / name).rglob("*.py")]:
            if path.exists() and "templates" not in path.parts:  # what a third party writes: no part of the package
                inside = {each.removeprefix(prefix) for each in imported(path) if each.startswith(prefix)}
                found |= {(name, each.split(".")[0]) for each in inside}
    return {(importer, each) for importer, each in found if each in names and each != importer}


def reached(arrows: Arrows) -> Arrows:
    """Return every pair that a way of arrows joins."""
    below = defaultdict(set)
    for importer, each in arrows:
        below[importer].add(each)
    pairs = set()
    for start in list(below):
        ahead = [start]
        while ahead:
            new = {(start, each) for each in below[ahead.pop()]} - pairs
            pairs |= new
            ahead += [each for _, each in new]
    return pairs


ROOMS = {path.parent.name for path in (PACKAGE / "flow").glob("*/__init__.py")}
DRAWINGS = {"The package": (parts(PACKAGE), PACKAGE), "The rooms of `flow`": (ROOMS, PACKAGE / "flow")}


@pytest.mark.parametrize("heading", DRAWINGS)
def test_a_drawing_has_every_part_and_no_other(heading):
    names, _ = DRAWINGS[heading]
    assert {end for arrow in drawn(heading) for end in arrow} == names


@pytest.mark.parametrize("heading", DRAWINGS)
def test_every_arrow_is_an_import_and_every_import_follows_arrows(heading):
    real = imports_between(*DRAWINGS[heading])
    assert {
        "arrows that are no import": drawn(heading) - real,
        "imports along no arrow": real - reached(drawn(heading)),
    } == {
        "arrows that are no import": set(),
        "imports along no arrow": set(),
    }


@pytest.mark.parametrize("heading", DRAWINGS)
def test_no_way_of_arrows_leads_back(heading):
    assert [importer for importer, each in reached(drawn(heading)) if importer == each] == []


def test_every_room_is_in_the_table_of_rooms():
    assert [room for room in sorted(ROOMS) if f"\n| `tracer_spec/flow/{room}` |" not in PAGE] == []


def test_the_stages_are_the_engines_in_its_order():
    engine = (PACKAGE / "engine.py").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    assert [stage for stage, _ in table] == re.findall(r'staged\((?:run\.)?observe, "(\w+)"\)', engine)
    verbs = {verb for _, cell in table for verb in re.findall(r"\w+", cell)}
    assert [verb for verb in sorted(verbs) if not re.search(rf"\b{verb}\(", engine)] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "README.md", "docs/guarantee.md"])
def test_every_path_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    tops = "benchmarks|docs|plugins|schemas|specs|tests|tools|tracer_spec|\\.ci"
    named = set(re.findall(rf"`((?:{tops})/[\w./-]*)[^`]*`", text))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
