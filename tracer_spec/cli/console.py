"""How text reaches a terminal: colour, lines that wrap at words, the one document of ``--json``."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import click

_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}
_NARROWEST = 20
# what steers a terminal or hides (C1 controls, marks of direction, ends of lines of Unicode), and Azure's commands
_ACTIVE = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]|#(?=#(?:vso)?\\[)"
)


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that moves its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """Colour text for a terminal; plain elsewhere, and wherever NO_COLOR is set (https://no-color.org)."""
    if not text or os.environ.get("NO_COLOR") or not is_terminal(stream or sys.stdout):
        return text
    return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def print_document(document: Mapping[str, Any]) -> None:
    """Write the one document of ``--json`` to stdout."""
    print_json(json.dumps(document, indent=2, ensure_ascii=False))


def print_json(text: str) -> None:
    """Write JSON to stdout: in UTF-8, whatever the charset of the stream (RFC 8259); half a surrogate pair is escaped."""
    data = inert_json(text).encode("utf-8", "backslashreplace")
    # a stream that an app put in the place of stdout may have no bytes below it
    click.echo(data if hasattr(sys.stdout, "buffer") else data.decode())


def inert_json(text: str) -> str:
    r"""Return JSON of the same values that does nothing to a terminal or to the log of a CI system.

    Examples
    --------
    >>> print(inert_json('["\N{RIGHT-TO-LEFT OVERRIDE}##[error]no", "größe"]'))
    ["\u202e\u0023#[error]no", "größe"]
    """
    if text.isprintable() and "##" not in text:
        return text
    return _ACTIVE.sub(lambda met: json.dumps(met[0])[1:-1] if met[0] != "#" else "\\u0023", text)


def wrapped(text: str, *, indent: int = 0, stream: TextIO | None = None) -> list[str]:
    """Return the lines of a text, broken at words to fit a stream beside an indent.

    Lines stay whole where the stream is not a terminal and COLUMNS is not set, so that a log can be searched.
    """
    stream = stream or sys.stdout
    columns = shutil.get_terminal_size((0, 0)).columns if os.environ.get("COLUMNS") or stream.isatty() else 0
    width = max(columns - indent, _NARROWEST)
    lines = []
    for line in text.splitlines() or [""]:
        # a command is for copying, and stays whole
        if not columns or len(line) <= width or line.startswith("tracer-spec "):
            lines.append(line)
        else:
            margin = " " * _last_cell(line, width - _NARROWEST)
            lines += textwrap.wrap(
                line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
            )
    return lines


def _last_cell(line: str, limit: int) -> int:
    """Return where the last cell of a line begins, or else its text, where the former is too far to the right."""
    margin = len(line) - len(line.lstrip())
    cell = line.rstrip().rfind("  ", margin) + 2
    return cell if margin + 2 <= cell <= limit else margin


def rows(pairs: Iterable[tuple[str, str]], *, indent: int = 2, width: int = 0, stream: TextIO | None = None) -> str:
    """Lay out (name, text) pairs in two columns, the first at least ``width`` wide; the lines of a text stay in its column."""
    pairs = list(pairs)
    width = max([width, *(len(name) for name, _ in pairs)])
    lines = []
    for name, text in pairs:
        for number, line in enumerate(wrapped(text, indent=indent + width + 2, stream=stream)):
            head = paint(name.ljust(width), "dim", stream=stream) if number == 0 else " " * width
            lines.append(f"{' ' * indent}{head}  {line}".rstrip())
    return "\n".join(lines)
