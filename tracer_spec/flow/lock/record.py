"""What a lock says of the last certified build: what it was made from, and what it came to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.flow.bundle_file import Contents, Written, write_bundle
from tracer_spec.flow.documents.writers import certificate_document, policy_document
from tracer_spec.flow.lock.file import alone_in, lock_path, read_lock, write_lock
from tracer_spec.flow.lock.spec_keys import told_keys
from tracer_spec.flow.versions import libraries
from tracer_spec.runtime.manifest import Member
from tracer_spec.spec import spec_digest

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Certificate

_DIGITS = 12
# of the certificate; the rest of it is in the bundle
_SUMMARY = ("status", "claim", "measure", "target", "confidence", "look", "level", "n", "k", "p_value", "estimate")


def inputs_of(plan: Plan, traces: TraceSet, sides: Split) -> dict[str, Any]:
    """Return what a build is made from, as far as it is known before anything is embedded or trained."""
    return {
        "spec": {"digest": spec_digest(plan.spec), "keys": told_keys(plan.loaded)},
        "seed": plan.spec.seed,
        "traces": {
            "digest": traces.digest,
            "read": traces.accounting.read,
            "kept": traces.accounting.kept,
            "dropped": dict(traces.accounting.dropped),
            "fit": len(sides.fit),
            "certify": len(sides.certify),
        },
        "plugins": {
            f"{each.provided.kind} {each.provided.name}": f"{each.provided.distribution} {each.provided.version}"
            for each in plan.resolved
        },
        "libraries": libraries(),
    }


def embedder_of(prepared: Prepared) -> dict[str, Any]:
    """Return which function from text to vector it is, once it is fitted."""
    return {"fingerprint": prepared.embedder.embedder.fingerprint()}


def certificate_of(plan: Plan, certificate: Certificate) -> dict[str, Any]:
    """Return the summary of a certificate."""
    whole = certificate_document(certificate, plan.target)
    return {key: whole[key] for key in _SUMMARY}


def result_of(plan: Plan, certificate: Certificate, contents: Contents, written: Written) -> dict[str, Any]:
    """Return what a build came to: the certificate, the policy, and the bundle with its members."""
    shipped = certificate.shipped
    return {
        "certificate": certificate_of(plan, certificate),
        "policy": policy_document(shipped) if shipped else None,
        "bundle": {
            "sha256": written.sha256,
            "version": written.version,
            "created": contents.manifest.created,
            "members": {name: Member.of(contents.members[name]).sha256[:_DIGITS] for name in sorted(contents.members)},
        },
    }


def deliver(
    plan: Plan,
    prepared: Prepared,
    sides: Split,
    certificate: Certificate,
    place: Path,
    contents: Contents,
    *,
    record: bool,
) -> Written:
    """Write the bundle, then what it was made from and came to into the lock.

    Notes
    -----
    In this order, so that a lock never speaks of a bundle that was not written. A build that is killed between the two
    leaves the new bundle beside the lock of the build before: ``--locked`` then says what differs, and that the bundle is
    ahead of the lock; building again is no new look, gives the same bundle, and writes the lock. The folder of the lock is
    held over both steps, so that of two builds at once the bundle and the lock are one build's.
    """
    lock = lock_path(plan.loaded.file)
    if lock is None or not record or certificate.status != "certified":
        return write_bundle(place, contents.manifest, contents.members)
    with alone_in(lock.parent):
        written = write_bundle(place, contents.manifest, contents.members)
        now = read_lock(lock)
        made_from = {**inputs_of(plan, prepared.traces, sides), "embedder": embedder_of(prepared)}
        entry = {**made_from, **result_of(plan, certificate, contents, written)}
        if now.document.get("build") != entry or now.in_conflict:
            write_lock(lock, {**now.document, "build": entry}, now.ledger)
    return written
