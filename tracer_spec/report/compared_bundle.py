"""One of two bundles that are compared: its claim, its counts on fit rows, and what it was made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tracer_spec.flow.documents.audit import AuditDocument, Counts
from tracer_spec.flow.documents.certificate import CertificateDocument, Claim
from tracer_spec.flow.remarks import remarks
from tracer_spec.report.spec_values import spec_values
from tracer_spec.report.told import mapping
from tracer_spec.runtime import Bundle


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two bundles; ``n_bytes`` are of all its members, ``rows`` its counts on fit rows, where it tells them.

    ``remarks`` are what its claim does not say.
    """

    name: str
    version: str
    sha256: str
    status: str
    created: str | None
    n_bytes: int
    claim: Claim
    certificate: CertificateDocument
    rows: Counts | None
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, bundle: Bundle, audit: AuditDocument) -> Side:
        """Return what a bundle claims."""
        manifest, certificate = bundle.manifest, CertificateDocument.of_bundle(bundle)
        return cls(
            name=manifest.name,
            version=manifest.version,
            sha256=bundle.sha256,
            status=manifest.status,
            created=manifest.created,
            n_bytes=sum(map(len, bundle.members.values())),
            claim=certificate.claimed(manifest.status),
            certificate=certificate,
            rows=audit.counts,
            remarks=remarks(manifest.policy, audit, certificate),
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            **{key: getattr(self, key) for key in ("name", "version", "sha256", "status", "created")},
            "claim": self.claim.text,
            "calibrator": self.certificate.calibrator or "",
            **{key: getattr(self.claim, key) for key in ("measure", "target", "confidence")},
            **({"label_claims": [asdict(each) for each in self.claim.labels]} if self.claim.labels else {}),
            "bytes": self.n_bytes,
            **{key: getattr(self.certificate, key) for key in ("look", "level", "n", "k", "p_value")},
            "rows": counts_document(self.rows) if self.rows else None,
            "remarks": list(self.remarks),
        }


def counts_document(counts: Counts) -> dict[str, Any]:
    """Return counts with their rates as JSON values."""
    return {key: getattr(counts, key) for key in ("n", "handled", "agree", "coverage", "agreement")}


def compared_values(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Return what is compared value by value."""
    manifest = bundle.manifest.document()
    provenance, embedder, policy = manifest["provenance"], manifest["embedder"], manifest["policy"]
    plugins = provenance.get("plugins", [])
    denied = dict.fromkeys(policy.pop("defer_labels"), "always deferred")
    return {
        "policy": {**policy, "defer_labels": denied},
        "embedder": {
            "use": embedder["use"],
            "shipped by": f"{embedder['distribution']} {embedder['version']}",
            "fingerprint": embedder["fingerprint"],
            "dimension": manifest["dimension"],
            "options": embedder["options"],
        },
        "traces": dict(mapping(provenance.get("traces"))),
        "plugins": {
            f"{each.get('kind')} {each.get('name')}": f"{each.get('distribution')} {each.get('version')}"
            for each in (plugins if isinstance(plugins, list) else ())
            if isinstance(each, dict)
        },
        "libraries": dict(mapping(provenance.get("libraries"))),
        "spec": dict(spec_values(bundle)),
    }
