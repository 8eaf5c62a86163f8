"""Differences of two documents of plain data, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracer_spec.errors import Difference


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every value that differs, by dotted address, in the order of what there is now.

    Examples
    --------
    >>> differences({"a": {"b": 1}, "c": [2]}, {"a": {"b": 1}, "c": [2, 3]})
    (Difference(address='c[1]', was=None, now=3),)
    """
    before, after = dict(_flat(was, "")), dict(_flat(now, ""))
    addresses = dict.fromkeys((*after, *before))
    return tuple(
        Difference(each, before.get(each), after.get(each)) for each in addresses if before.get(each) != after.get(each)
    )


def _flat(value: Any, address: str) -> Iterator[tuple[str, Any]]:
    """Yield every scalar with its address."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flat(below, f"{address}.{key}" if address else str(key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _flat(below, f"{address}[{index}]")
    else:
        yield address, value
