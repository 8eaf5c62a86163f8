"""Choice of a first target: the highest that a build of the traces at hand is likely to certify, from fit rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_spec.flow.certifying.advice import nearest_text

if TYPE_CHECKING:
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan
    from tracer_spec.stats.expected_coverage import Nearest

TARGETS = (0.92, 0.9, 0.85, 0.8)
# of more traces the counts alone tell: a curve would take too long
_MOST_TRACES = 3_000
# a target is proposed where a build would more likely certify it than not
_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class LikelyTarget:
    """A target, and what a build would come to.

    Parameters
    ----------
    target : float
        The agreement proposed: the highest that is likely, or the first of ``TARGETS`` where none is.
    chance, coverage : float
        That a build certifies it, and the mean coverage then to be expected; both in [0, 1].
    nearest : Nearest
        What would likely be certified.
    """

    target: float
    chance: float
    coverage: float
    nearest: Nearest

    @property
    def is_likely(self) -> bool:
        """Tell whether a build would more likely certify the target than not."""
        return self.chance >= _EVEN

    @property
    def reason(self) -> str:
        """Return why this target is proposed, in a sentence or two."""
        if not self.is_likely:
            return (
                f"No target from {TARGETS[-1]:g} to {TARGETS[0]:g} is likely to be certified on these traces. "
                f"Nearest: {nearest_text(self.nearest, 'target.agreement')}."
            )
        lower = "" if self.target == TARGETS[0] else f"{TARGETS[0]:g} is not likely to be certified on these traces. "
        return (
            f"{lower}For {self.target:g} the chance is about {self.chance:.2f}, and the coverage to be expected "
            f"{self.coverage:.2f}."
        )


def likely_target(plan: Plan, fit: TraceSet, outlook: Outlook) -> LikelyTarget | None:
    """Choose a target by the curve of ``plan``; None where the traces are too many to draw it, or none can be drawn.

    Parameters
    ----------
    plan : Plan
        For the first of ``TARGETS``.
    fit : TraceSet
        The fit rows; of certify rows nothing but their number, in ``outlook``, is used.
    """
    from tracer_spec.flow.preview.curve import draw_curve

    n_traces = outlook.n_fit + outlook.certifiable.n_certify
    drawn = draw_curve(plan, fit, outlook, sizes=()) if n_traces <= _MOST_TRACES else None
    if drawn is None:
        return None
    expected = dict(zip(drawn.targets, drawn.now.expected, strict=True))
    target = next((each for each in TARGETS if expected[each].chance >= _EVEN), TARGETS[0])
    return LikelyTarget(target, expected[target].chance, expected[target].coverage, drawn.nearest)
