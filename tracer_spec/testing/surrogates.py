"""The contract of a surrogate."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np

from tracer_spec.plugin import Classes, Vectors
from tracer_spec.testing.graphs import exported, require_equal, require_rows, run
from tracer_spec.testing.learners import LearnerContract
from tracer_spec.testing.rows import DIMENSION, N_CLASSES, clusters, few_rows

_SAME = "let the graph compute what scores computes, in the same order; tracer_spec.graph.tree_ensemble does for trees"
_SEED = "hand the seed to everything that draws, train on one thread, and iterate over nothing unordered"


class SurrogateContract(LearnerContract):
    """What every surrogate promises.

    Examples
    --------
    >>> class TestLogreg(SurrogateContract):
    ...     plugin = "logreg"
    ...     options = {"C": 1.0}
    """

    kind = "surrogate"

    _a_refusal_is = ": it becomes a row of the report"

    def _use(self, fitted: Any, X: Vectors, y: Classes) -> None:  # noqa: ARG002 - guards are asked about classes too
        fitted.scores(X)

    def _graph(self, fitted: Any) -> bytes:
        return exported(self, fitted, ("embedding",), "scores")

    def _require_scores(self, fitted: Any, X: Vectors) -> None:
        """Require native scores and the graph's to be scores, and the same."""
        native, graph = fitted.scores(X), run(self, self._graph(fitted), {"embedding": X})
        for values, what in ((native, "scores(X)"), (graph, "the graph")):
            require_rows(self, values, (len(X), N_CLASSES), what)
            lowest, highest, sums = float(values.min()), float(values.max()), values.sum(axis=1)
            self.require(
                lowest >= -1e-6 and highest <= 1 + 1e-5 and bool(np.allclose(sums, 1, atol=1e-4)),
                f"{what} gives scores from {lowest:.4g} to {highest:.4g} whose rows sum to {sums.min():.4g}..{sums.max():.4g}",
                fix="give probabilities: a softmax, or shares that sum to 1",
            )
        require_equal(self, graph, native, "the scores of scores(X) and of the graph", tolerance=1e-5, fix=_SAME)

    def test_its_scores_are_probabilities_and_its_graph_gives_the_same(self) -> None:
        """scores(X) is float32 (n, k) in [0, 1], rows summing to 1, and the graph of to_onnx gives the same to 1e-5."""
        fitted = self._trained()
        for X in (clusters(200)[0], clusters(300, seed=7)[0], np.zeros((1, DIMENSION), np.float32)):
            self._require_scores(fitted, X)

    def test_it_learns(self) -> None:
        """On classes that are easy to tell apart it is right more often than one that always gives the same answer."""
        X, y = clusters(400, seed=2)
        share = float((self._trained().scores(X).argmax(axis=1) == y).mean())
        self.require(
            share > 0.4,
            f"it is right on {share:.0%} of rows of {N_CLASSES} even classes",
            fix="check the columns' order: column i is class i",
        )

    def test_a_row_scores_the_same_alone_and_in_a_batch(self) -> None:
        """The graph scores each row by itself: whoever else is in the batch changes nothing."""
        graph, X = self._graph(self._trained()), clusters(40, seed=3)[0]
        alone = np.concatenate([run(self, graph, {"embedding": row[None]}) for row in X])
        together = run(self, graph, {"embedding": X})
        require_equal(self, alone, together, "scores alone and in a batch", tolerance=1e-6,
                      fix="normalise by what training saw, never by the batch")  # fmt: skip

    def test_scores_of_far_rows_are_finite(self) -> None:
        """Rows unlike any of training, up to a thousand times as long, get finite scores."""
        graph = self._graph(self._trained())
        X = np.float32(1000) * clusters(50, seed=4)[0]
        require_rows(self, run(self, graph, {"embedding": X}), (50, N_CLASSES), "the graph, on rows of length 1000,")

    def test_equal_seeds_give_equal_bytes(self) -> None:
        """Training twice with one seed, and exporting twice, gives the same graph byte for byte."""
        first = self._graph(self._trained())
        self.require(
            self._graph(self._trained()) == first,
            "exporting one model twice gives two graphs",
            fix="pass the graph through tracer_spec.graph.tidy: converters invent names",
        )
        again = self._graph(self._fit(*clusters(200)))
        self.require(again == first, "training twice with seed 1 gives two graphs", fix=_SEED)

    def test_another_process_trains_the_same_bytes(self) -> None:
        """The build trains in worker processes: make and options can be sent there, and the same graph comes back."""
        self.installed(" by which a worker could find its module")
        import joblib

        X, y = clusters(200)
        # joblib's own way with what pickle alone cannot send: a make that is a lambda
        sent = pickle.dumps(
            joblib.wrap_non_picklable_objects((self.descriptor.make, self.validated()), keep_wrapper=False)
        )
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(_train_there)(sys.path, sent, X, y)])
        self.require(there == self._graph(self._trained()), "another process trains another graph", fix=_SEED)

    def test_any_seed_will_do(self) -> None:
        """Seeds are whole numbers in [0, 2**31)."""
        for seed in (0, 2**31 - 1):
            self._require_scores(self._fit(*clusters(60), seed=seed), clusters(20, seed=5)[0])

    def test_a_class_never_met_scores_zero(self) -> None:
        """A class that is missing from y has its column all the same, and its score is 0."""
        for missing in (0, 2, N_CLASSES - 1):
            seen = [each for each in range(N_CLASSES) if each != missing]
            fitted, X = self._fit(*clusters(200, classes=seen)), clusters(50, seed=6)[0]
            self._require_scores(fitted, X)
            most = float(fitted.scores(X)[:, missing].max())
            self.require(
                most <= 1e-5,
                f"class {missing} was never met and scores up to {most:.3g}",
                fix="train on the classes of numpy.unique(y) and put their scores into an array of zeros; "
                "tracer_spec.graph.spread_columns does so in the graph",
            )

    def test_two_rows_or_one_class_are_learned_or_refused(self) -> None:
        """Rows that cannot be learned raise PluginError with the reason; whatever is learned keeps the whole contract."""
        X, _ = clusters(60)
        for what, rows in few_rows().items():
            fitted = self._learned(what, *rows)
            if fitted is not None:
                self._require_scores(fitted, X)

    def test_its_notes_are_sentences(self) -> None:
        """Where it has notes, they are a tuple of texts, which the report shows."""
        notes = getattr(self._trained(), "notes", ())
        self.require(
            isinstance(notes, tuple) and all(isinstance(each, str) for each in notes),
            f"its notes are {notes!r:.200}",
            fix='give a tuple of sentences: notes = ("did not converge",)',
        )

    def test_weights_tell_it_which_rows_count(self) -> None:
        """Where the plugin takes_weights: with sample_weight rows count as they weigh, and equal weights change nothing."""
        if not self.descriptor.takes_weights:
            return
        X, y = clusters(400, seed=9)
        told_otherwise = np.arange(len(y)) % 2 == 1
        told = np.where(told_otherwise, (y + 1) % N_CLASSES, y)
        asked, right = clusters(200, seed=10)

        def share(heavy: float) -> float:
            weights = np.where(told_otherwise, heavy, 2 - heavy)
            before = weights.tobytes()
            fitted = self.made().fit(X, told, n_classes=N_CLASSES, seed=1, sample_weight=weights)
            self.require(weights.tobytes() == before, "training changed sample_weight", fix="copy before you write")
            self._require_scores(fitted, asked)
            return float((fitted.scores(asked).argmax(axis=1) == right).mean())

        light, heavy = share(0.1), share(1.9)
        self.require(
            light > heavy,
            f"it is right on {light:.0%} where wrong labels weigh little, and on {heavy:.0%} where they weigh much",
            fix="hand sample_weight to the loss, or take takes_weights from the plugin",
        )
        plain = float((self._trained().scores(asked).argmax(axis=1) == right).mean())
        evenly = self.made().fit(*clusters(200), n_classes=N_CLASSES, seed=1, sample_weight=np.ones(200))
        same = float((evenly.scores(asked).argmax(axis=1) == right).mean())
        self.require(
            abs(same - plain) <= 0.1,
            f"it is right on {same:.0%} with weights of 1, and on {plain:.0%} without weights",
            fix="let sample_weight=None mean a weight of 1 for each row",
        )


def _train_there(path: list[str], sent: bytes, X: Vectors, y: Classes) -> bytes:
    """Train in another process, which may be older than the caller's path; what comes home is bytes, as in a build."""
    sys.path[:] = path
    make, options = pickle.loads(sent)  # noqa: S301 - from the process that started this one
    fitted = make(options).fit(X, y, n_classes=N_CLASSES, seed=1)
    graph: bytes = fitted.to_onnx().SerializeToString(deterministic=True)
    return graph
