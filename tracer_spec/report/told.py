"""What a provenance tells of traces and libraries. It is free JSON of whoever wrote the file: nothing has to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeGuard

from tracer_spec.runtime import Bundle

# more than any log has, and few enough digits for a line
_MOST = 10**15


@dataclass(frozen=True, slots=True)
class ToldRecords:
    """What became of the records of all sources, or of one."""

    read: int
    kept: int
    dropped: Mapping[str, int]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self | None:
        """Return what is told, None where a count is not one."""
        read, kept, dropped = told.get("read"), told.get("kept"), told.get("dropped")
        if not (
            is_count(read) and is_count(kept) and isinstance(dropped, Mapping) and all(map(is_count, dropped.values()))
        ):
            return None
        return cls(read, kept, dropped)


@dataclass(frozen=True, slots=True)
class ToldTraces:
    """What became of the records, and how many traces there were on either side."""

    records: ToldRecords
    n_fit: int
    n_certify: int
    n_unknown: int
    sources: tuple[tuple[str, ToldRecords], ...]


def is_count(value: object) -> TypeGuard[int]:
    """Return whether a value of free JSON is a number of something."""
    return type(value) is int and 0 <= value < _MOST


def mapping(value: object) -> Mapping[str, Any]:
    """Return what should be a mapping, empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def told_traces(bundle: Bundle) -> ToldTraces | None:
    """Return what a bundle tells of its traces, None where it does not."""
    told = mapping(bundle.manifest.provenance.get("traces"))
    records, n_fit, n_certify = ToldRecords.of(told), told.get("fit"), told.get("certify")
    if records is None or not is_count(n_fit) or not is_count(n_certify):
        return None
    listed = told.get("sources")
    sources = [
        (str(each.get("source")), ToldRecords.of(each))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
    ]
    n_unknown = told.get("unknown_labels")
    return ToldTraces(
        records,
        n_fit,
        n_certify,
        n_unknown if is_count(n_unknown) else 0,
        tuple((name, found) for name, found in sources if found is not None),
    )
