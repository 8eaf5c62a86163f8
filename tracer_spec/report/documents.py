"""Documents of a bundle, as the report reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument, Estimate
from tracer_spec.flow.documents.frontier import FrontierDocument
from tracer_spec.report.changes import Changes, compare
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.archive import SPEC

if TYPE_CHECKING:
    from tracer_spec.production.monitoring.log import Reading
    from tracer_spec.production.monitoring.monitor import Monitor


@dataclass(frozen=True, slots=True)
class Documents:
    """A bundle as the report reads it.

    ``spec`` is ``router.yaml`` as built, ``changes`` what is new since an earlier bundle, ``followed`` what the log of its
    decisions says.
    """

    bundle: Bundle
    certificate: CertificateDocument
    frontier: FrontierDocument
    audit: AuditDocument
    spec: str
    changes: Changes | None = None
    followed: tuple[Monitor, Reading] | None = None

    @property
    def estimate(self) -> Estimate | None:
        """Return what is estimated of the policy that ships, where the bundle tells."""
        if self.certificate.estimate is not None:
            return self.certificate.estimate
        coverage, agreement = self.audit.coverage, self.audit.agreement
        if coverage is None or agreement is None:
            return None
        return Estimate(coverage=coverage, agreement=agreement)


def read_documents(
    bundle: Bundle, previous: Bundle | None = None, followed: tuple[Monitor, Reading] | None = None
) -> Documents:
    """Read the documents of a bundle, and compare it with an earlier one.

    Raises
    ------
    BundleError
        Where one is not JSON, or a value in it is not of the kind that its key asks for.
    """
    return Documents(
        bundle=bundle,
        certificate=CertificateDocument.of_bundle(bundle),
        frontier=FrontierDocument.of_bundle(bundle),
        audit=AuditDocument.of_bundle(bundle),
        spec=bundle.members[SPEC].decode(errors="replace"),
        changes=None if previous is None else compare(previous, bundle),
        followed=followed,
    )
