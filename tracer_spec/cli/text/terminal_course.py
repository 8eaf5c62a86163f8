"""Chart of a claim over time in a terminal: the rate of each stretch of days with its interval, and the level claimed."""

from __future__ import annotations

import sys
from typing import TextIO

from tracer_spec.cli.console import paint
from tracer_spec.cli.text.terminal_chart import beside_axis, can_show
from tracer_spec.production.monitoring.course import Progress
from tracer_spec.production.monitoring.monitor import Monitor

_WIDTH, _HEIGHT = 56, 9
_MOST = 14
_RATE = "●"


def draw_course(monitor: Monitor, *, stream: TextIO | None = None) -> list[str]:
    """Return the lines of a chart; none where the stream cannot show it, or where there is no course to show."""
    stream = stream or sys.stdout
    told = [each for each in monitor.progress(_MOST) if each.own.n]
    if len(told) < 2:
        return []
    reference = monitor.reference
    name = reference.measure.replace("_", " ")
    title = f"{name} over time, {_RATE} with its interval; dotted: the {reference.target:.6g} claimed"
    lines = [paint(title, "dim", stream=stream), *_plot(told, reference.target)]
    return [f"  {line}".rstrip() for line in lines] if can_show(stream, "".join(lines)) else []


def _plot(told: list[Progress], target: float) -> list[str]:
    """Plot each interval as a bar with the rate on it, and the target as a dotted line."""
    from plotille import Canvas

    lowest, highest = min(target, *(each.own.lower for each in told)), max(target, *(each.own.upper for each in told))
    # what is on the edge of a canvas, or rounds to it, is not on it
    margin = 0.01 + (highest - lowest) / (4 * _HEIGHT)
    low, high = lowest - margin, highest + margin
    canvas = Canvas(_WIDTH, _HEIGHT, xmin=0.0, ymin=low, xmax=1.0, ymax=high)
    for step in range(_WIDTH):
        canvas.point((step + 0.1) / _WIDTH, target)
    first, last = told[0].day, told[-1].day
    span = ((last - first).days + 1) / (1 - 0.5 / _WIDTH)
    for each in told:
        x, rate = (each.day - first).days / span, each.own.k / each.own.n
        canvas.line(x, each.own.lower, x, each.own.upper)
        canvas.text(x, rate, _RATE)
    axis = beside_axis(canvas, (lowest, highest, target))
    return [*axis, f"{'└':>6}{first.isoformat()}{last.isoformat():─>{_WIDTH - 10}}"]
