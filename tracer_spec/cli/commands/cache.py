"""``tracer-spec cache``: what builds on this machine remember, and how to be rid of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document, rows
from tracer_spec.cli.options import json_option
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import TracerError
from tracer_spec.text_format import plural, size

if TYPE_CHECKING:
    from tracer_spec.flow.cache.store import StoreInfo

# one, and several
_NOUNS = {
    "vector": ("vector of a text", "vectors of texts"),
    "probes": ("embedder known by its probes", "embedders known by their probes"),
    "embedder": ("fitted embedder", "fitted embedders"),
    "vectors": ("set of vectors of a fitted embedder", "sets of vectors of fitted embedders"),
    "steady": ("check that vectors are steady", "checks that vectors are steady"),
    "surrogate": ("surrogate", "surrogates"),
    "scaling": ("scaling of scores", "scalings of scores"),
    "acceptor": ("acceptor", "acceptors"),
    "guard": ("guard", "guards"),
    "regions": ("set of regions", "sets of regions"),
    "neighbours": ("set of neighbours", "sets of neighbours"),
}


@click.command("cache", short_help=VERBS["cache"])
@click.argument("what", type=click.Choice(["info", "clear"]), default="info", metavar="[info|clear]")
@json_option
def command(what: str, as_json: bool) -> None:
    """Say what builds remember on this machine, or remove it.

    'cache info' tells where the cache is, how large, and what is in it; 'cache clear' asks nothing, removes all of
    it, and tells what there was. A build without it comes to the same, later: vectors that a service was paid for
    are embedded again.

    TRACER_SPEC_CACHE names another folder than the platform's. TRACER_SPEC_CACHE_MB bounds its size, 5000 by
    default: beyond it, what was not used for longest goes; 0 turns the cache off.
    """
    from tracer_spec.flow.cache.store import open_store

    store = open_store()
    found = store.clear() if what == "clear" else store.info()
    if store.notes:
        raise TracerError(store.notes[0], hint="set TRACER_SPEC_CACHE to a folder of your own on a local disk")
    store.close()
    if as_json:
        print_document(document_of(found, cleared=what == "clear"))
    else:
        click.echo(_told(found, cleared=what == "clear"))


def document_of(found: StoreInfo | None, *, cleared: bool) -> dict[str, Any]:
    """Return the document of ``cache --json``; ``path`` is null where the cache is off."""
    held = found.entries if found else {}
    return {
        "schema_version": 1,
        "path": str(found.path) if found else None,
        "bytes": found.n_bytes if found else 0,
        "limit_bytes": found.limit_bytes if found else 0,
        "entries": {kind: {"n": n, "bytes": n_bytes} for kind, (n, n_bytes) in held.items()},
        "oldest_use": _moment(found.oldest_use) if found else None,
        "cleared": cleared,
    }


def _told(found: StoreInfo | None, *, cleared: bool) -> str:
    if found is None:
        return "the cache is off: TRACER_SPEC_CACHE_MB is 0"
    told = [
        f"{plural(n, *_NOUNS.get(kind, (kind,)))} ({size(n_bytes)})" for kind, (n, n_bytes) in found.entries.items()
    ]
    held = ", ".join(told)
    if cleared:
        return f"removed {size(found.n_bytes)} from {found.path}: {held}" if held else f"{found.path} holds nothing"
    facts = [("path", str(found.path)), ("size", f"{size(found.n_bytes)} of at most {size(found.limit_bytes)}")]
    facts += [("holds", "\n".join(told) or "nothing")]
    if found.oldest_use is not None:
        facts.append(("unused", f"since {_moment(found.oldest_use)}, what goes first"))
    return rows(facts, indent=0)


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
