"""Files at an address such as ``s3://bucket/traces/*.jsonl``, by fsspec, where that is installed."""

from __future__ import annotations

import glob
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracer_spec.errors import DataError, MissingDependencyError, TracerError, without_secrets
from tracer_spec.inputs.streams import ADDRESS

# what a file system needs beside fsspec, by the scheme of its addresses
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "hf": "huggingface_hub"}
_PACKAGES |= {"http": "aiohttp", "https": "aiohttp"}


def is_remote(path: str) -> bool:
    """Return whether a path is an address with a scheme."""
    return "://" in path


def has_secrets(text: str) -> bool:
    """Return whether an address in a text holds credentials or a signature."""
    return without_secrets(text) != text


def find_remote(pattern: str, example: str) -> tuple[Any, list[str]]:
    """Return the file system of an address or of a glob, and the paths in it of the files that it names.

    Raises
    ------
    DataError
        Where it names no file, or its file system cannot be read.
    MissingDependencyError
        Where a package is missing.
    """
    name, scheme = without_secrets(pattern), pattern.partition("://")[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise _missing(name, "fsspec", "'tracer-spec[fsspec]'") from None
    with _attributed(name):
        try:
            system, path = url_to_fs(pattern)
        except ImportError as error:
            package = _PACKAGES.get(scheme) or getattr(error, "name", None) or f"the package for {scheme}://"
            raise _missing(name, package, package) from None
        if system.isdir(path):
            what, hint = "is a folder", f"name the files in it: '{name.rstrip('/')}/{example}'"
            raise DataError(f"'{name}' {what}", hint=hint, address=ADDRESS)
        found = [path] if system.isfile(path) else _glob(system, path) if glob.has_magic(path) else []
    if not found:
        raise DataError(
            f"'{name}' matches no file", hint="check the address; '**' reaches into folders", address=ADDRESS
        )
    return system, sorted(found)


def _glob(system: Any, pattern: str) -> list[str]:
    """Return the files that a glob matches, without hidden ones."""
    found = [path for path, about in system.glob(pattern, detail=True).items() if about["type"] == "file"]
    return [path for path in found if not path.rpartition("/")[2].startswith(".")]


def remote_name(system: Any, path: str) -> str:
    """Return the address of a file as messages show it."""
    return without_secrets(str(system.unstrip_protocol(path)))


def open_remote(system: Any, path: str, name: str) -> io.RawIOBase:
    """Open a file of a file system, in which one can seek."""
    with _attributed(name):
        return _Remote(system.open(path, "rb"), name)


class _Remote(io.RawIOBase):
    """A file of a file system, whose every failure is an error with its address."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self._name = name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        with _attributed(self._name):
            piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _attributed(self._name):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _attributed(name: str) -> Iterator[None]:
    """Turn whatever a file system raises into an error that names the file and shows no secret."""
    try:
        yield
    except TracerError:
        raise
    except Exception as error:  # noqa: BLE001 - a file system of a third party may raise anything
        said = without_secrets(" ".join(str(error).split()))[:200]
        raise DataError(
            f"'{name}' cannot be read: {type(error).__name__}{': ' * bool(said)}{said}",
            hint="check the address, and the credentials that its file system takes from the environment",
            address=ADDRESS,
        ) from None


def _missing(name: str, package: str, to_install: str) -> MissingDependencyError:
    what = f"'{name}' is no local path, and reading it needs {package}, which is not installed"
    return MissingDependencyError(what, hint=f"pip install {to_install}", address=ADDRESS)
