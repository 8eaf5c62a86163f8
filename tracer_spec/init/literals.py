"""Texts as a spec reads them: values that YAML gives back, comments that stay comments, ``${`` that names no variable."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from tracer_spec.errors import printable

_WIDTH = 118


def literals(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping whose texts, at any depth, a spec reads as they are."""
    return {key: literal(each) if isinstance(each, str) else literals(each) for key, each in written.items()}


def literal(text: str) -> str:
    """Return text that a spec reads as it is: ``${`` in it names no variable."""
    return text.replace("${", "$${")


def quoted_literal(text: str) -> str:
    r"""Write a text as one line in double quotes that YAML, and the spec's variables, give back.

    Examples
    --------
    >>> quoted_literal("${X}: it's\nd\u2028one é")
    '"$${X}: it\'s\\nd\\u2028one é"'
    """
    written = json.dumps(literal(text), ensure_ascii=False)
    return "".join(each if each.isprintable() else _escaped(each) for each in written)


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


def comment(text: str, indent: str = "# ") -> str:
    r"""Return a text as lines of comment, wrapped: whatever stands in it stays in them.

    Examples
    --------
    >>> comment("one\u2028two\r")
    '# one two\n'
    """
    return f"{textwrap.indent(textwrap.fill(printable(text), _WIDTH), indent)}\n" if text.strip() else ""
