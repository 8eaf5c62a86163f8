"""Streams of bytes out of files: compression and archives are told by a file's first bytes, never by its name."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any, TypeAlias, cast

from tracer_spec.errors import DataError, MissingDependencyError

ADDRESS = "traces.with.path"
BUFFER_BYTES = 1 << 18
# what reading a compressed stream raises when it is cut short or damaged
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
CUT_SHORT = "the compressed file is damaged or cut short here; nothing after it is read"

Stream: TypeAlias = io.BufferedReader | gzip.GzipFile

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1\x15"
# a frame of zstd that holds no data and may come first
_ZSTD_SKIPPED = b"\x2a\x4d\x18"
# what is read at a time, and so what is lost before a place that is damaged
_ZSTD_BYTES = 1 << 13
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOK = b"[Content_Types].xml"
_OTHER_FILES = (
    (b"BZh91AY&SY", "is compressed by bzip2, which is not read", "decompress it: bunzip2 FILE"),
    (b"\xfd7zXZ\x00", "is compressed by xz, which is not read", "decompress it: unxz FILE"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", "unpack it, and name the files in it"),
)
_TAR_AT, _TAR = 257, b"ustar"
_PEEKED_BYTES = 512


def decompressed(stream: io.BufferedReader, name: str) -> Stream:
    """Return a stream of what a file holds: decompressed where it is gzip or zstd, else as it is.

    Raises
    ------
    DataError
        For an archive, and for files of other kinds whose first bytes tell what they are.
    MissingDependencyError
        For zstd where pyarrow is not installed.
    """
    head = stream.peek(_PEEKED_BYTES)
    _refuse_other_files(head, name)
    if head.startswith(GZIP):
        # a GzipFile as it is: a larger buffer around it would lose what it holds when the next read finds damage
        opened: Stream = gzip.GzipFile(fileobj=stream, mode="rb")
    elif head.startswith(ZSTD) or (head[1:4] == _ZSTD_SKIPPED and 0x50 <= head[0] <= 0x5F):
        opened = io.BufferedReader(_Zstd(stream, name), _ZSTD_BYTES)
    else:
        return _without_tar(stream, name)
    return _without_tar(opened, name)


def _without_tar(stream: Stream, name: str) -> Stream:
    try:
        head = stream.peek(_PEEKED_BYTES)
    except DAMAGE:  # found again, with its place, by who reads on
        return stream
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise _other_file(name, "is a tar archive", "unpack it: tar -xf FILE; and name the files in it")
    return stream


def _refuse_other_files(head: bytes, name: str) -> None:
    if head.startswith(_ZIP):
        if _WORKBOOK in head or name.lower().endswith((".xlsx", ".xlsm")):
            raise _other_file(name, "is an Excel workbook", "save the sheet as CSV, and write 'use: csv'")
        raise _other_file(name, "is a zip archive", "unpack it: unzip FILE; and name the files in it")
    for start, what, hint in _OTHER_FILES:
        if head.startswith(start):
            raise _other_file(name, what, hint)


def refuse_parquet(stream: Stream, name: str) -> None:
    """Raise DataError for a Parquet file, which another source reads."""
    try:
        is_parquet = stream.peek(len(PARQUET)).startswith(PARQUET)
    except DAMAGE:  # found again, with its place, by who reads on
        return
    if is_parquet:
        raise _other_file(name, "is a Parquet file", "write 'use: parquet'")


def _other_file(name: str, what: str, hint: str) -> DataError:
    return DataError(f"'{name}' {what}", hint=hint, address=ADDRESS)


class _Zstd(io.RawIOBase):
    """What a stream of zstd frames holds, decompressed piece by piece."""

    def __init__(self, stream: io.BufferedReader, name: str) -> None:
        try:
            import pyarrow as pa
        except ImportError:
            raise MissingDependencyError(
                f"'{name}' is compressed by zstd, and reading it needs pyarrow, which is not installed",
                hint="pip install 'tracer-spec[zstd]'",
                address=ADDRESS,
            ) from None
        self._is_damaged = False
        self._frames: Any = pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as one read goes; raises EOFError where the frames are damaged."""
        if self._is_damaged:  # pyarrow would go on with whatever is in its buffer
            raise EOFError(CUT_SHORT)
        try:
            piece = cast(bytes, self._frames.read(min(len(buffer), _ZSTD_BYTES)))
        except OSError as error:
            if error.errno is not None:  # of the file below, not of what it holds
                raise
            self._is_damaged = True
            raise EOFError(CUT_SHORT) from None
        buffer[: len(piece)] = piece
        return len(piece)
