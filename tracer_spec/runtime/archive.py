"""Packs and unpacks a bundle's ZIP file, whose bytes are determined by its members.

Members are stored without compression, ``bundle.json`` first and the rest by name, with fixed times and
attributes, no comments and no extra fields. The reader takes this one encoding alone: what is packed again must
be the same bytes. Whatever two ZIP programs could read in two ways (a prefix, a gap, trailing bytes, a local header that
contradicts the directory) is refused. Nothing is ever extracted to disk.

References
----------
PKWARE, *.ZIP File Format Specification* (APPNOTE), 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress

from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits

MANIFEST = "bundle.json"
CERTIFICATE, POLICY, FRONTIER, AUDIT, SPEC = REQUIRED = (
    "certificate.json",
    "policy.onnx",
    "frontier.json",
    "audit.json",
    "router.yaml",
)
ROWS = "rows.hashes"
OPTIONAL = (ROWS,)
EMBEDDER = "embedder/"
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
MEMBER_NAME = "|".join((*(re.escape(name) for name in (*REQUIRED, *OPTIONAL)), rf"{EMBEDDER}{_PART}(?:/{_PART})*"))
_NAME = re.compile(rf"{re.escape(MANIFEST)}|{MEMBER_NAME}")

REBUILD = "fetch the bundle again, or build it again with 'tracer-spec build'"
REFETCH = f"the file is damaged or was changed: {REBUILD}"
_NOT_OURS = "a bundle is written by 'tracer-spec build' alone; zipping one again makes another file"

_END = struct.Struct("<4s4H2IH")
_LOCAL_BYTES, _CENTRAL_BYTES = 30, 46  # of a member's two headers, without its name
_ZIP64, _ZIP64_BYTES = b"PK\6\7", 20  # before the end: where another directory is, which may be of any size
_UNIX = 3
_REGULAR_FILE = (stat.S_IFREG | 0o644) << 16
_ENCRYPTED = 1
# of a header in the directory: what every member has alike
_FIXED = (
    "date_time", "comment", "extra", "create_system", "create_version", "extract_version", "reserved", "flag_bits", "volume",
    "internal_attr", "external_attr",
)  # fmt: skip


def is_member_name(name: str) -> bool:
    """Return whether a bundle may have such a member: one of the seven, or a path under ``embedder/``."""
    return len(name) <= limits.MEMBER_NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def pack(members: Mapping[str, bytes | memoryview]) -> bytes:
    """Return the file that holds these members.

    Raises
    ------
    BundleError
        Where a name is not one a bundle may have, or the file would be larger than a reader takes.
    """
    for name in members:
        _check_name(name)
    headers = sum(_LOCAL_BYTES + _CENTRAL_BYTES + 2 * len(name) for name in members)
    total = headers + sum(map(len, members.values())) + _END.size
    if total > limits.BUNDLE_BYTES or len(members) > limits.MEMBERS:
        raise BundleError(
            f"the bundle would be {total} bytes in {len(members)} members; "
            f"at most {limits.BUNDLE_BYTES} bytes in {limits.MEMBERS} members can be loaded",
            hint="leave out the largest surrogates: 'tracer-spec inspect' lists their sizes",
        )
    buffer = io.BytesIO(bytes(total))  # one that grows is copied as it does
    with zipfile.ZipFile(buffer, "w") as file:
        for name in _in_order(members):
            file.writestr(_entry(name), members[name])
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of a file made by :func:`pack`, in its order.

    Raises
    ------
    BundleError
        Where the file is anything else.
    """
    members: dict[str, memoryview] = {}
    entries, offset = _directory(data), 0
    for entry in entries:
        _check_entry(entry)
        name, header = entry.filename, entry.FileHeader()
        start, offset = offset + len(header), offset + len(header) + entry.file_size
        if name in members:
            raise BundleError("is in the file twice", address=name, hint=_NOT_OURS)
        if entry.header_offset != start - len(header) or data[entry.header_offset : start] != header:
            raise BundleError("has a header that contradicts the file's directory", address=name, hint=REFETCH)
        content = memoryview(data)[start:offset]
        if len(content) < entry.file_size:
            raise BundleError(f"claims {entry.file_size} bytes; {len(content)} are left", address=name, hint=REFETCH)
        members[name] = content
    if list(members) != _in_order(members):
        raise BundleError(f"has its members in another order than {_in_order(members)}", hint=_NOT_OURS)
    if pack(members) != data:
        wrong = [entry.filename for entry in entries if zlib.crc32(members[entry.filename]) != entry.CRC]
        fact = "does not match its checksum" if wrong else "has bytes that belong to no member"
        raise BundleError(fact, address=wrong[0] if wrong else "", hint=REFETCH)
    return {name: bytes(content) for name, content in members.items()}


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name != MANIFEST, name))


