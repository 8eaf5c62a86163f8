"""What is at work out of a folder of releases: the current router, and a canary's for a share of the requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tracer_spec.errors import BundleError
from tracer_spec.production.cases import id_of
from tracer_spec.production.coin import Coin
from tracer_spec.runtime import Bundle, Router, load
from tracer_spec.runtime.bundle import follow, read_stored
from tracer_spec.runtime.embedding import TextEmbedder
from tracer_spec.runtime.load import open_router
from tracer_spec.runtime.release import POINTER, SHADOW, Release

T = TypeVar("T")
# what the coin of the versions is drawn for: with one secret it is then independent of the audit's
_PURPOSE = b"version\0"


@dataclass(frozen=True, slots=True)
class Versions(Generic[T]):
    """One thing for the current version, and one for a canary's where there is one.

    Parameters
    ----------
    current : T
    canary : T or None
    coin : Coin or None
        Falls where a request is the canary's; None where there is none.
    """

    current: T
    canary: T | None = None
    coin: Coin | None = None

    def of(self, request_id: str | None) -> T:
        """Return the version that decides a request; with a secret, a request of one id has one version."""
        if self.canary is None or self.coin is None:
            return self.current
        return self.canary if self.coin.falls(id_of(request_id)) else self.current


@dataclass(frozen=True, slots=True)
class Released:
    """The routers that a pointer names.

    Parameters
    ----------
    router : Router
        Of the current bundle.
    canary : Router or None
    share : float
        Of the requests that the canary decides.
    is_shadow : bool
        Whether the pointer says that the teacher answers every request.
    """

    router: Router
    canary: Router | None = None
    share: float = 0.0
    is_shadow: bool = False

    def mode(self, own: str) -> str:
        """Return the mode of an app that is to be in a mode of its own."""
        return SHADOW if self.is_shadow else own

    @property
    def routers(self) -> tuple[Router, ...]:
        """Return the router, and the canary's."""
        return (self.router,) if self.canary is None else (self.router, self.canary)

    def versions(self, make: Callable[[Router], T], secret: bytes | None) -> Versions[T]:
        """Make one thing of each router; ``secret`` ties the choice between them to the request's id."""
        if self.canary is None:
            return Versions(make(self.router))
        return Versions(make(self.router), make(self.canary), Coin(self.share, secret, purpose=_PURPOSE))


def load_released(
    path: str | os.PathLike[str] | Router,
    *,
    embedder: TextEmbedder | str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    sha256: str | None = None,
) -> Released:
    """Load a bundle for deployment, and the canary where the path is a folder of releases that has one.

    Parameters
    ----------
    path : str, path-like or Router
        A router is taken as it is.
    embedder, embedder_options, sha256
        As in :func:`tracer_spec.load`.

    Raises
    ------
    BundleError
        As :func:`tracer_spec.load`; and where one digest is pinned and there are two bundles.
    """
    if isinstance(path, Router):
        return Released(path)
    folder = Path(path)
    if not folder.is_dir():
        return Released(load(path, embedder=embedder, embedder_options=embedder_options, sha256=sha256))

    def opened(bundle: Bundle) -> Router:
        return open_router(bundle, embedder=embedder, embedder_options=embedder_options)

    def read(release: Release) -> Released:
        current, is_shadow = opened(read_stored(folder, release.current, sha256=sha256)), release.mode == SHADOW
        if release.canary is None:
            return Released(current, is_shadow=is_shadow)
        if sha256 is not None:
            raise BundleError(
                "names a canary beside the current bundle, and one digest is pinned",
                where=str(folder),
                address=POINTER,
                hint="pin none, or end the canary: tracer-spec rollback FOLDER",
            )
        canary = opened(read_stored(folder, release.canary.sha256))
        return Released(current, canary, release.canary.share, is_shadow)

    return follow(folder, read)
