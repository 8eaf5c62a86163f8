"""The routers that serve by now, replaced as a whole by a reload."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tracer_spec.errors import BundleError
from tracer_spec.runtime import Router, read_bundle
from tracer_spec.runtime.load import open_router

from tracer_spec_serve.settings import DEFER, Settings
from tracer_spec_serve.watch import Watch

LOGGER = logging.getLogger("tracer_spec.serve")


@dataclass(frozen=True, slots=True)
class Served:
    """One bundle at work.

    Parameters
    ----------
    router : Router
    watch : Watch or None
        How its claim fares; None without a log, or where the bundle claims nothing.
    may_revoke : bool
        Whether it stops answering where its claim is refuted.
    """

    router: Router
    watch: Watch | None
    may_revoke: bool

    @property
    def is_revoked(self) -> bool:
        """Return whether all of its requests are deferred, since its claim is refuted."""
        return self.may_revoke and self.watch is not None and self.watch.is_refuted


Serving: TypeAlias = tuple[Served, ...]


class Live:
    """What serves by now. A request takes :attr:`now` once, when it begins, and keeps it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now: Serving = _open(settings, {})
        self.is_ready = False
        self._reloading = asyncio.Lock()

    async def reload(self) -> Serving:
        """Open the bundles anew, all of them or none.

        Raises
        ------
        TracerError, OSError
            Where one cannot be served; then the old ones serve on.
        """
        async with self._reloading:
            watches = {each.router.sha256: each.watch for each in self.now}
            self.now = await asyncio.to_thread(_open, self.settings, watches)
        return self.now

    async def look(self) -> None:
        """Let every monitor read what is new in the log."""
        for each in self.now:
            if each.watch is not None and await asyncio.to_thread(each.watch.look):
                _tell_refuted(each, each.watch)


def _open(settings: Settings, watches: Mapping[str, Watch | None]) -> Serving:
    """Open every bundle; a monitor goes on where its bundle does."""
    pins: Sequence[str | None] = settings.sha256 or [None] * len(settings.bundles)
    return tuple(_served(settings, *each, watches) for each in zip(settings.bundles, pins, strict=True))


def _served(settings: Settings, path: str, pin: str | None, watches: Mapping[str, Watch | None]) -> Served:
    bundle = read_bundle(path, sha256=pin)
    router = open_router(bundle, embedder=settings.embedder, embedder_options=settings.embedder_options)
    router.normalize(None)  # a bundle that cannot clean an answer says so now
    watch = watches.get(bundle.sha256)
    if watch is None and settings.log is not None:
        try:
            watch = Watch(bundle, Path(settings.log), Path(settings.state or settings.log))
        except BundleError as error:
            LOGGER.warning("%s: its claim is not watched: %s", path, error)
    return Served(router, watch, settings.on_refuted == DEFER)


def _tell_refuted(served: Served, watch: Watch) -> None:
    """Say once that a claim is refuted, and what comes of it."""
    router = served.router
    LOGGER.warning(
        "the claim of %s %s is refuted: %d of %d audited requests have the teacher's label, target %g, evidence %.3g; %s",
        router.name,
        router.version,
        watch.n_agree,
        watch.n_audits,
        watch.target,
        watch.e_value,
        "the upstream answers everything from now on"
        if served.is_revoked
        else "the router answers on: see --on-refuted",
    )
