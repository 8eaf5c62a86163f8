"""``precomputed``: vectors of another model, read from a file or from the records."""

from __future__ import annotations

import hashlib
import json
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracer_spec.errors import DataError, PluginError
from tracer_spec.plugin import Options, Vectors
from tracer_spec.plugin.paths import LocalPath

_ADDRESS = "embedder.with"
_NPY = b"\x93NUMPY"
_PARQUET = ".parquet"
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


class PrecomputedOptions(Options):
    """Options of ``precomputed``: one of ``path`` and ``column``."""

    path: LocalPath | None = Field(
        None,
        description="a .npy of vectors in the order of the records; a .npz of 'vectors', joined on the trace's id where it "
        "has 'ids' too; or a .parquet, a file or a folder of parts, with one column of lists, joined on its column 'id' or "
        "'text_sha256' where it has one; relative to the spec",
        examples=["vectors.npz", "vectors.parquet"],
    )
    column: str | None = Field(
        None,
        min_length=1,
        description="JMESPath of the vector inside a record: a list of numbers, or a string of one in JSON",
        examples=["embedding"],
    )
    model: str = Field("", description="the model that made the vectors; part of the bundle's embedder fingerprint")

    @model_validator(mode="after")
    def _exactly_one_place(self) -> PrecomputedOptions:
        if (self.path is None) == (self.column is None):
            got = "neither" if self.path is None else "both"
            raise ValueError(f"give exactly one of path and column; got {got}")
        if self.path is not None and not self.path.endswith((".npy", ".npz", _PARQUET)):
            raise ValueError(f"path is '{Path(self.path).name}'; expected a file called *.npy, *.npz or *.parquet")
        return self


def make(options: PrecomputedOptions) -> Precomputed:
    """Return the reader that these options describe; no file is opened yet."""
    return Precomputed(options.path, options.model)


@dataclass(frozen=True, slots=True)
class Precomputed:
    """Reads vectors from a file, or from the records.

    Parameters
    ----------
    path : str or None
        A ``.npy``, ``.npz`` or ``.parquet``; None where vectors stand in the records.
    model : str
        The model that made the vectors.
    """

    path: str | None = None
    model: str = ""

    def read(
        self, rows: Sequence[int], ids: Sequence[str | None], vectors: Sequence[Any], texts: Sequence[str] = ()
    ) -> Vectors:
        """Return the vectors of traces.

        Parameters
        ----------
        rows : sequence of int, length n
            The position of each trace among the records read, from 0: where a file's vectors are known by their order.
        ids : sequence of str or None, length n
            The id of each trace: where a file has ``ids``.
        vectors : sequence, length n
            What each record holds at the option ``column``.
        texts : sequence of str, length n
            The text of each trace, empty where it has none: where a file knows vectors by the digest of the text.

        Returns
        -------
        ndarray of shape (n, d), float32

        Raises
        ------
        DataError
            Where the file cannot be read, has no vector for a trace, or a vector is not finite numbers of the dimension of
            all others.
        """
        if self.path is None:
            return _from_records(vectors, rows)
        if self.path.endswith(_PARQUET):
            from tracer_spec.builtin.embedders.parquet_vectors import read_parquet

            return _as_float32(*read_parquet(self.path, rows, ids, texts), "path")
        name = Path(self.path).name
        matrix, known_ids = _open(self.path, name)
        places = _by_order(rows, len(matrix), name) if known_ids is None else _by_id(ids, known_ids, name)
        # only the rows asked for are converted and checked: others may be of traces that were dropped
        return _as_float32(matrix[places], [f"{name}#{place}" for place in places], "path")

    def embed(self, texts: Sequence[str]) -> NoReturn:
        """Raise: no model is here to embed them.

        Raises
        ------
        PluginError
            Always.
        """
        raise PluginError(
            f"'precomputed' embeds no text (got {len(texts)}): its vectors come with the traces",
            address="embedder",
            hint=f"route with vectors of {self.model or 'the model that made those of the traces'}",
        )

    def fingerprint(self) -> str:
        """Return the sha256, in hex, of the model's name: nothing else is known of the function from text to vector."""
        return hashlib.sha256(f"precomputed 1\n{self.model}".encode()).hexdigest()

    def state(self) -> Mapping[str, bytes]:
        """Return nothing: the app brings its vectors."""
        return {}


# --- from the records ------------------------------------------------------------------------------------------------


def _from_records(vectors: Sequence[Any], rows: Sequence[int]) -> Vectors:
    """Return the records' own vectors as one matrix."""
    if not len(vectors):
        return np.zeros((0, 0), np.float32)
    parsed = [_numbers(vector, row) for vector, row in zip(vectors, rows, strict=True)]
    dimension = len(parsed[0])
    for row, vector in zip(rows, parsed, strict=True):
        if len(vector) != dimension:
            raise DataError(
                f"the vector of record {row} has {len(vector)} numbers; that of record {rows[0]} has {dimension}",
                address=f"{_ADDRESS}.column",
                hint="all vectors must come from one model",
            )
    return _as_float32(np.stack(parsed), [f"record {row}" for row in rows], "column")


