"""The ZIP file around a bundle's members. Members determine it byte for byte, and nothing else is read.

Members are stored without compression, ``bundle.json`` first and the rest by name, with fixed times and
attributes, no comments and no extra fields. The reader takes this one encoding alone: whatever two ZIP
programs could understand in two ways (a prefix, a gap, trailing bytes, a local header that contradicts the
directory) has no place to hide. Nothing is ever extracted to disk.

References
----------
PKWARE, *.ZIP File Format Specification* (APPNOTE), 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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

REFETCH = "the file is damaged or was changed: fetch the bundle again, or build it again with 'tracer-spec build'"
_NOT_OURS = "a bundle is written by 'tracer-spec build' alone; zipping one again makes another file"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION = 20
_MADE_BY_UNIX = (3 << 8) | _VERSION
_TIME, _DATE = 0, (1 << 5) | 1  # 1980-01-01 00:00:00, the first moment a ZIP can name
_REGULAR_FILE = (stat.S_IFREG | 0o644) << 16
_STORED = 0
_ENCRYPTED = 1


@dataclass(frozen=True, slots=True)
class _Entry:
    """One member as the central directory tells it."""

    name: str
    crc: int
    size: int
    offset: int

    def local_header(self) -> bytes:
        name = self.name.encode()
        head = _LOCAL.pack(b"PK\3\4", _VERSION, 0, _STORED, _TIME, _DATE, self.crc, self.size, self.size, len(name), 0)
        return head + name

    def central_header(self) -> bytes:
        name = self.name.encode()
        head = _CENTRAL.pack(
            b"PK\1\2", _MADE_BY_UNIX, _VERSION, 0, _STORED, _TIME, _DATE,
            self.crc, self.size, self.size, len(name), 0, 0, 0, 0, _REGULAR_FILE, self.offset,
        )  # fmt: skip
        return head + name


def is_member_name(name: str) -> bool:
    """Return whether a bundle may have such a member: one of the seven, or a path under ``embedder/``."""
    return len(name) <= limits.MEMBER_NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return the file that holds these members.

    Raises
    ------
    BundleError
        Where a name is not one a bundle may have, or the file would be larger than a reader takes.
    """
    pieces: list[bytes] = []
    entries: list[_Entry] = []
    offset = 0
    for name in _in_order(members):
        if not is_member_name(name):
            raise BundleError(f"{name!r} is no name for a member of a bundle", address=name, hint=_names_hint())
        entry = _Entry(name, zlib.crc32(members[name]), len(members[name]), offset)
        entries.append(entry)
        pieces += [entry.local_header(), members[name]]
        offset += len(pieces[-2]) + len(pieces[-1])
    directory = b"".join(entry.central_header() for entry in entries)
    total = offset + len(directory) + _END.size
    if total > limits.BUNDLE_BYTES or len(entries) > limits.MEMBERS:
        raise BundleError(
            f"the bundle would be {total} bytes in {len(entries)} members; "
            f"at most {limits.BUNDLE_BYTES} bytes in {limits.MEMBERS} members can be loaded",
            hint="leave out the largest surrogates: 'tracer-spec inspect' lists their sizes",
        )
    return b"".join((*pieces, directory, _end(len(entries), len(directory), offset)))


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of a file made by :func:`pack`, in its order.

    Raises
    ------
    BundleError
        Where the file is anything else.
    """
    n_members, directory_start = _read_end(data)
    members: dict[str, bytes] = {}
    at, offset = directory_start, 0
    for _ in range(n_members):
        entry, at = _read_entry(data, at)
        if entry.name in members:
            raise BundleError("is in the file twice", address=entry.name, hint=_NOT_OURS)
        header = entry.local_header()
        start, end = offset + len(header), offset + len(header) + entry.size
        if entry.offset != offset or data[offset:start] != header:
            raise BundleError("has a header that contradicts the file's directory", address=entry.name, hint=REFETCH)
        if end > directory_start:
            raise BundleError(
                f"claims {entry.size} bytes; {max(directory_start - start, 0)} are left",
                address=entry.name,
                hint=REFETCH,
            )
        content = data[start:end]
        if zlib.crc32(content) != entry.crc:
            raise BundleError("does not match its checksum", address=entry.name, hint=REFETCH)
        members[entry.name] = content
        offset = end
    if offset != directory_start:
        raise BundleError(f"has {directory_start - offset} bytes that belong to no member", hint=REFETCH)
    if at != len(data) - _END.size:
        raise BundleError("has a directory whose size is not what it claims", hint=REFETCH)
    if list(members) != _in_order(members):
        raise BundleError(f"has its members in another order than {_in_order(members)}", hint=_NOT_OURS)
    return members


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name != MANIFEST, name))


def _end(n_members: int, directory_bytes: int, directory_start: int) -> bytes:
    return _END.pack(b"PK\5\6", 0, 0, n_members, n_members, directory_bytes, directory_start, 0)


def _read_end(data: bytes) -> tuple[int, int]:
    """Return the number of members and where the directory starts."""
    if not data.startswith(b"PK\3\4"):
        raise BundleError("is not a bundle: it does not start as a ZIP file does", hint=REFETCH)
    if len(data) < _END.size or data[-_END.size :][:4] != b"PK\5\6":
        raise BundleError("does not end as a bundle does: it is cut short, or bytes follow it", hint=REFETCH)
    *_, n_members, directory_bytes, directory_start, _ = _END.unpack(data[-_END.size :])
    if n_members > limits.MEMBERS:
        raise BundleError(f"has {n_members} members; at most {limits.MEMBERS} are read", hint=_NOT_OURS)
    if data[-_END.size :] != _end(n_members, directory_bytes, directory_start):
        raise BundleError("ends in a directory of several parts, or with a comment", hint=_NOT_OURS)
    if directory_start + directory_bytes + _END.size != len(data):
        raise BundleError("has bytes before, after or between its parts", hint=REFETCH)
    return n_members, directory_start


def _read_entry(data: bytes, at: int) -> tuple[_Entry, int]:
    """Read one header of the directory; return it and where the next begins."""
    if at + _CENTRAL.size > len(data) - _END.size or data[at : at + 4] != b"PK\1\2":
        raise BundleError("has a directory that is cut short or damaged", hint=REFETCH)
    fields = _CENTRAL.unpack_from(data, at)
    flags, method, crc, packed, size, name_bytes = fields[3], fields[4], *fields[7:11]
    attributes, offset = fields[15], fields[16]
    name = data[at + _CENTRAL.size : at + _CENTRAL.size + name_bytes].decode("utf-8", "backslashreplace")
    if not is_member_name(name):
        raise BundleError(f"{name[:80]!r} is no name for a member of a bundle", address=name[:80], hint=_names_hint())
    if stat.S_ISLNK(attributes >> 16):
        raise BundleError("is a symbolic link", address=name, hint=_NOT_OURS)
    if flags & _ENCRYPTED:
        raise BundleError("is encrypted", address=name, hint=_NOT_OURS)
    if method != _STORED or packed != size:
        raise BundleError("is compressed; members are stored as they are", address=name, hint=_NOT_OURS)
    entry = _Entry(name, crc, size, offset)
    header = entry.central_header()
    if data[at : at + len(header)] != header:
        raise BundleError("has flags, times, attributes or extra fields of its own", address=name, hint=_NOT_OURS)
    return entry, at + len(header)


def _names_hint() -> str:
    names = ", ".join((MANIFEST, *REQUIRED, *OPTIONAL))
    return f"members are {names} and files under {EMBEDDER}, without '..', '\\' or a leading '/'"
