"""Label names as training rows: what they say, and how much they weigh."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from tracer_spec.flow.cache.memory import digest_of
from tracer_spec.plugin import Classes, Vectors

_SEPARATORS = re.compile(r"[_\-./:|\\>\s]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class NamesGain:
    """What label names brought on fit rows, out of fold, and which learners train without them.

    Parameters
    ----------
    weight : float
        Of the row of a label, where one of a trace weighs 1; 0 where they do not train.
    agreement, without : float
        Of the learner that was tried, with label names at this weight and without them; in [0, 1].
    unable : tuple of str
        Learners that take no weights, and so train on traces alone.
    """

    weight: float
    agreement: float
    without: float
    unable: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelRows:
    """A training row for each label whose text the embedder knows something of; no estimate counts any.

    Parameters
    ----------
    X : ndarray of shape (m, d), float32
        The vectors of the labels' texts.
    y : ndarray of shape (m,), int64
        Their classes.
    is_asked : bool
        Whether they train whatever they bring.
    weight : float
        Of each, where the row of a trace weighs 1; 0 as long as nothing is chosen.
    gain : NamesGain or None
        None as long as nothing is chosen.
    """

    X: Vectors = field(repr=False)
    y: Classes = field(repr=False)
    is_asked: bool = False
    weight: float = 0.0
    gain: NamesGain | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def digest(self) -> bytes:
        """Return a digest of vectors, classes and weight; empty where they weigh nothing."""
        return digest_of(self.X) + digest_of(self.y) + digest_of(np.array(self.weight)) if self.weight else b""


def readable(label: str) -> str:
    """Return the words of a label's name.

    Examples
    --------
    >>> [readable(label) for label in ("card_arrival", "cardArrival", "TopUp-failed", "SEPATransfer", "C++", "--")]
    ['card arrival', 'card arrival', 'top up failed', 'sepa transfer', 'c++', '--']
    """
    words = _SEPARATORS.sub(" ", _HUMPS.sub(" ", label)).strip().lower()
    return words or label
