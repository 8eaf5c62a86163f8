"""Writing of bundles: the same members give the same bytes, and readers see the old bundle whole, or the new one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tracer_spec.atomic_write import replace_file
from tracer_spec.errors import BundleError
from tracer_spec.runtime.archive import MANIFEST, pack
from tracer_spec.runtime.bundle import naming, parse_bundle
from tracer_spec.runtime.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle on disk, with the sha256 of the whole file and the version of its manifest."""

    path: Path
    sha256: str
    version: str


def bundle_bytes(manifest: Manifest, members: Mapping[str, bytes]) -> tuple[bytes, Manifest]:
    """Return the file that holds ``members``, and its manifest with their sizes, digests and the version.

    Raises
    ------
    BundleError
        Where a reader would refuse the result.
    """
    try:
        sealed = manifest.sealed(members)
        document = sealed.to_json()
    except (TypeError, ValueError) as error:
        raise BundleError(
            f"cannot be written as JSON: {error}", address=MANIFEST, hint="fix the label or option that it names"
        ) from None
    data = pack({MANIFEST: document, **members})
    parse_bundle(data)
    return data, sealed


def bundle_place(out: str | Path | None, name: str, status: str) -> Path:
    """Return where a bundle goes: one that routes only where asked to must not take the place of one that does."""
    return Path(out or f"dist/{name}{'' if status == 'certified' else f'.{status}'}.tracer")


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]) -> Written:
    """Write a bundle in one step: after a crash, a full disk or a second writer, a whole one is there.

    The folder is made where there is none; the manifest's ``members`` and ``version`` are filled in.

    Raises
    ------
    BundleError
        Where a reader would refuse the result; nothing is written.
    TracerError
        Where the disk is full or the folder cannot be written; a bundle that was there is left as it was.
    """
    data, written = _sealed(Path(path), manifest, members)
    replace_file(written.path, data, what="the bundle")
    return written


def seal_bundle(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]) -> Written:
    """Return what :func:`write_bundle` would return, and write nothing."""
    return _sealed(Path(path), manifest, members)[1]


def _sealed(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> tuple[bytes, Written]:
    with naming(str(path)):
        data, sealed = bundle_bytes(manifest, members)
    return data, Written(path, hashlib.sha256(data).hexdigest(), sealed.version)


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a bundle: its manifest, not yet sealed, and every other member by name."""

    manifest: Manifest
    members: Mapping[str, bytes] = field(repr=False)

    def dated(self, created: str | None) -> Contents:
        """Return the same, made at another time."""
        return replace(self, manifest=replace(self.manifest, created=created))
