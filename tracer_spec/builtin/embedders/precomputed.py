"""``precomputed``: vectors of another model, read from a file or from the records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracer_spec.builtin.embedders.numpy_vectors import NONE, count_numpy, read_numpy, refusal
from tracer_spec.errors import DataError, PluginError
from tracer_spec.plugin import Options, Vectors
from tracer_spec.plugin.paths import LocalPath

_ADDRESS = "embedder.with"
# vectors that are looked at together
_BLOCK = 4096
_PARQUET = ".parquet"


class PrecomputedOptions(Options):
    """Options of ``precomputed``: one of ``path`` and ``column``."""

    path: LocalPath | None = Field(
        None,
        description="a .npy of vectors, one for each record in their order; a .npz of 'vectors', joined on the trace's id "
        "where it has 'ids' too; or a .parquet, a file or a folder of parts, with one column of lists, joined on its column "
        "'id' or 'text_sha256' where it has one; relative to the spec",
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
        matrix, places, problem = read_numpy(self.path, rows, ids)
        if problem is not None:
            raise problem
        # only the rows asked for are converted and checked: others may be of traces that were dropped
        name = Path(self.path).name
        return _as_float32(matrix[places], [f"{name}#{place}" for place in places], "path")

    def missing(
        self, rows: Sequence[int], ids: Sequence[str | None], vectors: Sequence[Any], texts: Sequence[str] = ()
    ) -> list[int]:
        """Return the positions of traces that have no vector, ascending; takes what :meth:`read` takes.

        Raises
        ------
        DataError
            Where :meth:`read` would raise of anything else, vectors that are not finite included.

        Notes
        -----
        Some 4,096 vectors are held at a time, beside a ``.npz``, which NumPy reads whole.
        """
        if self.path is None:
            finite = _Finite("column", len(rows))
            for some in _blocks(range(len(rows))):
                asked = [0, *some]  # the first as well: all have its dimension
                X = _stacked([vectors[at] for at in asked], [rows[at] for at in asked])
                finite.look(X[1:], [f"record {rows[at]}" for at in some])
            finite.check()
            return []
        finite = _Finite("path", len(rows))
        if self.path.endswith(_PARQUET):
            from tracer_spec.builtin.embedders.parquet_vectors import missing_in_parquet

            found = missing_in_parquet(
                self.path, rows, ids, texts, lambda vector, told: finite.look(vector[None], [told])
            )
            finite.check()
            return found
        matrix, places, _ = read_numpy(self.path, rows, ids)
        name = Path(self.path).name
        for some in _blocks([place for place in places if place != NONE]):
            finite.look(matrix[some], [f"{name}#{place}" for place in some])
        finite.check()
        return [at for at, place in enumerate(places) if place == NONE]

    def check_count(self, n_read: int) -> None:
        """Check that vectors known by their order are as many as the traces read, kept or not.

        Raises
        ------
        DataError
            Where they are more, or fewer: vectors would be taken for those of other traces.
        """
        if self.path is None:
            return
        if self.path.endswith(_PARQUET):
            from tracer_spec.builtin.embedders.parquet_vectors import count_parquet as count
        else:
            count = count_numpy
        n = count(self.path)
        if n not in (None, n_read):
            raise refusal(
                f"'{Path(self.path).name}' has {n:,} vectors, known by their order alone, for {n_read:,} traces read",
                hint="write one vector for each trace read, also those that are left out, in their order; or know them by "
                "'id', in a .npz beside 'vectors' or as a column of a .parquet",
            )

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
    return _as_float32(_stacked(vectors, rows), [f"record {row}" for row in rows], "column")


def _stacked(vectors: Sequence[Any], rows: Sequence[int]) -> NDArray[Any]:
    """Return some records' vectors as one matrix, all of the dimension of the first."""
    parsed = [_numbers(vector, row) for vector, row in zip(vectors, rows, strict=True)]
    dimension = len(parsed[0])
    for row, vector in zip(rows, parsed, strict=True):
        if len(vector) != dimension:
            raise DataError(
                f"the vector of record {row} has {len(vector)} numbers; that of record {rows[0]} has {dimension}",
                address=f"{_ADDRESS}.column",
                hint="all vectors must come from one model",
            )
    return np.stack(parsed)


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


# --- numbers -------------------------------------------------------------------------------------------------------


def _blocks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    yield from (items[start : start + _BLOCK] for start in range(0, len(items), _BLOCK))


def _narrowed(matrix: NDArray[Any]) -> Vectors:
    """Return a matrix as float32; what is too large for that is infinite."""
    with np.errstate(over="ignore"):
        X: Vectors = np.ascontiguousarray(matrix, dtype=np.float32)
    return X


def _as_float32(matrix: NDArray[Any], names: Sequence[str], option: str) -> Vectors:
    """Return a matrix as float32, all finite."""
    finite, X = _Finite(option, len(matrix)), _narrowed(matrix)
    finite.look(X, names)
    finite.check()
    return X


@dataclass(slots=True)
class _Finite:
    """Counts the vectors that are not finite, or whose length is not, of n: nothing can be learned of those."""

    option: str
    n: int
    n_bad: int = 0
    first: str = ""

    def look(self, X: NDArray[Any], names: Sequence[str]) -> None:
        """Count those of some vectors."""
        narrow = _narrowed(X)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("nd,nd->n", narrow, narrow)
        bad = np.flatnonzero(~np.isfinite(squares))
        if len(bad) and not self.first:
            what = "the length of the vector" if np.isfinite(narrow[bad[0]]).all() else "the vector"
            self.first = f"{what} of {names[bad[0]]}"
        self.n_bad += len(bad)

    def check(self) -> None:
        """Raise DataError where there were any."""
        if self.n_bad:
            raise DataError(
                f"{self.first} is not finite in float32; {self.n_bad:,} of {self.n:,} are not",
                address=f"{_ADDRESS}.{self.option}",
                hint="embed those texts again, or drop their traces",
            )
