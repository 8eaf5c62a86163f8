"""Remarks on a policy: what its claim does not say, and whoever trusts it should know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_spec.flow.documents.audit import AuditDocument, LabelTally
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.runtime.manifest import PolicySummary

NEVER_DEFERS = (
    "it handles everything it can embed, requests like none of the traces too: nothing is deferred but a text that is "
    "blank or of unknown terms ('guards: [prototypes]' defers what lies far from the traces)"
)
# a label of fewer fit rows than either is rare: agreement over all traffic says little about it
_FEW_ROWS, _SMALL_SHARE = 20, 0.01
_LISTED = 10
_SHOWN = 60


def remarks(
    policy: PolicySummary, audit: AuditDocument, certificate: CertificateDocument | None = None
) -> tuple[str, ...]:
    """Return what to know of a policy besides its claim, a sentence each, from fit rows, out of fold.

    Of a deferred or a rare label it tells how many of the rows that the teacher gives it get another label instead.
    """
    tallies = [each for each in audit.labels if each.handled > each.agree]
    deferred = [each for each in tallies if each.label in policy.defer_labels]
    rare = [each for each in tallies if each.n < max(_FEW_ROWS, _SMALL_SHARE * audit.n) and each not in deferred]
    of = f" (of {audit.n:,} of {audit.n_fit:,}, a sample that is like the traffic)" if audit.n_fit else ""
    found = [] if certificate is None else _under_the_claim(certificate)
    found += [NEVER_DEFERS] if _never_defers(policy) else []
    if deferred:
        found.append(f"fit rows{of} of deferred labels answered with another label: {_counts(deferred)} (docs/faq.md)")
    if rare:
        found.append(f"fit rows{of} of rare labels answered with another label: {_counts(rare)}")
    return tuple(found)


def _under_the_claim(certificate: CertificateDocument) -> list[str]:
    """Say why the estimate of a certified agreement may lie under what is claimed."""
    estimate, target = certificate.estimate, certificate.target
    is_certified = certificate.status == "certified" and certificate.measure == "agreement"
    if not is_certified or estimate is None or target is None or estimate.agreement >= target:
        return []
    return [
        f"the estimate of agreement, {estimate.agreement:.3f} on fit rows out of fold, lies under the {target:.6g} certified "
        "on certify rows: with folds left out it trains on fewer rows than what ships; fit rows can be older or harder (as "
        "under 'strategy: fresh'), or of another teacher; or certify rows say what fit rows say, which is traffic only where "
        "people ask again ('traces.repeats')"
    ]


def _never_defers(policy: PolicySummary) -> bool:
    """Return whether a stage takes whatever comes to it."""
    return not policy.defer_labels and any(stage.threshold is None and not stage.guards for stage in policy.stages)


def _counts(tallies: Iterable[LabelTally]) -> str:
    """Count the rows of each label that get another, the largest share first."""
    ordered = sorted(tallies, key=lambda each: (-(each.handled - each.agree) / each.n, -each.n, each.label))
    told = [f"{each.label[:_SHOWN]!r} {each.handled - each.agree:,} of {each.n:,}" for each in ordered[:_LISTED]]
    more = len(ordered) - len(told)
    return ", ".join([*told, f"and {more:,} more"] if more else told)
