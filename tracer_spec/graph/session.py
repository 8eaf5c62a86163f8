"""Scores of rows by ONNX Runtime, in batches of bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import PluginError
from tracer_spec.runtime.onnx_runtime import error_line, open_session

ROWS_PER_RUN = 4096


class Scorer:
    """A graph, ready to be run on rows, so many at once.

    ``inputs`` and ``outputs`` are the graph's names, in its order. A pickled scorer carries the graph's bytes, and opens a
    session of its own where it is unpickled.
    """

    __slots__ = ("_onnx", "_rows_per_run", "_session", "inputs", "outputs")

    def __init__(self, onnx: bytes, rows_per_run: int = ROWS_PER_RUN) -> None:
        self._onnx = onnx
        self._rows_per_run = rows_per_run
        try:
            self._session = open_session(onnx)
        except Exception as error:  # noqa: BLE001 - its errors share no base but Exception
            raise PluginError(f"the graph does not load: {error_line(error)}", hint="fix the export") from None
        self.inputs: tuple[str, ...] = tuple(each.name for each in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(each.name for each in self._session.get_outputs())

    def __reduce__(self) -> tuple[type[Scorer], tuple[bytes, int]]:
        return (Scorer, (self._onnx, self._rows_per_run))

    def run(
        self,
        feeds: Mapping[str, NDArray[Any]],
        *,
        outputs: Sequence[str] | None = None,
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> list[NDArray[Any]]:
        """Return outputs of the graph, each an array of shape (n, ...).

        Parameters
        ----------
        feeds : mapping of str to ndarray of shape (n, ...)
            Every input, with one row (or element) for each of n rows; n may be 0.
        outputs : sequence of str, optional
            Which outputs; all of them, in the graph's order, by default.
        constants : mapping of str to ndarray, optional
            Values for constants that the graph lets a caller override; given whole to each batch.
        """
        lengths = {name: len(rows) for name, rows in feeds.items()}
        if len(set(lengths.values())) != 1:
            raise PluginError(f"inputs differ in their number of rows: {lengths}")
        wanted = list(self.outputs if outputs is None else outputs)
        n = next(iter(lengths.values()))
        batches = []
        for start in range(0, max(n, 1), self._rows_per_run):
            batch = {name: rows[start : start + self._rows_per_run] for name, rows in feeds.items()}
            try:
                batches.append(self._session.run(wanted, {**batch, **(constants or {})}))
            except Exception as error:  # noqa: BLE001 - as above
                raise PluginError(f"the graph does not run: {error_line(error)}", hint="fix the export") from None
        if len(batches) == 1:
            return list(batches[0])
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def score(onnx: bytes, X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores (n, k) that a graph gives to embeddings (n, d); its session is kept for the next call."""
    scorer = _kept(onnx)
    scores: NDArray[np.float32] = scorer.run({scorer.inputs[0]: X}, outputs=scorer.outputs[:1])[0]
    return scores


@lru_cache(maxsize=8)
def _kept(onnx: bytes) -> Scorer:
    return Scorer(onnx)