def _entry(name: str) -> zipfile.ZipInfo:
    """Return a member's header as it is written; its time is the first that a ZIP can name."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = _UNIX, _REGULAR_FILE
    return entry


def _directory(data: bytes) -> list[zipfile.ZipInfo]:
    """Return the headers in the file's directory, once it is known to be of one part and no larger than it may be."""
    if not data.startswith(b"PK\3\4"):
        raise BundleError("is not a bundle: it does not start as a ZIP file does", hint=REFETCH)
    if len(data) < _END.size or data[-_END.size :][:4] != b"PK\5\6":
        raise BundleError("does not end as a bundle does: it is cut short, or bytes follow it", hint=REFETCH)
    *_, n_members, n_bytes, start, _ = _END.unpack(data[-_END.size :])
    if n_members > limits.MEMBERS:
        raise BundleError(f"has {n_members} members; at most {limits.MEMBERS} are read", hint=_NOT_OURS)
    if data[-_END.size :] != _END.pack(b"PK\5\6", 0, 0, n_members, n_members, n_bytes, start, 0):
        raise BundleError("ends in a directory of several parts, or with a comment", hint=_NOT_OURS)
    if start + n_bytes + _END.size != len(data):
        raise BundleError("has bytes before, after or between its parts", hint=REFETCH)
    entries: list[zipfile.ZipInfo] = []
    most_bytes = limits.MEMBERS * (_CENTRAL_BYTES + limits.MEMBER_NAME_CHARACTERS)
    if n_bytes <= most_bytes and not data[-_END.size - _ZIP64_BYTES :].startswith(_ZIP64):
        with (
            suppress(zipfile.BadZipFile, NotImplementedError, ValueError, struct.error),
            zipfile.ZipFile(io.BytesIO(data)) as file,
        ):
            entries = file.infolist()
    if len(entries) != n_members:
        raise BundleError("has a directory that is cut short or damaged", hint=REFETCH)
    return entries


def _check_name(name: str) -> None:
    if not is_member_name(name):
        names = ", ".join((MANIFEST, *REQUIRED, *OPTIONAL))
        raise BundleError(
            f"{name[:80]!r} is no name for a member of a bundle",
            address=name[:80],
            hint=f"members are {names} and files under {EMBEDDER}, without '..', '\\' or a leading '/'",
        )


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Refuse what is not written as :func:`pack` writes it."""
    name, ours = entry.filename, _entry(entry.filename)
    _check_name(entry.orig_filename)
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BundleError("is a symbolic link", address=name, hint=_NOT_OURS)
    if entry.flag_bits & _ENCRYPTED:
        raise BundleError("is encrypted", address=name, hint=_NOT_OURS)
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise BundleError("is compressed; members are stored as they are", address=name, hint=_NOT_OURS)
    if any(getattr(entry, key) != getattr(ours, key) for key in _FIXED):
        raise BundleError("has flags, times, attributes or extra fields of its own", address=name, hint=_NOT_OURS)
