"""Whether the teacher answers, as far as the last rows that it was asked about tell."""

from __future__ import annotations

from dataclasses import dataclass

N_LATEST = 50
_FEWEST, _SHARE = 5, 0.2
ANSWERED, SILENT = "+", "-"


@dataclass(slots=True)
class TeacherAnswers:
    """Which requests the teacher answered lately.

    Parameters
    ----------
    latest : str
        The last rows that the teacher was asked about, 50 at most, the newest at the end: ``+`` where it answered, ``-`` where
        not. Deferred rows are among them: without an audit they alone tell that it is down.
    last : str
        The time of the latest row that it answered; empty before any, and where rows have no time.
    """

    latest: str = ""
    last: str = ""

    def add(self, *, is_asked: bool, is_answered: bool, time: str) -> None:
        """Take one more row."""
        if is_asked:
            self.latest = (self.latest + (ANSWERED if is_answered else SILENT))[-N_LATEST:]
        if is_answered:
            self.last = max(self.last, time)

    @property
    def n_latest(self) -> int:
        """Return how many of the last rows are remembered."""
        return len(self.latest)

    @property
    def n_silent(self) -> int:
        """Return how many of them the teacher did not answer."""
        return self.latest.count(SILENT)

    @property
    def is_silent(self) -> bool:
        """Return whether that is more than a failure now and then: five of them, and a fifth."""
        return self.n_silent >= max(_FEWEST, _SHARE * self.n_latest)
