"""The types of plain scalars, by the core schema of YAML 1.2.

Only ``true`` and ``false`` are booleans, so that the class labels ``no``, ``off`` and ``yes`` stay strings;
so do ``1:30``, ``1_000`` and ``2024-01-31``; ``010`` is ten.

References
----------
YAML Ain't Markup Language, version 1.2.2 (2021), section 10.3.2.
"""

from __future__ import annotations

import re

SURROGATE = re.compile("[\ud800-\udfff]")
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))
_DIGITS_OF_64_BITS = 22  # octal needs the most


class OutOfRangeError(ValueError):
    """An integer that does not fit in 64 bits: most likely an id that wants quotes."""


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar.

    An integer outside [-2**63, 2**63) raises :class:`OutOfRangeError`.

    Examples
    --------
    >>> [resolve(text) for text in ("no", "010", "1e3", "1:30", "true", "~")]
    ['no', 10, 1000.0, '1:30', True, None]
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    for pattern, radix in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.fullmatch(text):
            return _integer(text, radix)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float("-inf") if text.startswith("-") else float("inf")
    return float("nan") if text in _NAN else text


def write(value: float | bool | None) -> str:
    """Return the plain scalar that :func:`resolve` reads back as ``value``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = float.__repr__(value)
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)


def fits(value: int) -> bool:
    """Return whether an integer fits in 64 bits, signed."""
    return -(2**63) <= value < 2**63


def _integer(text: str, radix: int) -> int:
    digits = text[2:] if radix != 10 else text.lstrip("+-").lstrip("0")
    if len(digits.lstrip("0")) > _DIGITS_OF_64_BITS:  # before int(): Python refuses to read thousands of digits
        raise OutOfRangeError
    value = int(text, radix) if radix != 10 else int(("-" if text.startswith("-") else "") + (digits or "0"))
    if not fits(value):
        raise OutOfRangeError
    return value
