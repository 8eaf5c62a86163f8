"""Contracts of families and calibrators. Shapes: ``n`` rows, ``d`` dimensions, ``k`` classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tracer_spec.plugin.contracts import Mask, Plugin, Scores
from tracer_spec.plugin.label_targets import LabelTarget

if TYPE_CHECKING:
    from tracer_spec.plugin.policy import Candidate, Certificate, Chain, Measure, Model, Policy, Stage


class Trained(Protocol):
    """One surrogate of the zoo with its acceptor, as the fit rows see it: out of fold."""

    @property
    def name(self) -> str:
        """Return its alias in the spec."""
        ...

    @property
    def acceptor(self) -> Model:
        """Return its acceptor; where a spec names several, each surrogate is there once for each of them."""
        ...

    @property
    def scores(self) -> Scores:
        """Return out-of-fold class scores, shape (n, k)."""
        ...

    @property
    def accept(self) -> Scores:
        """Return out-of-fold acceptance scores, shape (n,)."""
        ...

    @property
    def agrees(self) -> Mask:
        """Return whether its out-of-fold label is the teacher's, shape (n,)."""
        ...

    @property
    def eligible(self) -> Mask:
        """Return which rows it may answer at all, shape (n,): the guards pass and the label is not denied."""
        ...


class Workshop(Protocol):
    """What a family builds policies from. It holds fit rows only; every score in it is out of fold."""

    @property
    def n_rows(self) -> int:
        """Return the number of fit rows, n."""
        ...

    @property
    def target(self) -> Target:
        """Return what the certificate must claim."""
        ...

    @property
    def trained(self) -> Sequence[Trained]:
        """Return the zoo, best out-of-fold agreement first."""
        ...

    def residual(self, trained: Trained, deferred: Mask) -> Trained | None:
        """Train ``trained`` again on the rows that earlier stages defer; None where that fails.

        Its out-of-fold scores cover all n rows, but only ``deferred`` ones trained it and its acceptor.
        """
        ...

    def stage(self, trained: Trained, threshold: float | None) -> Stage:
        """Return the stage that accepts where the acceptor's score reaches ``threshold``; None accepts all it may."""
        ...

    def thresholds(self, trained: Trained, among: Mask | None = None) -> Sequence[float]:
        """Return falling thresholds at even levels of coverage, counted among the rows ``among`` (default all)."""
        ...

    def replay(self, policy: Policy) -> tuple[Mask, Mask]:
        """Return what a policy handles, and where it agrees, out of fold: two masks of shape (n,)."""
        ...

    def candidate(self, family: str, policy: Policy) -> Candidate:
        """Return ``policy`` with its out-of-fold counts."""
        ...


class Family(Protocol):
    """A shape of policy."""

    def propose(self, workshop: Workshop) -> Iterable[Chain]:
        """Yield chains of candidates, each of rising coverage and nested.

        Nested: whatever a candidate handles, the next one handles too, with the same label. Calibrators rest on it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """What the certificate must claim.

    Parameters
    ----------
    agreement : float or None
        Of the handled traffic, in (0, 1); None where ``end_to_end`` is asked for.
    confidence : float
        1 - delta, in (0, 1).
    min_coverage : float
        In [0, 1]; candidates predicted to handle less are not proposed.
    end_to_end : float or None
        The share of *all* traffic that must get the teacher's label, in (0, 1).
    budget : float or None
        The error that this look at the certify rows may spend, in (0, 1 - confidence]; None where it is the only look.
    labels : tuple of LabelTarget
        What is asked of single labels besides.
    """

    agreement: float | None
    confidence: float
    min_coverage: float = 0.0
    end_to_end: float | None = None
    budget: float | None = None
    labels: tuple[LabelTarget, ...] = ()

    @property
    def delta(self) -> float:
        """Return the error budget of the test: 1 - confidence, or this look's share of it."""
        return round(1 - self.confidence, 12) if self.budget is None else self.budget

    @property
    def measure(self) -> Measure:
        """Return what the rate asked for is a rate of."""
        return "end_to_end" if self.agreement is None else "agreement"

    @property
    def level(self) -> float:
        """Return the rate asked for, of handled traffic or of all."""
        level = self.agreement if self.agreement is not None else self.end_to_end
        if level is None:
            raise ValueError("a target has an agreement or an end_to_end")
        return level


class CertifyRows(Protocol):
    """The certify rows, as a calibrator may see them: counts of whole policies, never rows."""

    def __len__(self) -> int: ...

    def count(self, policy: Policy) -> tuple[int, int]:
        """Return (n handled, k of them agreeing) of a whole policy."""
        ...

    def count_label(self, policy: Policy, asked: LabelTarget) -> tuple[int, int]:
        """Return (n trials, k successes) of one of the target's labels; see :meth:`.LabelTarget.outcomes`."""
        ...


class Calibrator(Protocol):
    """Decides what may ship."""

    def order(self, chains: Sequence[Chain], n_certify: int, target: Target) -> Sequence[Candidate]:
        """Freeze the order of testing, from fit rows and the *number* of certify rows alone."""
        ...

    def certify(self, ordered: Sequence[Candidate], rows: CertifyRows, target: Target) -> Certificate:
        """Test the candidates in their order and say which, if any, is certified."""
        ...


@dataclass(frozen=True, slots=True)
class CalibratorPlugin(Plugin[Calibrator]):
    """Describes a calibrator.

    Parameters
    ----------
    measure : {'agreement', 'end_to_end'}
        What its certificates state a rate of: the agreement on the traffic handled, or the share of all traffic that gets
        no label but the teacher's. The walk counts the same: handled rows that agree, or all rows but the wrong ones.
    tests : bool
        Whether it makes a test, and so a statement of confidence.
    tests_labels : bool
        Whether it tests ``target.labels`` too: a candidate passes only if the test of each of them does.
    tests_ranks : bool
        Whether its order is a fixed sequence of tests that ends with the first failure. Then the build may move thresholds
        before it calls ``certify``, so that each candidate handles as many certify rows as make the most of its test.
    """

    measure: Measure = "agreement"
    tests: bool = True
    tests_labels: bool = False
    tests_ranks: bool = False
