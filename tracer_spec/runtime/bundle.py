"""Reads a bundle into memory and checks it before anything in it is used."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tracer_spec.errors import BundleError, UsageError
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import MANIFEST, POLICY, REFETCH, unpack
from tracer_spec.runtime.graph_check import check_graph
from tracer_spec.runtime.limits import without_waiting
from tracer_spec.runtime.manifest import CONCAT, Manifest, Member
from tracer_spec.runtime.manifest_reader import read_manifest

if TYPE_CHECKING:
    from tracer_spec.runtime.release import Release

T = TypeVar("T")
_MAKE = "make it with 'tracer-spec build'"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose digests, manifest and graph have been checked.

    Parameters
    ----------
    manifest : Manifest
    members : mapping of str to bytes
        Every member but ``bundle.json``.
    sha256 : str
        Of the whole file: what a signature or a pin is made over.
    where : str
        The path it came from, for messages.
    is_pinned : bool
        Whether the caller knew the digest, and so vouches for what the bundle says.
    """

    manifest: Manifest
    members: Mapping[str, bytes] = field(repr=False)
    sha256: str
    where: str = ""
    is_pinned: bool = False


def read_bundle(path: str | os.PathLike[str], *, sha256: str | None = None) -> Bundle:
    """Read a bundle and check all that can be checked without running it.

    Parameters
    ----------
    path : str or path-like
        The ``.tracer`` file, or a folder of releases, whose current bundle is meant. The file is read once, into memory;
        nothing is extracted to disk.
    sha256 : str or None
        The digest that the whole file must have, 64 hexadecimal digits.

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        Where the file cannot be read, is damaged, was changed, or is of another format.
    UsageError
        Where ``sha256`` is no digest.

    Notes
    -----
    Digests show damage and mix-ups. Against somebody who can write the file they prove nothing, since digests
    can be made again: for that, pin ``sha256`` or verify a signature (``docs/bundle.md``).
    """
    where = os.fspath(path)
    with naming(where):
        if Path(where).is_dir():
            return follow(Path(where), lambda release: read_stored(Path(where), release.current, sha256=sha256))
        return parse_bundle(read_file(Path(where)), sha256=sha256, where=where)


def follow(folder: Path, read: Callable[[Release], T]) -> T:
    """Read what the pointer of a folder of releases names; again where the pointer has moved on meanwhile.

    Raises
    ------
    BundleError
        Where there is no pointer, or what it names cannot be read.
    """
    from tracer_spec.runtime.release import POINTER, read_release  # read where it is needed: a file loads sooner

    while True:
        release = read_release(folder)
        if release is None:
            raise BundleError(
                f"is a folder without {POINTER}",
                where=str(folder),
                hint="name a bundle's file, or put a bundle there: tracer-spec promote BUNDLE FOLDER",
            )
        try:
            return read(release)
        except BundleError:
            if read_release(folder) == release:
                raise


def read_stored(folder: Path, digest: str, *, sha256: str | None = None) -> Bundle:
    """Read the bundle that a folder of releases keeps under a digest, and check it; ``sha256`` is the caller's pin."""
    from tracer_spec.runtime.release import bundle_place

    place = bundle_place(folder, digest)
    with naming(str(place)):
        bundle = parse_bundle(read_file(place), sha256=sha256, where=str(place))
        if bundle.sha256 != digest:
            what = f"has the sha256 {bundle.sha256}, which is not its name"
            raise BundleError(what, hint="promote it again: tracer-spec promote BUNDLE FOLDER")
    return bundle


def parse_bundle(data: bytes, *, sha256: str | None = None, where: str = "") -> Bundle:
    """Check the bytes of a bundle; see :func:`read_bundle`."""
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UsageError(
            f"sha256 is {sha256[:80]!r}, not 64 hexadecimal digits",
            hint="'sha256sum FILE' prints the digest of a file",
        )
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise BundleError(
            f"has the sha256 {digest}; {sha256.lower()} was asked for",
            hint="fetch the bundle that was pinned",
        )
    members = unpack(data)
    if MANIFEST not in members:
        raise BundleError("is missing", address=MANIFEST, hint=REFETCH)
    manifest = read_manifest(members.pop(MANIFEST))
    _check_members(manifest.members, members)
    if manifest.embedder.is_ours(CONCAT):
        from tracer_spec.runtime.embedder_identity import (
            check_parts,  # read where it is needed: other bundles start sooner
        )

        check_parts(manifest.embedder, members)
    check_graph(members[POLICY])
    return Bundle(manifest, members, digest, where, is_pinned=sha256 is not None)


def _check_members(listed: Mapping[str, Member], members: Mapping[str, bytes]) -> None:
    """Compare what is there with what the manifest lists."""
    missing = sorted(listed.keys() - members.keys())
    if missing:
        raise BundleError("is missing", address=missing[0], hint=REFETCH)
    extra = sorted(members.keys() - listed.keys())
    if extra:
        raise BundleError("is not listed in bundle.json", address=extra[0], hint=REFETCH)
    for name, member in sorted(listed.items()):
        if len(members[name]) != member.n_bytes:
            raise BundleError(
                f"has {len(members[name])} bytes; bundle.json says {member.n_bytes}",
                address=name,
                hint=REFETCH,
            )
        if Member.of(members[name]) != member:
            raise BundleError("does not have the digest that bundle.json says", address=name, hint=REFETCH)


def read_file(path: Path) -> bytes:
    """Return the whole file, unless it is larger than any bundle."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError("is not a file", hint=_MAKE)
            if status.st_size > limits.BUNDLE_BYTES:
                raise BundleError(f"is {status.st_size} bytes; at most {limits.BUNDLE_BYTES} are read", hint=REFETCH)
            return file.read(status.st_size)
    except FileNotFoundError:
        raise BundleError("there is no such file", hint=_MAKE) from None
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror}", hint="check the path and its permissions") from None


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Name the file in any :class:`BundleError` raised inside."""
    try:
        yield
    except BundleError as error:
        raise type(error).of(
            tuple(replace(each, where=each.where or where) for each in error.problems)
        ) from error.__cause__
