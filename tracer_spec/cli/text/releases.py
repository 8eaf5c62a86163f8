"""What ``promote`` and ``rollback`` tell: who decides now, who did before, and what is another for the app."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tracer_spec.cli.console import paint, rows
from tracer_spec.cli.text.bundle import loading_text, plugins_asked_for
from tracer_spec.errors import BundleError
from tracer_spec.runtime.release import SHADOW, bundle_place
from tracer_spec.text_format import listing, one_line, plural

if TYPE_CHECKING:
    from tracer_spec.production.releases import Moved
    from tracer_spec.runtime import Bundle

_WIDTH = 10
_RUNNING = ("running", "apps keep the bundle that they have opened: restart them (serve: reload)")


def promoted_text(moved: Moved) -> str:
    """Return what ``promote`` prints."""
    return _text(_verdict(moved), moved, tuple(_promoted(moved)))


def rolled_back_text(moved: Moved) -> str:
    """Return what ``rollback`` prints."""
    ended = moved.was is not None and moved.was.canary is not None
    facts = [
        (
            "decides",
            f"{_title(moved.bundle)}  {'all requests' if ended else 'all requests again'}{_for_the_log(moved)}",
        ),
        *_shadow(moved),
        ("ended" if ended else "undone", _undone(moved)),
        *_changes(moved),
    ]
    return _text("rolled back", moved, (*facts, *_file(moved)))


def moved_document(moved: Moved) -> dict[str, Any]:
    """Return the document of ``--json``."""
    return {
        "schema_version": 1,
        "folder": str(moved.folder),
        "changed": moved.is_change,
        "release": moved.release.document(),
        "bundle": {**_named(moved.bundle), "path": str(bundle_place(moved.folder, moved.bundle.sha256))},
        "before": None if moved.before is None else _named(moved.before),
        "labels": {"added": list(moved.labels_added), "removed": list(moved.labels_removed)},
        "weaker": weaker_than_before(moved) or None,
        "asks_for": list(moved.asks_for),
        "embedder": plugins_asked_for(moved.bundle) or None,
        "removed": list(moved.removed),
    }


def _verdict(moved: Moved) -> str:
    if not moved.is_change:
        return "unchanged"
    canary = moved.release.canary
    if canary is not None and canary.sha256 == moved.bundle.sha256:
        return "canary"
    return "promoted" if moved.release.current == moved.bundle.sha256 else "canary ended"


def _promoted(moved: Moved) -> Iterator[tuple[str, str]]:
    """Tell who decides what."""
    canary, before = moved.release.canary, moved.before
    decides = _title(moved.bundle)
    if canary is not None and canary.sha256 == moved.bundle.sha256:
        yield "decides", f"{decides}  {100 * canary.share:g} % of the requests{_for_the_log(moved)}"
        yield "the rest", _title(before) if before else f"{moved.release.current[:12]}, which cannot be read"
    elif moved.release.current != moved.bundle.sha256:
        yield (
            "decides",
            f"{_title(before) if before else moved.release.current[:12]}  all requests again{_for_the_log(moved)}",
        )
        yield "ended", decides
        yield from _shadow(moved)
        yield _RUNNING
        return
    else:
        yield "decides", f"{decides}  all requests{_for_the_log(moved)}"
        yield from _replaced(moved)
    yield from _shadow(moved)
    yield from _changes(moved)
    yield from _file(moved)


def _for_the_log(moved: Moved) -> str:
    return ", for the log alone" if moved.release.mode == SHADOW else ""


def _shadow(moved: Moved) -> Iterator[tuple[str, str]]:
    """Tell that the teacher answers, whatever the router decides, and how that ends."""
    if moved.release.mode == SHADOW:
        folder = str(moved.folder)
        yield (
            "in shadow",
            "the teacher answers every request of ts.deploy, ts.openai_transport and serve, and audits it",
        )
        yield "end it", shlex.join(["tracer-spec", "promote", folder, folder, "--live"])
    elif moved.was is not None and moved.was.mode == SHADOW:
        yield "live", "the mode of each app counts again"


def _replaced(moved: Moved) -> Iterator[tuple[str, str]]:
    """Tell what decided before, and how to have it back."""
    if moved.was is None or moved.was.current == moved.bundle.sha256:
        return
    told = _title(moved.before) if moved.before else f"{moved.was.current[:12]}, which cannot be read any more"
    yield "before", told
    if moved.release.history:
        yield "back", shlex.join(["tracer-spec", "rollback", str(moved.folder)])


def weaker_than_before(moved: Moved) -> str:
    """Return in which way the bundle claims less than the one before, as ``diff`` says it; empty where it does not."""
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.report.weaker_claim import weaker_claim

    if moved.before is None:
        return ""
    try:
        was, now = (
            CertificateDocument.of_bundle(each).claimed(each.manifest.status) for each in (moved.before, moved.bundle)
        )
    except BundleError:  # no version of ours has written such a certificate, and nothing is decided by it
        return ""
    return weaker_claim(was, now)


def _changes(moved: Moved) -> Iterator[tuple[str, str]]:
    """Tell what an app, and who relies on the claim, must know of the change."""
    if less := weaker_than_before(moved):
        yield "claim", f"WARNING: {less[:1].lower()}{less[1:].rstrip('.')}"
    for name, labels in (("new", moved.labels_added), ("gone", moved.labels_removed)):
        if labels:
            yield f"{name}", f"{plural(len(labels), 'label')}: {listing(map(one_line, labels))}"
    for each in moved.asks_for:
        yield "asks for", each
    if moved.removed:
        yield "removed", f"{plural(len(moved.removed), 'bundle')} that nothing pointed to"


def _file(moved: Moved) -> Iterator[tuple[str, str]]:
    if moved.is_change:
        yield _RUNNING
    if names := plugins_asked_for(moved.bundle):
        yield "load with", loading_text(names)
    yield "file", str(bundle_place(moved.folder, moved.bundle.sha256))


def _undone(moved: Moved) -> str:
    if moved.before is not None:
        return _title(moved.before)
    was = moved.was
    digest = "" if was is None else was.canary.sha256 if was.canary else was.current
    return f"{digest[:12]}, which cannot be read any more"


def _text(verdict: str, moved: Moved, facts: tuple[tuple[str, str], ...]) -> str:
    return "\n".join([paint(f"{verdict}  {moved.folder}", "bold"), rows(facts, width=_WIDTH)])


def _title(bundle: Bundle) -> str:
    return f"{bundle.manifest.name} {bundle.manifest.version}"


def _named(bundle: Bundle) -> dict[str, str]:
    return {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256}
