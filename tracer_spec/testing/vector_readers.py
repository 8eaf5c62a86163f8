"""The contract of an "embedder" whose vectors come with the traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer_spec.errors import TracerError
from tracer_spec.plugin import VectorReader, VectorReaderPlugin, Vectors
from tracer_spec.testing.contract import Contract
from tracer_spec.testing.graphs import require_rows


class VectorReaderContract(Contract):
    """What every reader of vectors promises.

    Attributes
    ----------
    ids : sequence of str or None
        The ids of the traces that it is asked for, in the order of the records.
    held : sequence
        What each record holds at its ``column``; None for each where vectors are elsewhere.
    texts : sequence of str
        The text of each trace.

    Examples
    --------
    >>> class TestColumn(VectorReaderContract):
    ...     plugin = "precomputed"
    ...     options = {"column": "embedding"}
    ...     held = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]
    """

    kind = "embedder"
    ids: Sequence[str | None] = ("a", "b", "c")
    held: Sequence[Any] = (None, None, None)
    texts: Sequence[str] = ("where is my card?", "top up", "why was I charged?")

    def _read(self, order: Sequence[int]) -> Vectors:
        columns = ([column[i] for i in order] for column in (self.ids, self.held, self.texts))
        X: Vectors = self.made().read(list(order), *columns)
        return X

    def test_it_is_a_reader(self) -> None:
        """VectorReaderPlugin describes it, its column gives a JMESPath or None, and it has read(rows, ids, vectors, texts)."""
        plugin, part = self.descriptor, self.made()
        self.require(
            isinstance(plugin, VectorReaderPlugin) and isinstance(part, VectorReader),
            f"{type(plugin).__name__} describes it, and make gives {type(part).__name__}",
            fix="describe it by tracer_spec.plugin.VectorReaderPlugin, and give it read",
        )
        column = plugin.column(self.validated()) if isinstance(plugin, VectorReaderPlugin) else None
        self.require(column is None or isinstance(column, str), f"column is {column!r}", fix="return a str or None")

    def test_each_trace_gets_its_own_finite_vector_in_any_order(self) -> None:
        """Read gives float32 (n, d), finite, one row a trace in the order asked for, whichever traces are left."""
        everything = range(len(self.ids))
        X = self._read(everything)
        require_rows(self, X, (len(self.ids), X.shape[-1]), "read")
        for order in (list(reversed(everything)), [len(self.ids) - 1]):
            self.require(
                bool(np.array_equal(self._read(order), X[order])),
                f"asked for the rows {order} it gives the vectors of others",
                fix="look vectors up by row or by id: traces may have been dropped before",
            )

    def test_it_embeds_no_text(self) -> None:
        """Embed raises PluginError: the app brings vectors of its own."""
        try:
            self.made().embed(["a text"])
        except TracerError:
            return
        self.require(False, "embed gives something", fix="raise tracer_spec.errors.PluginError")

    def test_its_fingerprint_is_stable_and_it_has_no_state(self) -> None:
        """fingerprint() is a short string, the same each time; state() is empty."""
        marks = {self.made().fingerprint(), self.made().fingerprint()}
        self.require(
            len(marks) == 1 and all(isinstance(each, str) and 0 < len(each) <= 200 for each in marks),
            f"the fingerprints are {marks}",
            fix="digest the name of the model that made the vectors",
        )
        self.require(not self.made().state(), "it has a state", fix="return {}: nothing of it serves")
