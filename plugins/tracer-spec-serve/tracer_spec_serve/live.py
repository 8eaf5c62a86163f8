"""The routers that serve by now, replaced as a whole by a reload."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tracer_spec.errors import BundleError
from tracer_spec.production.decision_log import DecisionLog
from tracer_spec.production.gateway import ID_HEADER, Gateway, Visit
from tracer_spec.production.released import Versions, load_released
from tracer_spec.runtime import Router, read_bundle
from tracer_spec.runtime.release import bundle_place

from tracer_spec_serve.settings import DEFER, Settings
from tracer_spec_serve.watch import Watch

LOGGER = logging.getLogger("tracer_spec.serve")


@dataclass(frozen=True, slots=True)
class Served:
    """One bundle at work.

    Parameters
    ----------
    router : Router
    gateway : Gateway or None
        Tells and answers its requests; None where the bundle takes vectors, and no request is its own.
    watch : Watch or None
        How its claim fares; None without a log, or where the bundle claims nothing.
    may_revoke : bool
        Whether it stops answering where its claim is refuted.
    """

    router: Router
    gateway: Gateway | None
    watch: Watch | None
    may_revoke: bool

    @property
    def is_revoked(self) -> bool:
        """Return whether all of its requests are deferred, since its claim is refuted."""
        return self.may_revoke and self.watch is not None and self.watch.is_refuted


Serving: TypeAlias = tuple[Versions[Served], ...]
"""For each bundle, or folder of releases, that was named: what serves, and what serves a canary's share."""


class Live:
    """What serves by now. A request takes :attr:`now` once, when it begins, and keeps it.

    Parameters
    ----------
    settings : Settings
    log : DecisionLog or None

    Raises
    ------
    TracerError, OSError
        Where a bundle cannot be served.
    """

    def __init__(self, settings: Settings, log: DecisionLog | None) -> None:
        self.settings, self._log = settings, log
        self.recorder = None if settings.bundles else Gateway((), log=log)
        self.now: Serving = self._open({})
        self._reloading = asyncio.Lock()

    @property
    def all(self) -> list[Served]:
        """Return every router that serves by now, canaries too."""
        return [each for named in self.now for each in (named.current, named.canary) if each is not None]

    async def reload(self) -> None:
        """Open the bundles anew, all of them or none.

        Raises
        ------
        TracerError, OSError
            Where one cannot be served; then the old ones serve on.
        """
        async with self._reloading:
            watches = {each.router.sha256: each.watch for each in self.all}
            self.now = await asyncio.to_thread(self._open, watches)

    async def look(self) -> None:
        """Let every monitor read what is new in the log."""
        for each in self.all:
            if each.watch is not None and await asyncio.to_thread(each.watch.look):
                _tell_refuted(each, each.watch)

    async def begin(self, path: str, content: bytes, headers: Mapping[str, str]) -> Visit | None:
        """Decide on a request that may be a chat; None where it is nobody's, and nobody wants to know."""
        for versions in self.now:
            each = versions.of(headers.get(ID_HEADER))
            if each.gateway is not None:
                visit = await each.gateway.abegin(path, content, headers, force_teacher=each.is_revoked)
                if visit.router is not None:
                    return visit
        return None if self.recorder is None else self.recorder.begin(path, content, headers)

    def _open(self, watches: Mapping[str, Watch | None]) -> Serving:
        """Open every bundle; a monitor goes on where its bundle does."""
        pins: Sequence[str | None] = self.settings.sha256 or [None] * len(self.settings.bundles)
        settings = self.settings

        def opened(path: str, pin: str | None) -> Versions[Served]:
            released = load_released(
                path, embedder=settings.embedder, embedder_options=settings.embedder_options, sha256=pin
            )
            mode = released.mode(settings.mode)
            return released.versions(lambda router: self._serve(path, router, mode, watches), settings.secret)

        return tuple(opened(*each) for each in zip(settings.bundles, pins, strict=True))

    def _serve(self, path: str, router: Router, mode: str, watches: Mapping[str, Watch | None]) -> Served:
        settings = self.settings
        watch = watches.get(router.sha256)
        if watch is None and settings.log is not None:
            file = bundle_place(Path(path), router.sha256) if Path(path).is_dir() else path
            try:
                bundle = read_bundle(file, sha256=router.sha256)
                watch = Watch(bundle, Path(settings.log), Path(settings.state or settings.log))
            except BundleError as error:
                if settings.on_refuted == DEFER:  # a router that could not be stopped must not begin
                    raise
                LOGGER.warning("%s: its claim is not watched: %s", path, " ".join(str(error).split()))
        return Served(router, self._gateway(router, mode), watch, settings.on_refuted == DEFER)

    def _gateway(self, router: Router, mode: str) -> Gateway | None:
        if router.manifest.embedder.probe is None:
            return None
        settings = self.settings
        return Gateway(
            (router,),
            log=self._log,
            audit=settings.audit,
            mode=mode,
            secret=settings.secret,
            texts=settings.texts,
        )


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
