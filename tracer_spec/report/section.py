"""Parts of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from tracer_spec.report.documents import Documents

OLDER = "the audit of this bundle, made by an earlier version, does not hold it; build it again"


@dataclass(frozen=True, slots=True)
class Chart:
    """A Vega or Vega-Lite specification; ``says`` stands for it where it cannot be seen."""

    id: str
    spec: Mapping[str, Any]
    says: str


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page.

    Parameters
    ----------
    id : str
        The anchor, and the name of its template.
    title : str
    shows : str
        What is to be seen, in one sentence.
    caveat : str
        What is not claimed, in one sentence.
    view : mapping
        What the template fills in. It escapes all of it.
    charts : sequence of Chart
    """

    id: str
    title: str
    shows: str
    caveat: str
    view: Mapping[str, Any]
    charts: Sequence[Chart] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """A section that this bundle has nothing for, and why."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Room:
    """How much of each list is shown, so that the page stays small."""

    labels: int = 1000
    candidates: int = 1500
    rows: int = 60
    pairs: int = 40
    characters: int = 400
    spec_bytes: int = 60_000

    def halved(self) -> Room:
        """Return half the room, but no less than :data:`LEAST`."""
        return Room(*(max(least, each // 2) for least, each in zip(astuple(LEAST), astuple(self), strict=True)))


LEAST = Room(labels=10, candidates=50, rows=5, pairs=3, characters=80, spec_bytes=2000)


@dataclass(frozen=True, slots=True)
class Shown:
    """The first items of a list, and how many more there are."""

    items: Sequence[Any]
    withheld: int = 0

    @classmethod
    def first(cls, items: Sequence[Any], limit: int) -> Shown:
        """Keep the first ``limit`` items."""
        return cls(items[:limit], max(0, len(items) - limit))


Write = Callable[[Documents, Room], Section | Absent]
