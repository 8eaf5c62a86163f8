"""Record of a certified build in the lock: its inputs and its outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.atomic_write import alone_in
from tracer_spec.flow.bundle_file import Contents, Written, write_bundle
from tracer_spec.flow.cache.memory import digest_of
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.document import read_part
from tracer_spec.flow.documents.lock import (
    Build,
    BundleEntry,
    CertificateEntry,
    EmbedderEntry,
    Inputs,
    PolicyEntry,
    SpecEntry,
    TracesEntry,
)
from tracer_spec.flow.lock.file import lock_path, read_lock, write_lock
from tracer_spec.flow.lock.fitted import as_entry
from tracer_spec.flow.lock.spec_keys import told_keys
from tracer_spec.flow.traces.splits import FRESH
from tracer_spec.flow.versions import libraries
from tracer_spec.runtime.manifest import Member
from tracer_spec.spec import spec_digest
from tracer_spec.spec.sources import shared

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.summary import Summary
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Certificate

_DIGITS = 12


def inputs_of(plan: Plan, traces: TraceSet | Summary, sides: Split) -> Inputs:
    """Return what a build is made from, as far as it is known before anything is embedded or trained."""
    accounting = traces.accounting
    return Inputs(
        spec=SpecEntry(digest=spec_digest(plan.spec), keys=told_keys(plan.loaded)),
        seed=plan.spec.seed,
        traces=TracesEntry(
            digest=traces.digest,
            read=accounting.read,
            kept=accounting.kept,
            dropped=accounting.dropped,
            fit=len(sides.fit),
            certify=len(sides.certify),
            fresh_after=sides.cut if plan.spec.split.strategy == FRESH else None,
        ),
        plugins={
            f"{each.provided.kind} {each.provided.name}": f"{each.provided.distribution} {each.provided.version}"
            for each in plan.resolved
        },
        libraries=libraries(),
        files=_files(plan) or None,
    )


def _files(plan: Plan) -> dict[str, str]:
    """Return what the files hold that the spec names: labels and their descriptions, whatever their layout."""
    holds = {
        "allowed": list(plan.allowed_labels or ()),
        "describe": plan.label_texts,
    }
    return {
        f"traces.labels.{key}": digest_head(json.dumps(held, sort_keys=True).encode())
        for key, held in holds.items()
        if shared(plan.spec.sources, "labels", key) != "infer"
        and isinstance(shared(plan.spec.sources, "labels", key), str)
    }


def embedder_of(prepared: Prepared) -> EmbedderEntry:
    """Return which function from text to vector it is, once it is fitted."""
    vectors = None if prepared.embedder.brings_text else digest_of(prepared.fit.X).hex()[:_DIGITS]
    return EmbedderEntry(fingerprint=prepared.embedder.embedder.fingerprint(), vectors=vectors)


def certificate_of(certificate: Certificate) -> dict[str, Any]:
    """Return the summary of a certificate, refused ones too, as JSON values."""
    whole = CertificateDocument.of(certificate).document()
    return {key: whole[key] for key in CertificateEntry.model_fields}


def bundle_of(contents: Contents, written: Written) -> BundleEntry:
    """Return which bundle a build came to."""
    return BundleEntry(
        sha256=written.sha256,
        version=written.version,
        created=contents.manifest.created,
        members={name: digest_head(contents.members[name]) for name in sorted(contents.members)},
    )


def digest_head(content: bytes) -> str:
    """Return what a lock tells of a member's digest."""
    return Member.of(content).sha256[:_DIGITS]


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
    if lock is None or not record or certificate.status != "certified" or certificate.shipped is None:
        return write_bundle(place, contents.manifest, contents.members)
    with alone_in(lock.parent):
        written = write_bundle(place, contents.manifest, contents.members)
        now = read_lock(lock)
        build = Build(
            **dict(inputs_of(plan, prepared.traces, sides)),
            embedder=embedder_of(prepared),
            certificate=read_part(CertificateEntry, certificate_of(certificate)),
            policy=PolicyEntry.of(certificate.shipped),
            bundle=bundle_of(contents, written),
            dealt=as_entry(sides.dealt),
        )
        if now.document.build != build or now.in_conflict:
            write_lock(lock, now.document.model_copy(update={"build": build}))
    return written