def _numbers(vector: Any, row: int) -> NDArray[Any]:
    """Return one record's vector, shape (d,)."""
    held = vector
    if isinstance(held, str):
        try:
            held = json.loads(held)
        except (ValueError, RecursionError):
            raise _no_vector(row, f"a string of {len(vector)} characters that is not JSON") from None
    if not isinstance(held, np.ndarray):
        if not isinstance(held, list | tuple):
            raise _no_vector(row, "nothing" if held is None else f"a value of type {type(held).__name__}")
        if any(isinstance(each, bool) or not isinstance(each, int | float) for each in held):
            raise _no_vector(row, "a list with items that are not numbers")
        try:
            held = np.asarray(held, np.float64)
        except OverflowError:
            raise _no_vector(row, "a number too large for any float") from None
    numbers: NDArray[Any] = held
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu" or not len(numbers):
        raise _no_vector(row, f"an array of shape {numbers.shape} and type {numbers.dtype}")
    return numbers


def _no_vector(row: int, got: str) -> DataError:
    return DataError(
        f"record {row} holds {got}; expected a list of numbers, or one in JSON",
        address=f"{_ADDRESS}.column",
        hint="point 'column' at the vector, or drop records without one with traces.format.where",
    )


# --- from a file -----------------------------------------------------------------------------------------------------


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
        raise _refusal(f"'{path}' does not exist", hint="a path is relative to the spec's folder") from None
    except _UNREADABLE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise _refusal(
            f"'{name}' is not a readable NumPy file: {said}",
            hint="write it with numpy.save or numpy.savez, numbers and strings only: objects are never unpickled",
        ) from None


def _open_archive(file: BinaryIO, name: str) -> tuple[NDArray[Any], list[str] | None]:
    """Return the matrix of a ``.npz``, and its ids where it has them."""
    with zipfile.ZipFile(file):
        file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        if not {"vectors"} <= set(arrays.files) <= {"ids", "vectors"}:
            raise _refusal(
                f"'{name}' holds the arrays {', '.join(sorted(arrays.files)) or 'none'}; "
                "expected vectors, or ids and vectors"
            )
        matrix = _checked(arrays["vectors"], name)
        return matrix, _checked_ids(arrays["ids"], len(matrix), name) if "ids" in arrays.files else None


def _checked(matrix: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a matrix of real numbers, shape (n, d)."""
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2 or matrix.shape[1] < 1:
        raise _refusal(
            f"the vectors of '{name}' have shape {matrix.shape} and type {matrix.dtype}; "
            "expected (n, d) of real numbers"
        )
    return matrix


def _checked_ids(ids: NDArray[Any], n: int, name: str) -> list[str]:
    """Return the ids as strings."""
    if ids.dtype.kind not in "Uiu" or ids.shape != (n,):
        raise _refusal(
            f"the ids of '{name}' have shape {ids.shape} and type {ids.dtype}; expected ({n},) of strings or integers"
        )
    return [str(each) for each in ids.tolist()]


def _by_order(rows: Sequence[int], n: int, name: str) -> list[int]:
    """Return the places of records in a file without ids."""
    beyond = [row for row in rows if not 0 <= row < n]
    if beyond:
        raise _refusal(
            f"'{name}' has {n} vectors, and none for record {beyond[0]} (from 0); {len(beyond)} of {len(rows)} traces lack one",
            hint="write one vector per record read, in their order, or a .npz with 'ids' and 'vectors'",
        )
    return [int(row) for row in rows]


def _by_id(ids: Sequence[str | None], known: Sequence[str], name: str) -> list[int]:
    """Return the places of traces in a file with ids."""
    place = {each: at for at, each in enumerate(known)}
    if len(place) != len(known):
        twice = next(each for at, each in enumerate(known) if place[each] != at)
        raise _refusal(f"'{name}' has the id {twice[:80]!r} more than once", hint="keep one vector per id")
    if None in ids:
        raise DataError(
            f"{sum(each is None for each in ids)} of {len(ids)} traces have no id to join '{name}' on",
            address="traces.format.id",
            hint="map 'id' in traces.format, or leave 'ids' out of the file and keep the records' order",
        )
    missing = [each for each in ids if each not in place]
    if missing:
        raise _refusal(
            f"'{name}' has no vector for the id {str(missing[0])[:80]!r}; {len(missing)} of {len(ids)} traces lack one",
            hint="embed the missing traces too, or drop them with traces.format.where",
        )
    return [place[each] for each in ids if each is not None]


def _as_float32(matrix: NDArray[Any], names: Sequence[str], option: str) -> Vectors:
    """Return a matrix as float32, all finite."""
    with np.errstate(over="ignore"):
        X: Vectors = np.ascontiguousarray(matrix, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise DataError(
            f"the vector of {names[bad[0]]} is not finite in float32; {len(bad)} of {len(X)} are not",
            address=f"{_ADDRESS}.{option}",
            hint="embed those texts again, or drop their traces",
        )
    return X


def _refusal(what: str, *, hint: str = "") -> DataError:
    return DataError(what, address=f"{_ADDRESS}.path", hint=hint)
