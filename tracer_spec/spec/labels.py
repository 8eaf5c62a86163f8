"""The file of allowed labels."""

from __future__ import annotations

import json
import stat
import unicodedata
from pathlib import Path

from tracer_spec.errors import SpecError
from tracer_spec.spec.load import read_text
from tracer_spec.spec.nodes import quoted


def read_labels(path: Path, shown: str, *, root: Path | None = None) -> tuple[str, ...]:
    """Return the labels of a file, in its order; ``shown`` is its name in messages.

    The file has one label a line. Blank lines do not count, nor do comments: ``#`` alone, or before white space. Or it is a
    JSON list of strings: all of it is one, or its name ends in ``.json``. ``root`` is the folder that it must lie in.
    """
    check_place(path, shown, path.parent if root is None else root)
    text = read_text(path, shown)
    is_json = path.suffix.lower() == ".json" or _is_meant_as_json(text)
    numbered = _of_json(text, shown) if is_json else _of_lines(text, shown)
    first: dict[str, int] = {}
    for number, written in numbered:
        label = unicodedata.normalize("NFC", written)
        if label in first:
            unit = "items" if is_json else "lines"
            raise SpecError(
                f"the label {quoted(label)} is given twice: {unit} {first[label]} and {number}", where=shown
            )
        first[label] = number
    if not first:
        raise SpecError("the file holds no label", where=shown, hint="write one label a line")
    return tuple(first)


def check_place(path: Path, shown: str, root: Path) -> None:
    """Refuse what a spec from a stranger could make us read and quote: other folders, devices, pipes."""
    try:
        whole = path.resolve()
        mode = whole.stat().st_mode
    except (OSError, ValueError, RuntimeError):
        return  # reading it says what is wrong
    if not whole.is_relative_to(root.resolve()):
        hint = "copy it to the spec's folder"
        raise SpecError("the file lies outside the spec's folder", where=shown, hint=hint)
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise SpecError("this is no regular file", where=shown, hint="name a file with one label a line")


def _is_meant_as_json(text: str) -> bool:
    """Tell a JSON list from lines of which the first is a label in brackets."""
    start = text.lstrip()
    if not start.startswith("["):
        return False
    try:
        return isinstance(json.loads(start), list)
    except (ValueError, RecursionError):
        return start[1:].lstrip().startswith('"')


def _of_lines(text: str, shown: str) -> list[tuple[int, str]]:
    stripped = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    numbered = [(number, line) for number, line in stripped if line and line.split(maxsplit=1)[0] != "#"]
    for number, line in numbered:
        if any(unicodedata.category(each) == "Cc" for each in line):
            raise SpecError(f"line {number} is not a label: it holds control characters", where=shown)
    return numbered


def _of_json(text: str, shown: str) -> list[tuple[int, str]]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{shown}:{error.lineno}:{error.colno}"
        raise SpecError(f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", where=where) from None
    except (ValueError, RecursionError):
        raise SpecError("not a JSON list of strings", where=shown) from None
    if not isinstance(values, list):
        raise SpecError("not a JSON list of strings", where=shown, hint='write ["label", ...]')
    for number, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            raise SpecError(
                f"item {number} is not a label: {json.dumps(value)[:60]}", where=shown, hint="write strings"
            )
    return list(enumerate(values))
