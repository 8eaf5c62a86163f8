"""Token ids to vectors, by a graph that has been checked."""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tracer_spec.errors import PluginError
from tracer_spec.runtime.encoder_check import EncoderGraph, check_encoder
from tracer_spec.runtime.onnx_runtime import error_line, open_session, runtime_errors

from tracer_spec_encoder import EncoderOptions

_TEXTS_PER_RUN, _TOKENS_PER_RUN = 32, 2048
_ADDRESS = "embedder.with"
_KNOWN = ("input_ids", "attention_mask", "token_type_ids", "position_ids")


class EncoderRun:
    """A graph of an encoder, opened on one thread.

    Parameters
    ----------
    model : bytes
        A serialised ``ModelProto``.
    options : EncoderOptions

    Raises
    ------
    PluginError
        Where it is no encoder, or needs what a text does not give.
    """

    def __init__(self, model: bytes, options: EncoderOptions) -> None:
        self._pooling, self._max_tokens = options.pooling, options.max_tokens
        checked = _checked(model, options.max_tokens)
        strange = [name for name in checked.inputs if name not in _KNOWN]
        if strange or "input_ids" not in checked.inputs:
            fact = f"asks for {strange[0]!r}" if strange else "does not ask for 'input_ids'"
            hint = "export it for feature extraction"
            raise PluginError(f"the encoder's graph {fact}; known: {', '.join(_KNOWN)}", address=_ADDRESS, hint=hint)
        try:
            self._session = open_session(model)
        except runtime_errors() as error:
            hint = "export it again, or upgrade onnxruntime"
            raise PluginError(f"the encoder's graph: {error_line(error)}", address=_ADDRESS, hint=hint) from error
        self._kinds = {each.name: np.int32 if "int32" in each.type else np.int64 for each in self._session.get_inputs()}
        self._output: str = self._find_output(checked, options.output)
        self.dimension = checked.outputs[self._output][-1]
        self.mixes_texts = checked.mixes_texts

    def _find_output(self, checked: EncoderGraph, wanted: str | None) -> str:
        """Return the output asked for, else the first of a vector a token, else the first of a vector a text."""
        floats: dict[str, str] = {each.name: each.type for each in self._session.get_outputs() if "float" in each.type}
        for rank in (3, 2):
            for name in floats:
                shape = checked.outputs[name]
                if len(shape) == rank and shape[-1] > 0 and wanted in (None, name):
                    return name
        there = ", ".join(f"{name} {shape}" for name, shape in checked.outputs.items())
        raise PluginError(
            f"the encoder's graph gives no vectors{'' if wanted is None else f' as {wanted!r}'}; outputs: {there}",
            address=_ADDRESS,
            hint="name one in float, of shape (texts, tokens, d) or (texts, d): output: NAME",
        )

    def vectors(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return one vector a text, shape (n, dimension); zeros for a text without tokens.

        Notes
        -----
        Texts of one length share a run, so that nothing is padded and no token is masked. Where the graph takes a scale from
        the whole of a run, each text has a run of its own: it must be the vector that it will have when it is served.
        """
        X = np.zeros((len(ids), self.dimension), np.float32)
        for rows in _runs([len(each) for each in ids], 1 if self.mixes_texts else _TEXTS_PER_RUN):
            X[rows] = self._pooled(np.array([ids[row] for row in rows], np.int64))
        return X

    def check_length(self) -> None:
        """Refuse ``max_tokens`` that are more than the model has positions for.

        Raises
        ------
        PluginError
        """
        if self._failure(self._max_tokens) is None:
            return
        longest = _longest(self._max_tokens, lambda n: self._failure(n) is None)
        if not longest:
            raise PluginError(
                f"the encoder's graph fails: {self._failure(1)}", address=_ADDRESS, hint="export it again"
            )
        raise _too_long(self._max_tokens, longest)

    def _failure(self, n_tokens: int) -> str | None:
        """Return what a run on so many tokens fails with; None where it does not."""
        try:
            self._run(np.zeros((1, n_tokens), np.int64))
        except runtime_errors() as error:
            return error_line(error)
        return None

    def _run(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.broadcast_to(np.arange(ids.shape[1]), ids.shape),
        }
        asked = {name: np.ascontiguousarray(given[name], kind) for name, kind in self._kinds.items()}
        (found,) = self._session.run([self._output], asked)
        vectors: NDArray[Any] = found
        return vectors

    def _pooled(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        try:
            found = self._run(ids).astype(np.float64)
        except runtime_errors() as error:
            hint = "check that the tokenizer is the model's own"
            raise PluginError(f"the encoder fails: {error_line(error)}", address=_ADDRESS, hint=hint) from error
        if found.ndim == 2:
            return found
        if self._pooling == "mean":
            with np.errstate(invalid="ignore", over="ignore"):  # the build tells of what is not finite
                return np.asarray(found.mean(axis=1))
        return found[:, 0] if self._pooling == "cls" else found[:, -1]


def _checked(model: bytes, n_tokens: int) -> EncoderGraph:
    """Check a graph; where it would do for shorter texts, say which."""

    def passes(n: int) -> bool:
        with contextlib.suppress(PluginError):
            check_encoder(model, n_tokens=n)
            return True
        return False

    try:
        return check_encoder(model, n_tokens=n_tokens, address=_ADDRESS)
    except PluginError:
        longest = _longest(n_tokens, passes)
        if longest:
            raise _too_long(n_tokens, longest) from None
        raise


def _longest(most: int, takes: Callable[[int], bool]) -> int:
    """Return the greatest length below ``most`` that a model takes; 0 where it takes none."""
    return bisect.bisect_left(range(1, most), True, key=lambda n: not takes(n))


def _too_long(max_tokens: int, longest: int) -> PluginError:
    fact = f"the model takes at most {longest} tokens; max_tokens is {max_tokens}"
    return PluginError(fact, address=f"{_ADDRESS}.max_tokens", hint=f"max_tokens: {longest}")


def _runs(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Return the rows of each run: texts of one length, in their order; none of those without tokens."""
    rows_of: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows_of.setdefault(length, []).append(row)
    runs = []
    for length, rows in rows_of.items():
        if length:
            size = max(1, min(most, _TOKENS_PER_RUN // length))
            runs += [rows[start : start + size] for start in range(0, len(rows), size)]
    return runs
