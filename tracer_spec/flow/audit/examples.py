"""Requests that show what the policy handles and what it defers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest

import numpy as np

from tracer_spec.flow.audit.regions import Regions
from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.documents.audit import Example, Examples, Kind
from tracer_spec.plugin import Mask

_N_TYPICAL = 12
_N_EXTREME = 3


def examples(rows: AuditedRows, regions: Regions) -> Examples:
    """Return typical rows of the regions, and those of the highest and the lowest scores; each of another label, if it can."""
    handled = rows.decided.handled
    return Examples(handled=_of(rows, regions, handled), deferred=_of(rows, regions, ~handled))


def _of(rows: AuditedRows, regions: Regions, among: Mask) -> tuple[Example, ...]:
    score = rows.decided.scores.round(4)
    at = np.flatnonzero(among)
    rising = at[np.argsort(score[at], kind="stable")].tolist()
    falling = at[np.argsort(-score[at], kind="stable")].tolist()
    chosen: dict[int, Kind] = {}
    ways: tuple[tuple[Kind, list[int], int], ...] = (
        ("typical", _typical(regions, among), _N_TYPICAL),
        ("highest score", falling, _N_EXTREME),
        ("lowest score", rising, _N_EXTREME),
    )
    for kind, ordered, most in ways:
        fresh = [row for row in ordered if row not in chosen]
        chosen |= dict.fromkeys(_spread(rows, fresh, most), kind)
    return tuple(Example(**dict(rows.described(row)), kind=kind) for row, kind in chosen.items())


def _typical(regions: Regions, among: Mask) -> list[int]:
    """Return the rows nearest to the centre of each region, then the second nearest of each, and so on."""
    by_region = ([int(row) for row in regions.most_typical(region) if among[row]] for region in range(regions.n))
    return [row for rank in zip_longest(*by_region) for row in rank if row is not None]


def _spread(rows: AuditedRows, ordered: list[int], most: int) -> Iterator[int]:
    """Yield the first rows in an order that are of different labels; then, where there are too few, the next."""
    first: dict[int, int] = {}
    for row in ordered:
        first.setdefault(int(rows.y[row]), row)
    different = list(first.values())[:most]
    taken = set(different)
    yield from different
    left = (row for row in ordered if row not in taken)
    yield from islice(left, most - len(different))
