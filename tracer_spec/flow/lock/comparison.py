"""Comparison of a build with the one that the lock pins, for ``build --locked`` and ``--check``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tracer_spec.errors import BundleError, Difference, LockError, Problem
from tracer_spec.flow.bundle_file import Contents, Written
from tracer_spec.flow.documents.lock import Build, Inputs, PolicyEntry
from tracer_spec.flow.lock.differences import differences
from tracer_spec.flow.lock.file import lock_path, read_lock
from tracer_spec.flow.lock.ledger import Look
from tracer_spec.flow.lock.record import bundle_of, certificate_of, digest_head, embedder_of, inputs_of
from tracer_spec.flow.lock.spec_keys import DIGEST, NOT_TOLD
from tracer_spec.runtime.archive import SPEC
from tracer_spec.runtime.bundle import read_bundle

if TYPE_CHECKING:
    from tracer_spec.flow.prepared import Prepared
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Certificate

_SHOWN = 8
_SHORT = 16
_YOUNGER = ("files",)
_CAUSES = (
    "another kind of processor, a learner that ran out of its time or is not reproducible, or a lock that was edited"
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """The build that a lock pins.

    Parameters
    ----------
    path : Path
        The lock.
    spec : str
        The spec's file, as given.
    bundle : Path
        Where a build writes.
    build : Build
        The lock's.
    """

    path: Path
    spec: str
    bundle: Path
    build: Build = field(repr=False)

    @property
    def created(self) -> str | None:
        """Return the time that the bundle bears; None where it bears none."""
        return self.build.bundle.created

    def notes_on(self, made: Written | None) -> tuple[str, ...]:
        """Return what a reader should know of a bundle that was made from the inputs pinned here."""
        pinned = self.build.bundle.sha256
        if made is None or made.sha256 == pinned:
            return ()
        return (
            f"the inputs are those of {self.path.name}, and the bundle is not the one it pins (sha256 {_value(pinned)}): "
            "'--check' says what differs",
        )

    def differs_from(self, now: Mapping[str, Any]) -> tuple[Difference, ...]:
        """Return every value of some parts of a build that is not the one pinned; ``files`` are told since some release."""
        was = self.build.document()
        told = {key: value for key, value in now.items() if key in was or key not in _YOUNGER}
        return differences({key: was[key] for key in told}, told)


def pinned_build(plan: Plan, place: Path) -> Pinned:
    """Return what the lock of a plan's spec pins; ``place`` is where its bundle goes.

    Raises
    ------
    LockError
        Where there is no lock, or nothing is pinned in it.
    """
    path = lock_path(plan.loaded.file)
    if path is None:
        raise LockError("a spec given as a mapping has no lock file", hint="write it to router.yaml and build that")
    lock, file = read_lock(path), plan.loaded.file
    if lock.document.build is not None:
        return Pinned(path, file, place, lock.document.build)
    if lock.in_conflict:
        what = "the lock holds a merge conflict"
        hint = f"'tracer-spec build {file}' builds the merged spec, keeps the looks of both branches, and writes the lock anew"
    elif path.exists():
        what = "the lock pins no build: none has been certified since it was begun"
        hint = f"'tracer-spec build {file}' certifies one and writes it down; commit the lock"
    else:
        what = "there is no lock"
        hint = f"'tracer-spec build {file}' writes one; commit it beside the spec"
    raise LockError(what, where=str(path), hint=hint)


def same_inputs(pinned: Pinned, plan: Plan, traces: TraceSet, sides: Split, *, text: bool) -> None:
    """Raise where the spec, the traces, a plugin or a library is not that of the lock; nothing is embedded yet.

    Parameters
    ----------
    text : bool
        Whether comments and layout of the spec count: the bundle holds its text.
    """
    now = inputs_of(plan, traces, sides)
    found = pinned.differs_from(now.document())
    if text and not found:
        was = pinned.build.bundle.members.get(SPEC)
        is_now = digest_head(plan.loaded.text.encode())
        found = differences({"bundle": {"members": {SPEC: was}}}, {"bundle": {"members": {SPEC: is_now}}})
    if found:
        _refuse(pinned, found, _rebuild(pinned, now))


def same_embedder(pinned: Pinned, embedded: Sequence[Prepared]) -> None:
    """Raise where no embedder, or no vectors that came with the traces, are those of the lock; nothing is trained yet."""
    found = [_changed_embedder(pinned, each) for each in embedded]
    if not all(found):
        return
    if len(found) == 1:
        _refuse(pinned, found[0], _rebuild(pinned))
    now = "; ".join(
        f"that of '{each.embedder.resolved.alias}' is {_value(embedder_of(each).fingerprint)}" for each in embedded
    )
    was = _value(pinned.build.embedder.fingerprint)
    error = LockError(
        f"none of the {len(found)} embedders that compete is the chosen one of the lock: its fingerprint was {was}, {now}",
        where=str(pinned.path),
        address="embedder",
        hint=_rebuild(pinned),
    )
    error.differences = tuple(each for group in found for each in group)
    raise error


def same_choice(pinned: Pinned, chosen: Prepared, embedded: Sequence[Prepared]) -> None:
    """Raise where another of several embedders was chosen than the lock holds; no certify row is read yet."""
    found = _changed_embedder(pinned, chosen)
    if not found:
        return
    held = " or ".join(f"'{each.embedder.resolved.alias}'" for each in embedded if not _changed_embedder(pinned, each))
    here = chosen.embedder.resolved.alias
    error = LockError(
        f"of {len(embedded)} embedders that compete, the lock holds the choice of {held}, and here '{here}' was chosen",
        where=str(pinned.path),
        address="embedder",
        hint=f"{_CAUSES}; 'tracer-spec build {pinned.spec}' tests this one, and counts as another look",
    )
    error.differences = found
    raise error


def _changed_embedder(pinned: Pinned, prepared: Prepared) -> tuple[Difference, ...]:
    return pinned.differs_from({"embedder": embedder_of(prepared).document()})


def same_test(pinned: Pinned, look: Look | None) -> None:
    """Raise where what would be tested is none of the tests that the lock counts; nothing is opened yet."""
    if look is None or not look.is_taken:
        raise LockError(
            "what was trained here is not what was tested: its graphs, thresholds or certify rows are not among the looks "
            "of the lock",
            where=str(pinned.path),
            address="looks",
            hint=f"{_CAUSES}; 'tracer-spec build {pinned.spec}' tests it, and counts as another look",
        )


def same_result(pinned: Pinned, certificate: Certificate, contents: Contents | None, made: Written | None) -> None:
    """Raise where building again came to something else than the lock says."""
    now: dict[str, Any] = {"certificate": certificate_of(certificate), "policy": None, "bundle": None}
    if certificate.shipped is not None and contents is not None and made is not None:
        policy, bundle = PolicyEntry.of(certificate.shipped), bundle_of(contents, made)
        now |= {"policy": policy.document(), "bundle": bundle.document()}
    found = pinned.differs_from(now)
    if found:
        _refuse(
            pinned,
            found,
            "the inputs are those of the lock, and the result is another: a different kind of processor or system, "
            "a learner that ran out of its time, or a plugin that is not reproducible",
        )


# --- in words --------------------------------------------------------------------------------------------------------


def _refuse(pinned: Pinned, found: Sequence[Difference], hint: str) -> NoReturn:
    """Raise one problem for each part of the lock that differs; the last has the remedy."""
    groups: dict[str, list[Difference]] = {}
    for each in found:
        groups.setdefault(each.address.split(".")[0], []).append(each)
    problems = [Problem(str(pinned.path), _words(name, group), "", name) for name, group in groups.items()]
    problems[-1] = Problem(str(pinned.path), problems[-1].what, hint, problems[-1].address)
    error = LockError.of(tuple(problems))
    assert isinstance(error, LockError)  # noqa: S101 - 'of' makes one of its own kind
    error.differences = tuple(found)
    raise error


def _words(name: str, group: Sequence[Difference]) -> str:
    """Say how one part differs; the digest of a spec says nothing where its keys say which."""
    told = [each for each in group if each.address != "spec.digest"] or list(group)
    said = [_changed(each, name) for each in told[:_SHOWN]]
    if name == "spec" and told[0].address == "spec.digest":
        said.append(
            f"no key that the lock tells differs, so it is one that is '{NOT_TOLD}': from the environment or --set"
        )
    if len(told) > _SHOWN:
        said.append(f"and {len(told) - _SHOWN} more")
    return "; ".join(said)


def _changed(each: Difference, name: str) -> str:
    """Say one value's change."""
    shown = each.address.removeprefix("spec.keys.").removeprefix(f"{name}.")
    if each.address.startswith("bundle.members."):
        return f"{shown.removeprefix('members.')} is another"
    if name == "files":
        return f"what the file of {shown} holds is another"
    if _is_digest(each.was) and _is_digest(each.now) and each.address.startswith("spec.keys."):
        return f"{shown} is another"
    return f"{shown} was {_value(each.was)}, is {_value(each.now)}"


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and value.startswith(DIGEST)


