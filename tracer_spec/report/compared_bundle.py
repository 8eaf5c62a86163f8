"""One bundle of two that are compared: its claim, its counts on fit rows, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracer_spec.errors import BundleError
from tracer_spec.flow.documents.claim import read_claim
from tracer_spec.report.written_spec import written_spec
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.bundle import CERTIFICATE
from tracer_spec.runtime.strict_json import read_json

AUDIT = "audit.json"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows, those handled, and those of them that agree with the teacher."""

    n: int
    handled: int
    agree: int

    @property
    def coverage(self) -> float | None:
        """Return handled / n; None without rows."""
        return self.handled / self.n if self.n else None

    @property
    def agreement(self) -> float | None:
        """Return agree / handled; None where nothing is handled."""
        return self.agree / self.handled if self.handled else None

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        rates = {"coverage": self.coverage, "agreement": self.agreement}
        return {"n": self.n, "handled": self.handled, "agree": self.agree, **rates}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two bundles.

    Parameters
    ----------
    name, version, sha256, status : str
    created : str or None
    n_bytes : int
        Of all its members.
    claim, calibrator : str
        The certificate's.
    measure : str
        What the target is a rate of: ``agreement`` or ``end_to_end``.
    target : float
    confidence : float or None
        None where nothing is claimed.
    test : mapping
        ``look``, ``level``, ``n``, ``k`` and ``p_value`` of the certificate; None where it does not say.
    rows : Counts or None
        On its fit rows, out of fold; None where the bundle has no audit.
    """

    name: str
    version: str
    sha256: str
    status: str
    created: str | None
    n_bytes: int
    claim: str
    calibrator: str
    measure: str
    target: float
    confidence: float | None
    test: Mapping[str, Any]
    rows: Counts | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        plain = (
            "name",
            "version",
            "sha256",
            "status",
            "created",
            "claim",
            "calibrator",
            "measure",
            "target",
            "confidence",
        )
        values = {key: getattr(self, key) for key in plain}
        return {**values, "bytes": self.n_bytes, **self.test, "rows": self.rows.document() if self.rows else None}


def read_side(bundle: Bundle, rows: Counts | None) -> Side:
    """Return what a bundle claims; ``rows`` are its counts on fit rows."""
    manifest = bundle.manifest
    certificate = read_json(bundle.members[CERTIFICATE], member=CERTIFICATE)
    claim = read_claim(certificate, manifest.status)
    return Side(
        name=manifest.name,
        version=manifest.version,
        sha256=bundle.sha256,
        status=manifest.status,
        created=manifest.created,
        n_bytes=sum(map(len, bundle.members.values())),
        claim=claim.text,
        calibrator=str(certificate.get("calibrator", "")),
        measure=claim.measure,
        target=claim.target,
        confidence=claim.confidence,
        test={key: _number(certificate, key) for key in ("look", "level", "n", "k", "p_value")},
        rows=rows,
    )


def _number(certificate: Mapping[str, Any], key: str) -> float | int | None:
    value = certificate.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BundleError(f"{key} is no number", address=CERTIFICATE, hint="build the bundle again")
    return value


def read_audit(bundle: Bundle) -> tuple[Counts | None, dict[str, Counts]]:
    """Return the counts of the fit rows in all and by label; None and nothing where the bundle has no audit."""
    if AUDIT not in bundle.members:
        return None, {}
    document = read_json(bundle.members[AUDIT], member=AUDIT)
    try:
        labels = {str(each["label"]): _counts(each) for each in document.get("labels", ())}
        # older bundles lack keys
        return _counts(document) if {"n", "handled", "agree"} <= document.keys() else None, labels
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BundleError("is not an audit", address=AUDIT, hint="build the bundle again") from None


def _counts(document: Mapping[str, Any]) -> Counts:
    n, handled, agree = (document[key] for key in ("n", "handled", "agree"))
    if not all(type(each) is int for each in (n, handled, agree)) or not 0 <= agree <= handled <= n:
        raise ValueError
    return Counts(n, handled, agree)


def read_facts(bundle: Bundle) -> dict[str, dict[str, Any]]:
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
        "traces": _mapping(provenance, "traces"),
        "plugins": {
            f"{each.get('kind')} {each.get('name')}": f"{each.get('distribution')} {each.get('version')}"
            for each in (plugins if isinstance(plugins, list) else ())
            if isinstance(each, dict)
        },
        "libraries": _mapping(provenance, "libraries"),
        "spec": dict(written_spec(bundle)),
    }


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return dict(value) if isinstance(value, dict) else {}
