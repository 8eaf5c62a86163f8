"""The acceptor 'neighbours': which rows it compares with, that its graph compares alike, and what it does without rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from tracer_spec.builtin import tracer_spec_acceptors
from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer
from tracer_spec.plugin import Evidence

PLUGIN = next(each for each in tracer_spec_acceptors() if each.name == "neighbours")
D = 12


def evidence(k: int = 5, n: int = 600, *, members: int = 0, seed: int = 0, off: float = 0.2) -> Evidence:
    """Rows around one corner a class; the surrogate is as sure of a wrong class as of the right one."""
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    X = (np.eye(D)[y] + 0.15 * rng.normal(size=(n, D))).astype(np.float32)
    said = np.where(rng.uniform(size=n) < off, (y + 1) % k, y)
    scores = np.full((n, k), 0.02, np.float32)
    scores[np.arange(n), (said + np.where(said == y, 1, -1)) % k] = 0.3
    scores[np.arange(n), said] = 0.6
    votes = rng.uniform(size=(n, members)).astype(np.float32) if members else None
    return Evidence(X, scores, said == y, y.astype(np.int64), votes, np.arange(n, dtype=np.int64) % 4)


def fit(given: Evidence, /, **options: Any) -> Any:
    return PLUGIN.make(PLUGIN.options(**options)).fit(given, seed=0)


def accepts(acceptor: Any, X: np.ndarray, scores: np.ndarray, votes: np.ndarray | None = None) -> np.ndarray:
    """Return what the acceptor says, having checked that its graph says the same."""
    model = acceptor.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    scorer = Scorer(model.SerializeToString())
    known = {"embedding": X, "scores": scores, "votes": votes}
    (graph,) = scorer.run({name: known[name] for name in scorer.inputs})
    native = acceptor.accepts(X, scores, votes)
    np.testing.assert_allclose(graph, native, atol=1e-5)
    return native


def test_it_tells_right_from_wrong_where_the_scores_cannot() -> None:
    fresh = evidence(seed=1)
    said = accepts(fit(evidence()), fresh.X, fresh.scores)
    assert said[fresh.agrees].min() > said[~fresh.agrees].max()


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("members", [0, 1, 2])
@pytest.mark.parametrize("n", [0, 1, 300])
def test_its_graph_says_what_it_says(k: int, members: int, n: int) -> None:
    rows = evidence(k, members=members)
    acceptor = fit(rows)
    votes = None if rows.votes is None else rows.votes[:n]
    assert accepts(acceptor, rows.X[:n], rows.scores[:n], votes).shape == (n,)


def test_a_similarity_is_the_cosine_to_the_nearest_row_kept_of_each_of_the_two_best_labels() -> None:
    rows, fresh = evidence(), evidence(n=50, seed=2)
    reference = fit(rows, rows=256).reference
    unit, asked = (each.X / np.linalg.norm(each.X, axis=1, keepdims=True) for each in (rows, fresh))
    best = np.argsort(-fresh.scores, axis=1, kind="stable")[:, :2]
    expected = [[max(unit[rows.y == label] @ one) for label in two] for one, two in zip(asked, best, strict=True)]
    np.testing.assert_allclose(reference.similarities(fresh.X, fresh.scores), expected, atol=0.01)


def test_a_row_is_never_compared_with_itself_nor_with_its_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = evidence(n=80)
    taught: list[np.ndarray] = []
    learner = type(PLUGIN.make(PLUGIN.options()))
    whole = learner._reference

    def watched(self: Any, given: Evidence, X: np.ndarray, among: np.ndarray, seed: int) -> Any:
        taught.append(among)
        return whole(self, given, X, among, seed)

    monkeypatch.setattr(learner, "_reference", watched)
    fit(rows)
    assert rows.folds is not None
    assert [sorted(set(rows.folds[among].tolist())) for among in taught] == [
        [fold for fold in range(4) if fold != left_out] for left_out in range(4)
    ] + [[0, 1, 2, 3]]


def test_without_folds_copies_of_a_vector_are_no_neighbours_of_one_another() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(60, D)).astype(np.float32)
    X, y = np.concatenate([half, half]), np.tile(rng.integers(2, size=60), 2)
    scores = np.tile(np.array([0.6, 0.4], np.float32), (120, 1))
    acceptor = fit(Evidence(X, scores, y == 0, y))
    fresh = rng.normal(size=(200, D)).astype(np.float32)
    said = accepts(acceptor, fresh, scores[:1].repeat(200, axis=0))
    assert said.std() < 0.2  # vectors of chance tell nothing; with a copy beside each row they would seem to tell all


def test_rows_are_bounded_by_number_and_bytes_and_are_distinct() -> None:
    rows = evidence(n=400)
    copies = Evidence(rows.X[[0] * 200], rows.scores[:200], rows.agrees[:200], rows.y[[0] * 200])
    assert fit(rows, rows=3).reference.steps.shape == (5, 3, D)
    assert fit(copies).reference.steps.shape == (5, 1, D)
    wide = np.random.default_rng(0).normal(size=(300, 8192)).astype(np.float32)
    many = Evidence(wide, rows.scores[:300], rows.agrees[:300], rows.y[:300])
    assert fit(many, rows=256).reference.steps.shape == (5, 8, 8192)
    assert fit(many).reference.steps.dtype == np.int8


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows_and_vectors_of_zero_are_enough(n: int) -> None:
    rows = evidence(n=n)
    empty = np.zeros_like(rows.X)
    for X in (rows.X, empty):
        acceptor = fit(Evidence(X, rows.scores, rows.agrees, rows.y))
        assert np.isfinite(accepts(acceptor, empty, rows.scores)).all()


def test_scores_that_are_not_finite_are_never_accepted() -> None:
    rows = evidence()
    scores = rows.scores[:4].copy()
    scores[np.arange(4), np.arange(4)] = [np.nan, np.inf, -np.inf, np.nan]
    assert np.isnan(fit(rows).accepts(rows.X[:4], scores)).all()


def test_vectors_that_are_not_finite_are_refused() -> None:
    rows = evidence()
    rows.X[0, 0] = np.nan
    with pytest.raises(PluginError, match="the acceptor got 1 vectors that are not finite"):
        fit(rows)


def test_the_same_evidence_gives_the_same_bytes() -> None:
    one, two = (fit(evidence()).to_onnx().SerializeToString(deterministic=True) for _ in range(2))
    assert one == two
