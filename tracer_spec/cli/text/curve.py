"""Curve of a plan for a terminal: expected coverage by traces and target."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tracer_spec.cli.text.terminal_chart import can_show
from tracer_spec.text_format import listing

if TYPE_CHECKING:
    from tracer_spec.flow.preview.curve import Curve, Point
    from tracer_spec.stats.expected_coverage import Expected

_BAR = 10
# less chance than this is told as none
_SLIM = 0.05


def curve_text(drawn: Curve, embedder: str = "") -> str:
    """Lay the curve out as a table, with a bar for the coverage at the spec's target."""
    on = f" on {embedder}" if embedder else ""
    sizes = listing([f"{n:,}" for n in drawn.learned])
    names = [f"[{target:.6g}]" if target == drawn.target else f"{target:.6g} " for target in drawn.targets]
    head = f"{'traces':>8} {''.join(f'{name:>8}' for name in names)}  chance at {drawn.target:.6g}"
    return "\n".join(
        [
            f"coverage to be expected, by traces and target: {drawn.learner} alone{on}, trained on {sizes} fit rows",
            head,
            *(_line(drawn, point) for point in drawn.points),
            f"{'>':>2} the traces at hand; -: a chance under {_SLIM}; far from the traces at hand it is a guess",
        ]
    )


def _line(drawn: Curve, point: Point) -> str:
    mark = ">" if point is drawn.now else ""
    cells = "".join(f"{_cell(each):>7} " for each in point.expected)
    here = drawn.at_target(point)
    bar = "█" * round(here.coverage * _BAR) if can_show(sys.stdout, "█") else ""
    return f"{mark:>2}{point.n_traces:>6,} {cells}  {here.chance:>9.2f}  {bar}".rstrip()


def _cell(expected: Expected) -> str:
    return "-" if expected.chance < _SLIM else f"{expected.coverage:.2f}"
