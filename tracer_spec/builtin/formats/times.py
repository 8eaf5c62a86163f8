"""Parsing of the times that logs write."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

# |number| below the first bound is seconds (until the year 5138), then milli-, micro-, nanoseconds
_UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))


def epoch_seconds(value: Any) -> float | None:
    """Return a time as seconds since 1970-01-01 UTC, None where it is not understood.

    Parameters
    ----------
    value : object
        A number of seconds, milliseconds, microseconds or nanoseconds since 1970 (told apart by size), the
        same as a string, ISO 8601 with or without a zone (UTC where there is none, and with a space for the
        ``T``), or a datetime.

    Returns
    -------
    float or None
        Finite; a double holds today's times to a quarter of a microsecond.

    Examples
    --------
    >>> epoch_seconds("1767225600000000000"), epoch_seconds("2026-01-01 00:00:00"), epoch_seconds(1767225600)
    (1767225600.0, 1767225600.0, 1767225600.0)
    """
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _from_number(value)
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return _from_datetime(datetime(value.year, value.month, value.day))
    return None


def _from_number(value: Any) -> float | None:
    try:
        size = abs(value)
        # divided before it becomes a double, which cannot hold today's nanoseconds
        return next((float(value / scale) for bound, scale in _UNITS if size < bound), None)
    except ArithmeticError:  # a decimal that is not a number
        return None


def _from_text(text: str) -> float | None:
    if not text:
        return None
    try:
        # a year and a dash: no number has a dash there but in an exponent, which no log writes
        if text[4:5] == "-":
            return _from_datetime(datetime.fromisoformat(text.removesuffix("UTC").rstrip()))
        return _from_number(int(text) if text.lstrip("+-").isdecimal() else float(text))
    except ValueError:
        return None


def _from_datetime(moment: datetime) -> float | None:
    """Return seconds; a moment without a zone is UTC, wherever the machine is."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None
