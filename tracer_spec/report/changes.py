"""Changes from one bundle to the next, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracer_spec.build_packages import check_build_packages
from tracer_spec.errors import Difference
from tracer_spec.flow.documents.audit import AuditDocument, Counts
from tracer_spec.flow.lock.differences import differences
from tracer_spec.report.compared_bundle import Side, compared_values, counts_document
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.archive import EMBEDDER, POLICY
from tracer_spec.runtime.bundle import naming
from tracer_spec.stats.multiple import holm
from tracer_spec.stats.two_samples import two_proportions

NOISE_LEVEL = 0.05
_RATES = "Rates are of fit rows."
NOISE = (
    "A change is called one where it is more than noise: Fisher's exact test of both rates at 5 %, over labels corrected by "
    f"Holm. {_RATES} On rows that both share it errs on the quiet side."
)
NOISE_OF_NESTED = (
    "Both builds decide the same rows by the same models at two thresholds, so a label's rows only move one way. A change is "
    f"called one where it is more than noise: the sign test at 5 %, over labels corrected by Holm. {_RATES}"
)
# what may differ between two builds of the same models
_THRESHOLD_BYTES = 4
_MODELS_DO_NOT_DEPEND_ON = ("target.", "name", "cost", "report")


@dataclass(frozen=True, slots=True)
class LabelChange:
    """How a label fares before and after, on each build's fit rows; a change is more than noise, all labels considered."""

    label: str
    old: Counts
    new: Counts
    p_value: float
    is_change: bool

    @property
    def delta(self) -> float | None:
        """Return the new handled rate less the old one; None where one of them has no rows."""
        old, new = self.old.coverage, self.new.coverage
        return None if old is None or new is None else new - old

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        sides = {"old": counts_document(self.old), "new": counts_document(self.new)}
        return {"label": self.label, **sides, "delta": self.delta, "p_value": self.p_value, "is_change": self.is_change}


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes from one bundle to the next.

    Parameters
    ----------
    old, new : Side
    labels : tuple of LabelChange
        Labels that both bundles know, those that lose most first.
    added, gone : tuple of str
        Labels that only the new, or only the old bundle knows.
    values : mapping of str to tuple of Difference
        Each value that differs, by what it is of: see :func:`~tracer_spec.report.compared_bundle.compared_values`.
    coverage_p, agreement_p : float or None
        Of "the rate is the same"; None where an audit is missing.
    is_nested : bool
        Whether both are the same single stage at two thresholds: one handles all that the other does, with the same labels.
    decides_alike : bool
        Whether policy, embedder and labels are the same, byte for byte, whatever else differs.
    """

    old: Side
    new: Side
    labels: tuple[LabelChange, ...] = field(repr=False)
    added: tuple[str, ...]
    gone: tuple[str, ...]
    values: Mapping[str, tuple[Difference, ...]] = field(repr=False)
    coverage_p: float | None
    agreement_p: float | None
    is_nested: bool
    decides_alike: bool

    @property
    def noise(self) -> str:
        """Return what is called a change, and on which rows."""
        return NOISE_OF_NESTED if self.is_nested else NOISE

    @property
    def is_same_file(self) -> bool:
        """Return whether both are one file, byte for byte."""
        return self.old.sha256 == self.new.sha256

    @property
    def is_same_version(self) -> bool:
        """Return whether both hold the same, whenever they were made."""
        return self.old.version == self.new.version

    @property
    def handled_less(self) -> tuple[LabelChange, ...]:
        """Return the labels handled less than before, by more than noise; those that lose most first."""
        return tuple(each for each in self.labels if each.is_change and (each.delta or 0) < 0)

    @property
    def handled_more(self) -> tuple[LabelChange, ...]:
        """Return the labels handled more than before, by more than noise; those that gain most first."""
        return tuple(each for each in reversed(self.labels) if each.is_change and (each.delta or 0) > 0)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "schema_version": 1,
            "same_file": self.is_same_file,
            "same_version": self.is_same_version,
            "decides_alike": self.decides_alike,
            "old": self.old.document(),
            "new": self.new.document(),
            "coverage": _rate(self.old.rows, self.new.rows, "coverage", self.coverage_p),
            "agreement": _rate(self.old.rows, self.new.rows, "agreement", self.agreement_p),
            "labels": [each.document() for each in self.labels],
            "added_labels": list(self.added),
            "gone_labels": list(self.gone),
            "values": {name: [each.document() for each in found] for name, found in self.values.items()},
            "same_models": self.is_nested,
            "noise": self.noise,
        }


def compare(old: Bundle, new: Bundle) -> Changes:
    """Compare two bundles, which may be drafts, and of other labels, dimensions or embedders.

    Raises
    ------
    BundleError
        Where a member that is compared cannot be read.
    MissingDependencyError
        Where scipy is not installed, which tells changes from noise.
    """
    check_build_packages("comparing bundles", "scipy")
    sides, audits, facts = [], [], []
    for bundle in (old, new):
        with naming(bundle.where):
            audit = AuditDocument.of_bundle(bundle)
            sides.append(Side.of(bundle, audit))
            audits.append({each.label: each for each in audit.labels})
            facts.append(compared_values(bundle))
    if (old.manifest.status == "draft") != (new.manifest.status == "draft"):
        for each in facts:
            each["traces"].pop("unknown_labels", None)  # a draft counts those of fit rows alone
    before, after = old.manifest.labels, new.manifest.labels
    values = {name: differences(was, facts[1][name]) for name, was in facts[0].items()}
    nested = _is_nested(values, old, new)
    test = _sign_test if nested else _fisher
    changes = _by_label([each for each in after if each in set(before)], audits[0], audits[1], test)
    rows = sides[0].rows, sides[1].rows
    both = None if rows[0] is None or rows[1] is None else (rows[0], rows[1])
    return Changes(
        old=sides[0],
        new=sides[1],
        labels=changes,
        added=tuple(each for each in after if each not in set(before)),
        gone=tuple(each for each in before if each not in set(after)),
        values=values,
        coverage_p=both and test(*both),
        agreement_p=both and two_proportions(both[0].handled, both[0].agree, both[1].handled, both[1].agree),
        is_nested=nested,
        decides_alike=_deciding(old) == _deciding(new),
    )


def _deciding(bundle: Bundle) -> tuple[object, ...]:
    """Return all that a decision depends on."""
    manifest = bundle.manifest
    members = {name: member for name, member in manifest.members.items() if name.startswith((POLICY, EMBEDDER))}
    return members, manifest.labels, manifest.dimension, manifest.embedder


def _is_nested(values: Mapping[str, Sequence[Difference]], old: Bundle, new: Bundle) -> bool:
    """Return whether nothing but the threshold of a single stage tells the two policies apart."""
    if any(values[key] for key in ("embedder", "traces", "plugins", "libraries")):
        return False
    if not all(each.address.startswith(_MODELS_DO_NOT_DEPEND_ON) for each in values["spec"]):
        return False
    if len(new.manifest.policy.stages) > 1 or [each.address for each in values["policy"]] != ["stages[0].threshold"]:
        return False
    graphs = [np.frombuffer(bundle.members[POLICY], np.uint8) for bundle in (old, new)]
    # a learner that ran out of time would leave another model under the same name
    return len(graphs[0]) == len(graphs[1]) and int((graphs[0] != graphs[1]).sum()) <= _THRESHOLD_BYTES


def _fisher(old: Counts, new: Counts) -> float:
    """Test two handled rates as those of independent rows."""
    return two_proportions(old.n, old.handled, new.n, new.handled)


def _sign_test(old: Counts, new: Counts) -> float:
    """Test two handled rates of the same rows, all of which that move do so one way (McNemar's test, exact)."""
    return min(1.0, 2.0 * 0.5 ** abs(new.handled - old.handled))


def _by_label(
    labels: Sequence[str],
    old: Mapping[str, Counts],
    new: Mapping[str, Counts],
    test: Callable[[Counts, Counts], float],
) -> tuple[LabelChange, ...]:
    """Return the labels, those that lose most first; a label that an audit does not tell has no rows."""
    nothing = Counts(n=0, handled=0, agree=0)
    pairs = [(label, old.get(label, nothing), new.get(label, nothing)) for label in labels]
    p_values = [test(was, now) for _, was, now in pairs]
    found = [
        LabelChange(label, was, now, p_value, is_change)
        for (label, was, now), p_value, is_change in zip(pairs, p_values, holm(p_values, NOISE_LEVEL), strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (each.delta if each.delta is not None else 0.0, each.label)))


def _rate(old: Counts | None, new: Counts | None, name: str, p_value: float | None) -> dict[str, Any]:
    was, now = (getattr(each, name) if each else None for each in (old, new))
    delta = None if was is None or now is None else now - was
    is_change = p_value is not None and p_value <= NOISE_LEVEL
    return {"old": was, "new": now, "delta": delta, "p_value": p_value, "is_change": is_change}
