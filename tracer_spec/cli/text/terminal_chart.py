"""Chart of a policy in a terminal: the Pareto front, beside the labels that are handled least."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, TextIO

from tracer_spec.cli.console import paint
from tracer_spec.text_format import one_line

if TYPE_CHECKING:
    from plotille import Canvas

Point = tuple[float, float]

N_WORST = 10
_CANVAS_WIDTH, _CANVAS_HEIGHT = 28, 9
_LABEL_WIDTH, _BAR_WIDTH = 18, 10
_GAP = 3
_SIDE_BY_SIDE = 80
_WIDTH = _CANVAS_WIDTH + 6
_CHOSEN = "◆"
# fewer points than this make no picture
_FEWEST_POINTS = 10
# a rate of fewer rows than this says next to nothing of a label
_FEWEST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn: estimates from fit rows, out of fold.

    Parameters
    ----------
    front : tuple of (float, float)
        Coverage and agreement of the candidates that no other beats, by rising coverage.
    chosen : (float, float) or None
        The candidate that ships.
    target : float or None
        The agreement asked for, where it was one.
    labels : tuple of (str, int, int)
        The teacher's labels with their rows and how many of them are handled.
    """

    front: tuple[Point, ...]
    chosen: Point | None
    target: float | None
    labels: tuple[tuple[str, int, int], ...] = field(default=(), repr=False)

    @property
    def worst(self) -> list[tuple[str, int, int]]:
        """Return the labels that are handled least, the commoner of equals first."""
        seen = [each for each in self.labels if each[1] >= _FEWEST_ROWS]
        return sorted(seen, key=lambda each: (each[2] / each[1], -each[1], each[0]))[:N_WORST]


def draw(picture: Picture, *, stream: TextIO | None = None) -> list[str]:
    """Return the lines of a picture; none where the stream cannot show it, or where there is nothing to draw."""
    stream = stream or sys.stdout
    if len(picture.front) < _FEWEST_POINTS:
        return []
    plot, bars = _plot(picture), _bars(picture)
    if not can_show(stream, "".join([*plot, *bars])):
        return []
    plot, bars = _titled(plot, stream), _titled(bars, stream)
    if shutil.get_terminal_size((_SIDE_BY_SIDE, 24)).columns < _SIDE_BY_SIDE:
        return [f"  {line}".rstrip() for line in (*plot, *bars)]
    return [f"  {one}{' ' * _GAP}{other}".rstrip() for one, other in zip_longest(plot, bars, fillvalue=" " * _WIDTH)]


def _titled(lines: list[str], stream: TextIO) -> list[str]:
    """Pad lines to the width of the plot, and paint the first as a title."""
    padded = [line.ljust(_WIDTH) for line in lines]
    return [paint(title, "dim", stream=stream) for title in padded[:1]] + padded[1:]


def _plot(picture: Picture) -> list[str]:
    """Plot the front, with the target as a dotted line."""
    from plotille import Canvas

    heights = [agreement for _, agreement in picture.front] or [0.0]
    levels = [*heights, *([] if picture.target is None else [picture.target])]
    margin = 0.005 + (max(levels) - min(levels)) / (4 * _CANVAS_HEIGHT)
    low, high = min(levels) - margin, max(levels) + margin
    last = 1.0 - 0.5 / _CANVAS_WIDTH  # what stands on the right edge is not drawn
    canvas = Canvas(_CANVAS_WIDTH, _CANVAS_HEIGHT, xmin=0.0, ymin=low, xmax=1.0, ymax=high)
    for coverage, agreement in picture.front:
        canvas.point(min(coverage, last), agreement)
    if picture.target is not None:
        for step in range(_CANVAS_WIDTH):
            canvas.point((step + 0.1) / _CANVAS_WIDTH, picture.target)
    if picture.chosen is not None:
        coverage, agreement = picture.chosen
        canvas.text(min(coverage, last), agreement, _CHOSEN)
    told = [min(levels), max(levels), *levels[len(heights) :]]
    under = f"{'└':>6}0{'coverage':─^{_CANVAS_WIDTH - 2}}1"
    title = f"agreement by coverage{f', {_CHOSEN} ships' if picture.chosen else ''}"
    return [title, *beside_axis(canvas, told), under]


def beside_axis(canvas: Canvas, levels: Iterable[float]) -> list[str]:
    """Return the rows of a canvas, four dots high each, beside an axis that tells levels, of one row the last."""
    rows = canvas.plot(linesep="\n").replace("\u2800", " ").split("\n")
    dots = {level: round((level - canvas.ymin) / (canvas.ymax - canvas.ymin) * len(rows) * 4) for level in levels}
    numbers = {len(rows) - 1 - n // 4: f"{level:.2f}".lstrip("0") for level, n in dots.items()}
    return [f"{numbers.get(number, ''):>4} │{row}".rstrip() for number, row in enumerate(rows)]


def _bars(picture: Picture) -> list[str]:
    """Draw how much of each of the worst labels is handled."""
    if not picture.worst:
        return []
    what = "labels handled least" if len(picture.labels) > N_WORST else "handled, by label"
    return [what, *(_bar(*each) for each in picture.worst)]


def _bar(label: str, n: int, n_handled: int) -> str:
    rate = n_handled / n
    eighths = round(rate * _BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    blocks = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return f"{one_line(label, _LABEL_WIDTH):<{_LABEL_WIDTH}} {blocks:<{_BAR_WIDTH}} {rate:>4.0%} of {n:,}"


def can_show(stream: TextIO, text: str) -> bool:
    """Return whether the charset of a stream has all characters of a text."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
