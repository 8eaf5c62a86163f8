"""How text reaches a terminal: colour where it is wanted, columns, sizes, the one document of ``--json``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import click

_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that moves its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """Colour text for a terminal; plain elsewhere, and wherever NO_COLOR is set (https://no-color.org)."""
    if not text or os.environ.get("NO_COLOR") or not is_terminal(stream or sys.stderr):
        return text
    return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def print_document(document: Mapping[str, Any]) -> None:
    """Write the one document of ``--json`` to stdout."""
    print_json(json.dumps(document, indent=2, ensure_ascii=False))


def print_json(text: str) -> None:
    """Write JSON to stdout: in UTF-8, whatever the charset of the stream (RFC 8259); half a surrogate pair is escaped."""
    click.echo(text.encode("utf-8", "backslashreplace"))


def rows(pairs: Iterable[tuple[str, str]], *, indent: int = 2, width: int = 0, stream: TextIO | None = None) -> str:
    """Lay out (name, text) pairs in two columns, the first at least ``width`` wide; the lines of a text stay in its column."""
    pairs = list(pairs)
    width = max([width, *(len(name) for name, _ in pairs)])
    lines = []
    for name, text in pairs:
        for number, line in enumerate(text.splitlines() or [""]):
            head = paint(name.ljust(width), "dim", stream=stream) if number == 0 else " " * width
            lines.append(f"{' ' * indent}{head}  {line}".rstrip())
    return "\n".join(lines)


def size(n_bytes: int) -> str:
    """Return a size in decimal units.

    Examples
    --------
    >>> size(812), size(5_230_000)
    ('812 bytes', '5.2 MB')
    """
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes} bytes"


def duration(seconds: float) -> str:
    """Return a duration.

    Examples
    --------
    >>> duration(0.034), duration(7.26), duration(125.0)
    ('0.0 s', '7.3 s', '2 min 5 s')
    """
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def plural(count: int, noun: str, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "trace"), plural(10_003, "trace"), plural(2, "entry", "entries")
    ('1 trace', '10,003 traces', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def one_line(text: str, limit: int = 60) -> str:
    r"""Return what others wrote, a label for one, as a line that disturbs no layout and no terminal.

    Examples
    --------
    >>> one_line("top_up\nReason: \x1b[2J"), one_line("0123456789", limit=5)
    ('top_up Reason: ?[2J', '0123…')
    """
    line = "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def listing(items: Iterable[str], limit: int = 8) -> str:
    """Join items by commas; say how many more there are beyond ``limit``.

    Examples
    --------
    >>> listing(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    items = list(items)
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
