"""The file of allowed labels."""

from __future__ import annotations

import json
from pathlib import Path

from tracer_spec.errors import SpecError
from tracer_spec.spec.load import read_text
from tracer_spec.spec.nodes import quoted


def read_labels(path: Path, shown: str) -> tuple[str, ...]:
    """Return the labels of a file, in its order; ``shown`` is its name in messages.

    The file has one label a line, not counting blank lines and those that start with ``#``. Or it is a JSON list of strings:
    its name ends in ``.json``, or it starts with ``[``.
    """
    text = read_text(path, shown)
    is_json = path.suffix.lower() == ".json" or text.lstrip().startswith("[")
    numbered = _of_json(text, shown) if is_json else _of_lines(text)
    first: dict[str, int] = {}
    for number, label in numbered:
        if label in first:
            unit = "items" if is_json else "lines"
            raise SpecError(
                f"the label {quoted(label)} is given twice: {unit} {first[label]} and {number}", where=shown
            )
        first[label] = number
    if not first:
        raise SpecError("the file holds no label", where=shown, hint="write one label a line")
    return tuple(first)


def _of_lines(text: str) -> list[tuple[int, str]]:
    stripped = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


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
