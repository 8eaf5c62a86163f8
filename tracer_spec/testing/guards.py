"""The contract of a guard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer_spec.plugin import Classes, Vectors
from tracer_spec.testing.graphs import exported, require_equal, require_rows, run
from tracer_spec.testing.learners import LearnerContract
from tracer_spec.testing.rows import N_CLASSES, clusters, few_rows


class GuardContract(LearnerContract):
    """What every guard promises.

    Examples
    --------
    >>> class TestPrototypes(GuardContract):
    ...     plugin = "prototypes"
    """

    kind = "guard"

    def _use(self, fitted: Any, X: Vectors, y: Classes) -> None:
        fitted.distances(X, y)

    def _graph(self, fitted: Any) -> bytes:
        return exported(self, fitted, ("embedding", "label"), "distance")

    def _require_distances(self, fitted: Any, X: Vectors, labels: Classes) -> None:
        """Require distances, native and of the graph, to be distances and the same, and the limit to be one."""
        self.require(
            isinstance(fitted.limit, float | int) and math.isfinite(fitted.limit),
            f"its limit is {fitted.limit!r}",
            fix="take a finite float from the distances of fit rows, such as a quantile",
        )
        native = fitted.distances(X, labels)
        graph = run(self, self._graph(fitted), {"embedding": X, "label": labels})
        for values, what in ((native, "distances"), (graph, "the graph")):
            require_rows(self, values, (len(X),), what)
            self.require(
                bool((values >= 0).all()), f"{what} gives {values.min():.4g}", fix="give a distance: 0 or more"
            )
        require_equal(self, graph, native, "the distances of distances and of the graph", tolerance=1e-4,
                      fix="let the graph compute distances by difference, not by expanding the square")  # fmt: skip

    def test_it_gives_distances_and_its_graph_gives_the_same(self) -> None:
        """distances(X, labels) is float32 (n,), finite and at least 0, the graph gives the same, and the limit is finite."""
        fitted = self._trained()
        for n in (200, 1):
            X, y = clusters(n, seed=3)
            self._require_distances(fitted, X, y)
            self._require_distances(fitted, X, ((y + 1) % N_CLASSES).astype(np.int64))

    def test_most_fit_rows_pass(self) -> None:
        """The limit comes from fit rows, so most of them lie within it."""
        X, y = clusters(200)
        fitted = self._trained()
        share = float((fitted.distances(X, y) <= fitted.limit).mean())
        self.require(
            share >= 0.5, f"{share:.0%} of the fit rows pass", fix="set the limit to a high quantile of their distances"
        )

    def test_a_missing_class_few_rows_and_one_class_are_learned_or_refused(self) -> None:
        """Rows that cannot be learned raise PluginError; where they are, any label may be asked about, met or not."""
        X, _ = clusters(60)
        for what, rows in {"a missing class": clusters(60, classes=[0, 1, 3]), **few_rows()}.items():
            fitted = self._learned(what, *rows)
            if fitted is not None:
                self._require_distances(fitted, X, (np.arange(60) % N_CLASSES).astype(np.int64))

    def test_equal_rows_give_equal_bytes(self) -> None:
        """Training twice with one seed, and exporting twice, gives the same graph and the same limit."""
        again = self._fit(*clusters(200))
        first = self._graph(self._trained())
        self.require(
            self._graph(self._trained()) == first == self._graph(again) and again.limit == self._trained().limit,
            "two trainings with seed 1, or two exports, give two graphs or limits",
            fix="hand the seed to everything that draws, and pass the graph through tracer_spec.graph.tidy",
        )
