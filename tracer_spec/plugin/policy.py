"""Policies, candidates, chains and the certificate, as plain frozen data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from tracer_spec.plugin.label_targets import LabelEstimate, LabelStep, LabelTarget

# what a target is a rate of: agreement, of the traffic handled; end_to_end, of all traffic that gets no other label
Measure: TypeAlias = Literal["agreement", "end_to_end"]


@dataclass(frozen=True)
class Model:
    """An exported graph under a name.

    Parameters
    ----------
    name : str
        The alias in the spec; unique per role.
    onnx : bytes
        The serialised graph: what is ranked, certified and shipped.
    """

    name: str
    onnx: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Return the sha256 of the graph, in hex; it is asked for with each candidate that shares the graph."""
        return hashlib.sha256(self.onnx).hexdigest()


@dataclass(frozen=True, slots=True)
class Fence:
    """A guard with its limit: inputs beyond it are refused.

    Parameters
    ----------
    guard : Model
        ``embedding (n, d), label (n,) -> distance (n,)``.
    limit : float
        The stage accepts where ``distance <= limit``; finite.
    """

    guard: Model
    limit: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One try of a policy: a surrogate answers where its acceptor and its guards let it.

    Parameters
    ----------
    surrogate : Model
        ``embedding (n, d) -> scores (n, k)``, and ``votes (n, m - 1)`` where it averages m members.
    acceptor : Model or None
        ``embedding (n, d), scores (n, k), votes (n, m - 1) -> accept (n,)``, of which inputs it may leave some out; None
        accepts all.
    threshold : float
        The stage accepts where ``accept >= threshold``; 0 where there is no acceptor.
    fences : tuple of Fence
        Guards that must all pass.
    """

    surrogate: Model
    acceptor: Model | None = None
    threshold: float = 0.0
    fences: tuple[Fence, ...] = ()


Policy: TypeAlias = tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy with what the fit rows, out of fold, say of it.

    Parameters
    ----------
    family : str
    policy : Policy
    n_rows, n_handled, n_agree : float
        Fit rows, those handled, and those of them that agree with the teacher; where fit rows are weighted, as many rows of
        equal weight as tell as much, which need not be whole numbers.
    labels : tuple of LabelEstimate
        One for each of the target's labels, in its order.
    cost : float
        What a decision is estimated to cost, for a comparison; 0 where it was not estimated.
    """

    family: str
    policy: Policy
    n_rows: float
    n_handled: float
    n_agree: float
    labels: tuple[LabelEstimate, ...] = ()
    cost: float = 0.0

    @property
    def coverage(self) -> float:
        """Return the estimated coverage, in [0, 1]."""
        return self.n_handled / self.n_rows if self.n_rows else 0.0

    @property
    def coverage_error(self) -> float:
        """Return one standard error of the coverage, as so many fit rows estimate it."""
        return float((self.coverage * (1 - self.coverage) / self.n_rows) ** 0.5) if self.n_rows else 0.0

    @property
    def agreement(self) -> float:
        """Return the estimated agreement, in [0, 1]; 0 where nothing is handled."""
        return self.n_agree / self.n_handled if self.n_handled else 0.0

    @property
    def surrogates(self) -> tuple[str, ...]:
        """Return the aliases of the stages' surrogates."""
        return tuple(stage.surrogate.name for stage in self.policy)


@dataclass(frozen=True, slots=True)
class Chain:
    """Candidates of one family and one choice of surrogates, of rising coverage."""

    family: str
    surrogates: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    @property
    def acceptors(self) -> tuple[str, ...]:
        """Return the aliases of the acceptors that its candidates ask, each once."""
        stages = (stage for candidate in self.candidates for stage in candidate.policy)
        return tuple(dict.fromkeys(stage.acceptor.name for stage in stages if stage.acceptor))


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One step of the walk over the certify rows.

    Parameters
    ----------
    candidate : Candidate
    n, k : int
        Trials and successes: certify rows handled and those of them agreeing, or, for a claim on all traffic, certify
        rows and those of them that got no label but the teacher's.
    p_value : float or None
        In [0, 1]; None where the calibrator tests nothing.
    passed : bool
        Whether all tests of the candidate passed, those of its labels too.
    labels : tuple of LabelStep
        One for each of the target's labels, in its order.
    """

    candidate: Candidate
    n: int
    k: int
    p_value: float | None
    passed: bool
    labels: tuple[LabelStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """The claim, the numbers behind it, and its assumptions.

    Parameters
    ----------
    calibrator : str
        The calibrator that tested.
    target : float
        The agreement asked for, in (0, 1).
    confidence : float or None
        1 - delta; None where the calibrator makes no confidence statement.
    n_certify : int
        Certify rows, handled or not.
    walk : tuple of WalkStep
        Every candidate tested, in order.
    chosen : WalkStep or None
        The step that ships; None is a refusal.
    claim : str
        One sentence in plain words.
    level : float or None
        The error that the test was allowed to spend: 1 - confidence, or this look's share of it.
    assumptions, voided_by : tuple of str
        What the claim rests on; what would end it.
    look : int or None
        Which look at overlapping certify rows this was, from 1; None where looks are not counted.
    draft : Candidate or None
        What a draft build ships instead of a tested candidate: it claims nothing.
    scores : tuple of float
        Quantiles of the shipped policy's acceptance scores on the certify rows, ascending: what later traffic is compared
        with. Put in by the build once the test is over; empty where nothing was certified.
    measure : {'agreement', 'end_to_end'}
        What the target is a rate of. Put in by the build.
    doubt : str
        What to look for where a test that passed is not believed, or passed under one reading of the rows alone; empty
        otherwise. Put in by the build.
    labels : tuple of LabelTarget
        What else is claimed of what ships, at the same confidence together with the target. Put in by the build.
    """

    calibrator: str
    target: float
    confidence: float | None
    n_certify: int
    walk: tuple[WalkStep, ...]
    chosen: WalkStep | None
    claim: str
    level: float | None = None
    assumptions: tuple[str, ...] = ()
    voided_by: tuple[str, ...] = ()
    look: int | None = None
    draft: Candidate | None = None
    scores: tuple[float, ...] = ()
    measure: Measure = "agreement"
    doubt: str = ""
    labels: tuple[LabelTarget, ...] = ()

    @property
    def status(self) -> Literal["certified", "uncertified", "draft", "refused"]:
        """Return ``certified``, ``draft``, ``refused``, or ``uncertified`` where what ships has no confidence stated."""
        if self.draft is not None:
            return "draft"
        if self.chosen is None:
            return "refused"
        return "uncertified" if self.confidence is None else "certified"

    @property
    def shipped(self) -> Candidate | None:
        """Return what goes into the bundle; None where refused."""
        return self.chosen.candidate if self.chosen else self.draft
