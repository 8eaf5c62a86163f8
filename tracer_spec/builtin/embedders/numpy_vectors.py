"""Vectors in NumPy's files: a ``.npy``, or a ``.npz`` with the ids of its rows or without."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError
from tracer_spec.plugin.missing_vectors import REMEDY

ADDRESS = "embedder.with.path"
# the place of a trace without a vector
NONE = -1
_NPY = b"\x93NUMPY"
# what numpy.load and zipfile raise for a file that is damaged, cut short, encrypted, or claims to be huge
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_numpy(
    path: str, rows: Sequence[int], ids: Sequence[str | None]
) -> tuple[NDArray[Any], list[int], DataError | None]:
    """Return the matrix of a file, the place of each trace in it, and what to raise where some have :data:`NONE`.

    Raises
    ------
    DataError
        Where the file cannot be read, or names its rows by ids, and a trace has none or two rows have one.
    """
    name = Path(path).name
    matrix, known = _open(path, name)
    return matrix, *(_by_order(rows, len(matrix), name) if known is None else _by_id(ids, known, name))


def count_numpy(path: str) -> int | None:
    """Return how many vectors a file has, where they are known by their order; None where by ids."""
    matrix, known = _open(path, Path(path).name)
    return len(matrix) if known is None else None


def _open(path: str, name: str) -> tuple[NDArray[Any], list[str] | None]:
    """Return the matrix of a file, and its ids where it has them."""
    try:
        with Path(path).open("rb") as file:
            if file.read(len(_NPY)) == _NPY:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # a header written by Python 2 reads as well
                    # mapped, not read: only the rows asked for come into memory
                    return _checked(np.load(path, mmap_mode="r", allow_pickle=False), name), None
            file.seek(0)
            return _open_archive(file, name)
    except FileNotFoundError:
        raise refusal(f"'{path}' does not exist", hint="a path is relative to the spec's folder") from None
    except _UNREADABLE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise refusal(
            f"'{name}' is not a readable NumPy file: {said}",
            hint="write it with numpy.save or numpy.savez, numbers and strings only: objects are never unpickled",
        ) from None


def _open_archive(file: BinaryIO, name: str) -> tuple[NDArray[Any], list[str] | None]:
    """Return the matrix of a ``.npz``, and its ids where it has them."""
    with zipfile.ZipFile(file):
        file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        if not {"vectors"} <= set(arrays.files) <= {"ids", "vectors"}:
            raise refusal(
                f"'{name}' holds the arrays {', '.join(sorted(arrays.files)) or 'none'}; "
                "expected vectors, or ids and vectors"
            )
        matrix = _checked(arrays["vectors"], name)
        return matrix, _checked_ids(arrays["ids"], len(matrix), name) if "ids" in arrays.files else None


def _checked(matrix: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a matrix of real numbers, shape (n, d)."""
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2 or matrix.shape[1] < 1:
        raise refusal(
            f"the vectors of '{name}' have shape {matrix.shape} and type {matrix.dtype}; "
            "expected (n, d) of real numbers"
        )
    return matrix


def _checked_ids(ids: NDArray[Any], n: int, name: str) -> list[str]:
    """Return the ids as strings."""
    if ids.dtype.kind not in "Uiu" or ids.shape != (n,):
        raise refusal(
            f"the ids of '{name}' have shape {ids.shape} and type {ids.dtype}; expected ({n},) of strings or integers"
        )
    return [str(each) for each in ids.tolist()]


def _by_order(rows: Sequence[int], n: int, name: str) -> tuple[list[int], DataError | None]:
    """Return the places of records in a file without ids."""
    beyond = [row for row in rows if not 0 <= row < n]
    problem = (
        refusal(
            f"'{name}' has {n:,} vectors, and none for record {beyond[0]} (from 0); "
            f"{len(beyond):,} of {len(rows):,} traces lack one",
            hint="write one vector per record read, in their order, or a .npz with 'ids' and 'vectors'",
        )
        if beyond
        else None
    )
    return [int(row) if 0 <= row < n else NONE for row in rows], problem


def _by_id(ids: Sequence[str | None], known: Sequence[str], name: str) -> tuple[list[int], DataError | None]:
    """Return the places of traces in a file with ids."""
    place = {each: at for at, each in enumerate(known)}
    if len(place) != len(known):
        twice = next(each for at, each in enumerate(known) if place[each] != at)
        raise refusal(f"'{name}' has the id {twice[:80]!r} more than once", hint="keep one vector per id")
    if None in ids:
        raise DataError(
            f"{sum(each is None for each in ids):,} of {len(ids):,} traces have no id to join '{name}' on",
            address="traces.format.id",
            hint="map 'id' in traces.format, or leave 'ids' out of the file and keep the records' order",
        )
    missing = [each for each in ids if each not in place]
    problem = (
        refusal(
            f"'{name}' has no vector for the id {str(missing[0])[:80]!r}; {len(missing):,} of {len(ids):,} traces lack one",
            hint=REMEDY,
        )
        if missing
        else None
    )
    return [NONE if each is None else place.get(each, NONE) for each in ids], problem


def refusal(what: str, *, hint: str = "") -> DataError:
    """Return what is wrong with a file of vectors, of NumPy's or Parquet's."""
    return DataError(what, address=ADDRESS, hint=hint)
