"""The contract of an acceptor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tracer_spec.plugin import Evidence
from tracer_spec.testing.contract import Contract
from tracer_spec.testing.graphs import exported, require_equal, require_rows, run
from tracer_spec.testing.rows import evidence


class AcceptorContract(Contract):
    """What every acceptor promises.

    Examples
    --------
    >>> class TestLogistic(AcceptorContract):
    ...     plugin = "logistic"
    """

    kind = "acceptor"

    def _fit(self, rows: Evidence) -> Any:
        return self.made().fit(rows, seed=1)

    def _trained(self, n_votes: int = 0) -> Any:
        return self.kept(f"trained {n_votes}", lambda: self._fit(evidence(n_votes=n_votes)))

    def _graph(self, fitted: Any, n_votes: int = 0) -> bytes:
        names = ("embedding", "scores", "votes") if n_votes else ("embedding", "scores")
        return exported(self, fitted, names, "accept")

    def _require_accepts(self, fitted: Any, rows: Evidence) -> None:
        """Require what the acceptor says, and what its graph says, to be probabilities and the same."""
        n = len(rows.X)
        native = fitted.accepts(rows.X, rows.scores, rows.votes)
        feeds = {"embedding": rows.X, "scores": rows.scores}
        if rows.votes is not None:
            feeds["votes"] = rows.votes
        graph = run(self, self._graph(fitted, 0 if rows.votes is None else rows.votes.shape[1]), feeds)
        for values, what in ((native, "accepts"), (graph, "the graph")):
            require_rows(self, values, (n,), what)
            self.require(
                bool(((values >= 0) & (values <= 1)).all()),
                f"{what} gives values from {values.min():.4g} to {values.max():.4g}",
                fix="give a probability: a sigmoid, or a share",
            )
        require_equal(self, graph, native, "what accepts says and what the graph says", tolerance=1e-5,
                      fix="let the graph compute what accepts computes; sum in float64 where weights cancel")  # fmt: skip

    def test_it_gives_a_probability_and_its_graph_gives_the_same(self) -> None:
        """accepts(X, scores) is float32 (n,) in [0, 1], and the graph of to_onnx gives the same to 1e-5."""
        for n in (300, 1):
            self._require_accepts(self._trained(), evidence(n, seed=5))

    def test_it_takes_the_votes_of_an_average(self) -> None:
        """Where a surrogate averages m members, evidence and rows hold votes (n, m); the graph may read or ignore them."""
        for n_votes in (1, 3):
            self._require_accepts(self._trained(n_votes), evidence(200, seed=6, n_votes=n_votes))

    def test_it_learns_from_evidence_of_one_kind(self) -> None:
        """Evidence in which all rows agree, or none does, or of one row, trains an acceptor all the same."""
        rows = evidence(100)
        for told in (replace(rows, agrees=np.ones(100, bool)), replace(rows, agrees=np.zeros(100, bool)), evidence(1)):
            self._require_accepts(self._fit(told), evidence(50, seed=7))

    def test_it_accepts_more_readily_where_the_surrogate_agrees(self) -> None:
        """Rows on which the surrogate agrees get higher values, on average, than those on which it does not."""
        rows = evidence(2000, seed=8)
        accept = self._trained().accepts(rows.X, rows.scores, None)
        agreeing, other = float(accept[rows.agrees].mean()), float(accept[~rows.agrees].mean())
        self.require(
            agreeing > other,
            f"rows that agree get {agreeing:.3f} on average, others {other:.3f}",
            fix="predict evidence.agrees; a higher value means that agreement is likelier",
        )

    def test_weights_tell_it_which_rows_count(self) -> None:
        """Where the plugin takes_weights: with sample_weight rows count as they weigh, and equal weights change nothing."""
        if not self.descriptor.takes_weights:
            return
        rows, asked = evidence(2000, seed=9), evidence(200, seed=10)

        def mean(agreeing: float) -> float:
            weights = np.where(rows.agrees, agreeing, 2 - agreeing)
            fitted = self.made().fit(rows, seed=1, sample_weight=weights)
            self._require_accepts(fitted, asked)
            return float(fitted.accepts(asked.X, asked.scores, None).mean())

        light, heavy = mean(0.2), mean(1.8)
        self.require(
            heavy > light,
            f"it accepts {light:.3f} on average where rows that agree weigh little, and {heavy:.3f} where they weigh much",
            fix="hand sample_weight to the loss, or take takes_weights from the plugin",
        )
        plain = self._trained().accepts(asked.X, asked.scores, None)
        same = self.made().fit(evidence(), seed=1, sample_weight=np.ones(400)).accepts(asked.X, asked.scores, None)
        require_equal(self, same, plain, "what it says with weights of 1 and without weights", tolerance=1e-3,
                      fix="let sample_weight=None mean a weight of 1 for each row")  # fmt: skip

    def test_equal_evidence_gives_equal_bytes(self) -> None:
        """Training twice with one seed, and exporting twice, gives the same graph byte for byte."""
        first = self._graph(self._trained())
        again = self._graph(self._fit(evidence()))
        self.require(
            self._graph(self._trained()) == first == again,
            "two trainings with seed 1, or two exports, give two graphs",
            fix="hand the seed to everything that draws, and pass the graph through tracer_spec.graph.tidy",
        )

    def test_evidence_stays_as_it_is(self) -> None:
        """Evidence belongs to the caller: training and scoring read it, and its arrays may be read-only."""
        rows = evidence(n_votes=2)
        arrays = [each for each in (rows.X, rows.scores, rows.agrees, rows.y, rows.votes) if each is not None]
        before = [each.tobytes() for each in arrays]
        for each in arrays:
            each.flags.writeable = False
        self._fit(rows).accepts(rows.X, rows.scores, rows.votes)
        self.require(
            [each.tobytes() for each in arrays] == before, "training changed its evidence", fix="copy before you write"
        )