def _value(value: object) -> str:
    if value is None:
        return "not there"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, str):
        is_hex = len(value) == 64 and set(value) <= set("0123456789abcdef")
        return f"{value[:_SHORT]}…" if is_hex else f"'{value[:80]}'"
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _rebuild(pinned: Pinned, now: Inputs | None = None) -> str:
    """Say what to do where inputs differ; and whether a build of what there is now was cut short."""
    remedy = (
        f"'tracer-spec build {pinned.spec}' builds from what there is now and writes the lock; review and commit both"
    )
    if now is not None and _is_ahead(pinned, now):
        return (
            f"{pinned.bundle} is a build of what there is now, which ended before it could write the lock; {remedy}: it is "
            "no new look"
        )
    return remedy


def _is_ahead(pinned: Pinned, now: Inputs) -> bool:
    """Return whether the bundle is one of these inputs, which are others than the lock's."""
    was = pinned.build
    if (was.spec.digest, was.traces.digest) == (now.spec.digest, now.traces.digest):
        return False
    try:
        manifest = read_bundle(pinned.bundle).manifest
    except BundleError:
        return False
    traces = manifest.provenance.get("traces")
    digest = traces.get("digest") if isinstance(traces, dict) else None
    return (manifest.status, manifest.spec_digest, digest) == (
        "certified",
        now.spec.digest,
        now.traces.digest,
    )
