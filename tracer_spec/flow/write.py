"""Members to file: the same members, the same bytes; readers see the old bundle whole, or the new one."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracer_spec.errors import BundleError, TracerError
from tracer_spec.runtime.archive import MANIFEST, pack
from tracer_spec.runtime.bundle import naming, parse_bundle
from tracer_spec.runtime.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle on disk.

    Parameters
    ----------
    path : Path
    sha256 : str
        Of the whole file.
    version : str
        The manifest's.
    """

    path: Path
    sha256: str
    version: str


def bundle_bytes(manifest: Manifest, members: Mapping[str, bytes]) -> tuple[bytes, Manifest]:
    """Return the file that holds ``members``, and its manifest with their sizes, digests and the version.

    Parameters
    ----------
    manifest : Manifest
        Its own ``members`` and ``version`` are replaced.
    members : mapping of str to bytes
        Every member but ``bundle.json``.

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
            f"cannot be written as JSON: {error}",
            address=MANIFEST,
            hint="mend the label or option that it names",
        ) from None
    data = pack({MANIFEST: document, **members})
    parse_bundle(data)
    return data, sealed


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]) -> Written:
    """Write a bundle in one step: after a crash, a full disk or a second writer, a whole one is there.

    Parameters
    ----------
    path : str or path-like
        The file; its folder is made where there is none.
    manifest : Manifest
        Its ``members`` and ``version`` are filled in.
    members : mapping of str to bytes
        Every member but ``bundle.json``.

    Returns
    -------
    Written

    Raises
    ------
    BundleError
        Where a reader would refuse the result; nothing is written.
    TracerError
        Where the disk is full or the folder cannot be written; a bundle that was there is left as it was.

    Notes
    -----
    A temporary file in the same folder is flushed to disk and then renamed over the target, which POSIX
    promises to be atomic; the folder is flushed after it. Temporaries are named ``NAME.tmp-PID-THREAD``; the
    next write removes those whose process is gone.
    """
    path = Path(path)
    with naming(str(path)):
        data, sealed = bundle_bytes(manifest, members)
    replace_file(path, data, what="the bundle")
    return Written(path, hashlib.sha256(data).hexdigest(), sealed.version)


def seal_bundle(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]) -> Written:
    """Return what :func:`write_bundle` would return, and write nothing."""
    with naming(str(path)):
        data, sealed = bundle_bytes(manifest, members)
    return Written(Path(path), hashlib.sha256(data).hexdigest(), sealed.version)


def replace_file(path: Path, data: bytes, *, what: str) -> None:
    """Put a file in place in one step, as :func:`write_bundle` does; ``what`` it is, for messages."""
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}-{threading.get_ident():x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        try:
            _write_through(temporary, data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)
    except OSError as error:
        raise TracerError(
            f"{what} cannot be written: {error.strerror or error}",
            where=str(path),
            hint=f"{len(data)} bytes are needed in a folder that may be written; what was there is as it was",
        ) from None


def _write_through(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until a rename in this folder is on disk, where the system has a way to."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    """Remove what writers of this bundle left behind when they were killed."""
    pattern = re.compile(rf"{re.escape(path.name)}\.tmp-([0-9]{{1,10}})-[0-9a-f]+")
    for sibling in path.parent.iterdir():
        match = pattern.fullmatch(sibling.name)
        if match and not _is_alive(int(match[1])):
            sibling.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    """Return whether a process may still be running."""
    if sys.platform == "win32":
        return True  # there, signal 0 is Ctrl-C: better a leftover than a process that is interrupted
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
