"""Brings a bundle to the workers of a Spark session, under a name that holds its digest."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from tracer_spec.errors import UsageError
from tracer_spec.runtime.bundle import Bundle, read_bundle
from tracer_spec.runtime.load import open_router
from tracer_spec.runtime.router_ref import RouterRef

BundleT: TypeAlias = str | os.PathLike[str] | RouterRef


@dataclass(frozen=True, slots=True)
class Settings:
    """What opens a router beside its file: see :class:`RouterRef`."""

    embedder: str | None = None
    embedder_options: Mapping[str, Any] | None = None
    allow_uncertified: bool = False


@dataclass(frozen=True, slots=True)
class Shipped:
    """A router as the workers find it.

    Parameters
    ----------
    place : str
        The name of the file that Spark brings, or the path that every worker sees.
    is_brought : bool
        Whether Spark brings it.
    sha256 : str or None
    settings : Settings
    bundle : Bundle or None
        What is in it, where this machine has it.
    """

    place: str
    is_brought: bool
    sha256: str | None
    settings: Settings
    bundle: Bundle | None = field(default=None, repr=False)

    def plain(self) -> dict[str, Any]:
        """Return what a worker needs to know, in values that can be read where tracer-spec is missing."""
        return {
            "place": self.place,
            "is_brought": self.is_brought,
            "sha256": self.sha256,
            "embedder": self.settings.embedder,
            "embedder_options": self.settings.embedder_options and dict(self.settings.embedder_options),
            "allow_uncertified": self.settings.allow_uncertified,
        }


def ship(session: Any, bundle: BundleT, sha256: str | None, settings: Settings) -> Shipped:
    """Bring a bundle to the workers, once this machine has opened it.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.
    bundle : path or RouterRef
        A file of this machine, which Spark brings; or a reference to one at a path that every worker sees, which is left to
        them to open.
    sha256 : str or None
        The digest that the file must have.
    settings : Settings

    Raises
    ------
    BundleError
        As :func:`~tracer_spec.runtime.load`.
    UsageError
        Where a reference is given with a digest or settings beside it.
    """
    if isinstance(bundle, RouterRef):
        if sha256 is not None or settings != Settings():
            raise UsageError(
                "a RouterRef says itself which digest and embedder it has",
                hint="RouterRef(path, sha256=..., embedder=...), and neither beside it",
            )
        return Shipped(bundle.path, False, bundle.sha256, _settings_of(bundle))
    opened = read_bundle(bundle, sha256=sha256)
    # the workers pin the digest that is found here; what only a caller may say, such as that the bundle may name its own
    # embedder, is therefore asked for here
    open_router(
        opened,
        embedder=settings.embedder,
        embedder_options=settings.embedder_options,
        allow_uncertified=settings.allow_uncertified,
    )
    copy = _copy(Path(bundle), opened)
    if is_connect(session):
        session.addArtifacts(str(copy), file=True)
    else:
        session.sparkContext.addFile(str(copy))
    return Shipped(copy.name, True, opened.sha256, settings, opened)


def is_connect(session: Any) -> bool:
    """Return whether a session, or a DataFrame, is one of Spark Connect."""
    return type(session).__module__.startswith("pyspark.sql.connect")


def _settings_of(ref: RouterRef) -> Settings:
    return Settings(ref.embedder, ref.embedder_options, ref.allow_uncertified)


def _copy(path: Path, bundle: Bundle) -> Path:
    """Return a copy whose name is of its content: Spark takes no second file of one name that holds something else."""
    copy = _folder() / f"{path.stem}-{bundle.sha256}.tracer"
    if not copy.exists():
        shutil.copyfile(path, copy)
    return copy


@cache
def _folder() -> Path:
    """Return a folder that stays as long as the process: executors fetch files from it when they start, however late."""
    folder = tempfile.mkdtemp(prefix="tracer-spec-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
