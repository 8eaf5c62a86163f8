"""The parts that a page is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.report.facts import Facts


@dataclass(frozen=True, slots=True)
class Chart:
    """A Vega or Vega-Lite specification with the words that stand for it.

    Parameters
    ----------
    id : str
    spec : mapping
        Plain JSON values.
    says : str
        What somebody who cannot see it is told; a table with its numbers stands near it.
    """

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
    charts : tuple of Chart
    """

    id: str
    title: str
    shows: str
    caveat: str
    view: Mapping[str, Any]
    charts: tuple[Chart, ...] = ()


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
        """Return half the room."""
        return Room(
            labels=max(10, self.labels // 2),
            candidates=max(50, self.candidates // 2),
            rows=max(5, self.rows // 2),
            pairs=max(3, self.pairs // 2),
            characters=max(80, self.characters // 2),
            spec_bytes=max(2000, self.spec_bytes // 2),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """The first items of a list, and how many more there are."""

    items: tuple[Any, ...]
    withheld: int = 0

    @classmethod
    def first(cls, items: tuple[Any, ...], limit: int) -> Shown:
        """Keep the first ``limit`` items."""
        return cls(items[:limit], max(0, len(items) - limit))


Write = Callable[[Facts, Room], Section | Absent]
OLDER = "the audit of this bundle, made by an earlier version, does not hold it; build it again"


@dataclass(frozen=True, slots=True)
class Tile:
    """A number under its name, with the kind of knowledge it is."""

    name: str
    value: str
    note: str
    kind: str = field(default="estimate")
