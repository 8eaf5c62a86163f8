"""What the certify rows allow of the targets of single labels, from counts of fit rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tracer_spec.plugin import LabelTarget, Target
from tracer_spec.stats.binomial import fewest_trials, p_value, trials_needed

# with less chance than this of rows enough, a build would not open the certify rows
_HOPELESS = 0.01


@dataclass(frozen=True, slots=True)
class LabelOutlook:
    """What the certify rows allow of one label's target.

    Parameters
    ----------
    asked : LabelTarget
    fewest : int
        Trials without which its test cannot pass, every one of them a success.
    expected : int
        Certify rows with the label that are to be expected, by the teacher's answers to the fit rows. They are the trials of
        ``missed``; for ``agreement`` the router is supposed to give the label as often as the teacher.
    likely_rate : float
        Of successes: halfway from the level to 1, what a good policy might truly reach.
    likely_rows : int or None
        Trials that such a policy needs to pass nine times in ten.
    traces_missing : int
        About how many more traces it takes until so many are to be expected as the test needs at the least.
    chance : float
        That the certify rows hold so many, in [0, 1].
    """

    asked: LabelTarget
    fewest: int
    expected: int
    likely_rate: float
    likely_rows: int | None
    traces_missing: int
    chance: float

    @property
    def is_hopeless(self) -> bool:
        """Return whether too few rows are to be expected for its test ever to pass."""
        return self.chance < _HOPELESS


def label_outlooks(
    target: Target, level: float, shares: Mapping[str, float], n_certify: int, n_traces: int
) -> tuple[LabelOutlook, ...]:
    """Compare the rows that the test of each label needs with those to be expected.

    Parameters
    ----------
    target : Target
    level : float
        The error that the test may spend.
    shares : mapping of str to float
        How much of the traffic the teacher calls so, by label, in [0, 1], by the fit rows.
    n_certify, n_traces : int
    """
    found = []
    for asked in target.labels:
        share, fewest = shares.get(asked.label, 0.0), fewest_trials(asked.level, level)
        likely = (1 + asked.level) / 2
        certified = share * n_certify / n_traces if n_traces else 0.0
        found.append(
            LabelOutlook(
                asked,
                fewest,
                round(share * n_certify),
                likely,
                trials_needed(likely, asked.level, level),
                max(0, math.ceil(fewest / certified) - n_traces) if certified else 0,
                # P(Bin(n_certify, share) >= fewest)
                p_value(n_certify, fewest, share) if n_certify >= fewest else 0.0,
            )
        )
    return tuple(found)
