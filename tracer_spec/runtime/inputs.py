"""Turns what callers pass into the float32 that the graph takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tracer_spec.errors import DimensionError, EmbedderError, printable
from tracer_spec.runtime.embedding import TextEmbedder
from tracer_spec.runtime.signal_errors import pass_signal_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")

logger = logging.getLogger("tracer_spec.runtime")

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, slots=True)
class Rows:
    """The inputs of a batch: texts, or a matrix of vectors."""

    texts: Sequence[str] = ()
    matrix: NDArray[np.float32] | None = None


def as_vector(query: Any, dimension: int) -> NDArray[np.float32]:
    """Return one vector as float32; values too large for it become infinite, which the policy defers.

    Raises
    ------
    DimensionError
        Where its shape is not (dimension,).
    TypeError
        Where it is no vector of real numbers.
    """
    _refuse_bytes(query, "a text (str)")
    if not hasattr(query, "__len__") and not hasattr(query, "__array__"):
        raise TypeError(f"{_kind(query)} cannot be routed; pass a text (str) or a vector of {dimension} numbers")
    vector = _as_float32(query, f"a text (str) or a vector of {dimension} numbers")
    if vector.shape != (dimension,):
        raise DimensionError(
            f"the vector has shape {vector.shape}; this policy takes ({dimension},)",
            hint=_shape_hint(vector, dimension),
        )
    return vector


def as_rows(queries: Any, dimension: int) -> Rows:
    """Return the inputs of a batch.

    Raises
    ------
    DimensionError
        Where vectors are not of shape (n, dimension).
    TypeError
        Where they are neither all texts nor a matrix of real numbers.
    """
    wanted = f"a sequence of texts, or vectors of shape (n, {dimension})"
    _refuse_bytes(queries, wanted)
    if isinstance(queries, str):
        raise TypeError(f"one text is not a batch: use route(text), or pass {wanted}")
    if isinstance(queries, np.ndarray) and queries.dtype.kind in "UTO":
        queries = queries.tolist()
    if not isinstance(queries, np.ndarray):
        if not isinstance(queries, Sequence) and not hasattr(queries, "__array__"):
            raise TypeError(f"{_kind(queries)} is not {wanted}; wrap it in list(...)")
        listed = list(queries)
        kinds = set(map(type, listed))
        if not kinds:
            return Rows()
        if any(issubclass(kind, str) for kind in kinds):
            return Rows(texts=_texts(listed, kinds))
    matrix = _as_float32(queries, wanted)
    if matrix.ndim != 2 or matrix.shape[1] != dimension:
        raise DimensionError(
            f"the vectors have shape {matrix.shape}; this policy takes (n, {dimension})",
            hint=_shape_hint(matrix, dimension),
        )
    return Rows(matrix=matrix)


def cut_of(steps: Sequence[str]) -> Callable[[str], str] | None:
    """Return what takes a text out of its prompt, or takes it as it is; None where there are no steps."""
    if not steps:
        return None
    from tracer_spec.text_steps.cutter import TextCutter

    return TextCutter(steps).text_of


def embed_texts(embedder: TextEmbedder, texts: Sequence[str], dimension: int) -> NDArray[np.float32] | None:
    """Return the vectors of texts, shape (n, dimension), or None where the embedder fails or returns a wrong shape.

    Any ``Exception`` of the embedder is a failure, except one that a signal's handler raised. It is logged as a
    warning of the logger ``tracer_spec.runtime``, without a word of the texts. The exception itself, which may quote
    them, is logged for debugging alone.
    """
    try:
        vectors = embedder.embed(texts)
        if type(vectors) is not np.ndarray or vectors.dtype is not _FLOAT32:
            with np.errstate(over="ignore", invalid="ignore"):
                vectors = np.asarray(vectors, np.float32)
    except Exception as error:
        pass_signal_error(error)
        why = error.problems[0].what if isinstance(error, EmbedderError) else place_of(error)
        logger.warning("the embedder failed on %d text(s), which are deferred: %s", len(texts), why)
        logger.debug("the embedder's exception", exc_info=error)
        return None
    if vectors.shape != (len(texts), dimension):
        logger.warning(
            "the embedder gave %d text(s) vectors of shape %s, which are deferred; wanted (%d, %d)",
            len(texts), vectors.shape, len(texts), dimension,
        )  # fmt: skip
        return None
    finite = np.isfinite(vectors)
    if not finite.all():
        lost, total = int((~finite.all(axis=1)).sum()), len(texts)
        logger.warning("the embedder gave vectors that are not finite to %d of %d text(s)", lost, total)
    return vectors


def log_failure(error: Exception, answer: T) -> T:
    """Log why the policy failed and return what stands for no decision; what a signal's handler raised passes."""
    pass_signal_error(error, levels=2)
    why = f"{type(error).__name__}: {printable(str(error))}"
    logger.warning("the policy failed, and the input is deferred: %s", why)
    return answer


def _texts(listed: list[Any], kinds: set[type]) -> list[str]:
    """Return a list that holds nothing but texts."""
    if kinds != {str}:
        for row, each in enumerate(listed):
            if not isinstance(each, str):
                raise TypeError(f"item {row} of the batch is {_kind(each)}; the others are texts (str)")
    return listed


def _as_float32(values: Any, wanted: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(values)
    except OverflowError:
        raise TypeError(f"a number too large for any float; pass {wanted}") from None
    except ValueError:
        if odd := _odd(values):
            raise TypeError(f"{odd} is not real numbers; pass {wanted}") from None
        raise DimensionError("the vectors do not all have the same length", hint=f"pass {wanted}") from None
    if array.dtype.kind not in "fiu":
        kind = array.dtype if array.ndim and array.dtype.kind not in "OUS" else _odd(values) or _kind(values)
        raise TypeError(f"{kind} is not real numbers; pass {wanted}")
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32, copy=False)


def _odd(values: Any) -> str:
    """Name the first item that is no number, nor holds numbers alone; empty where there is no such list."""
    for place, each in enumerate(values if isinstance(values, list | tuple) else ()):
        inside = each if isinstance(each, list | tuple) else (each,)
        wrong = next((one for one in inside if not isinstance(one, int | float | np.number | np.ndarray)), 0)
        if not isinstance(wrong, int):
            return f"item {place} {'is' if wrong is each else 'holds'} {_kind(wrong)}, which"
    return ""


def _refuse_bytes(queries: Any, wanted: str) -> None:
    if isinstance(queries, bytes | bytearray | memoryview):
        raise TypeError(f"{_kind(queries)} cannot be routed; pass {wanted}, decoded: data.decode('utf-8')")


def _shape_hint(array: NDArray[Any], dimension: int) -> str:
    if array.ndim == 2 and array.shape[1] == dimension:
        return "for many vectors at once: route_batch"
    if array.shape == (dimension,):
        return "for one vector: route"
    return "embed with the embedder that the policy was built on"


def place_of(error: BaseException) -> str:
    """Name an exception's type and where it was raised, which quotes nothing."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_qualname}, line {trace.tb_lineno}"


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
