from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.acceptors import acceptors
from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer
from tracer_spec.plugin import Evidence

(PLUGIN,) = acceptors()
D = 5


def evidence(k: int = 6, n: int = 800, *, seed: int = 0) -> Evidence:
    """Scores that are right as often as they say."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.full(k, 0.3), size=n).astype(np.float32)
    y = np.array([rng.choice(k, p=row / row.sum()) for row in scores.astype(np.float64)])
    return Evidence(rng.normal(size=(n, D)).astype(np.float32), scores, scores.argmax(axis=1) == y, y)


def fit(rows: Evidence, **options: float):
    return PLUGIN.make(PLUGIN.options(**options)).fit(rows, seed=0)


def graph_accepts(acceptor, X: np.ndarray, scores: np.ndarray) -> np.ndarray:
    model = acceptor.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    (accept,) = Scorer(model.SerializeToString()).run({"embedding": X, "scores": scores})
    return accept


@pytest.mark.parametrize("k", [1, 2, 3, 77])
@pytest.mark.parametrize("n", [0, 1, 9, 500])
def test_the_graph_says_what_the_acceptor_says(k: int, n: int) -> None:
    acceptor = fit(evidence(k))
    rows = evidence(k, n, seed=1) if n else evidence(k, 1)
    X, scores = rows.X[:n], rows.scores[:n]
    native, graph = acceptor.accepts(X, scores), graph_accepts(acceptor, X, scores)
    assert native.dtype == graph.dtype == np.float32
    assert native.shape == graph.shape == (n,)
    np.testing.assert_allclose(graph, native, atol=1e-5)
    assert ((graph >= 0) & (graph <= 1)).all()


def test_where_scores_are_probabilities_so_is_accept() -> None:
    accept_of = fit(evidence(n=4000))
    rows = evidence(n=4000, seed=1)
    accept = accept_of.accepts(rows.X, rows.scores)
    order = np.argsort(accept)
    for part in np.array_split(order, 5):
        assert abs(rows.agrees[part].mean() - accept[part].mean()) < 0.06


def test_it_ranks_rows_that_agree_above_those_that_do_not() -> None:
    rows = evidence(n=2000, seed=1)
    accept = fit(evidence()).accepts(rows.X, rows.scores)
    agreeing, others = accept[rows.agrees], accept[~rows.agrees]
    assert (agreeing[:, None] > others[None, :]).mean() > 0.7


@pytest.mark.parametrize(("agrees", "rate"), [(True, 801 / 802), (False, 1 / 802)])
def test_where_all_rows_are_alike_it_is_constant_and_not_quite_sure(agrees: bool, rate: float) -> None:
    rows = evidence()
    acceptor = fit(Evidence(rows.X, rows.scores, np.full(800, agrees), rows.y))
    np.testing.assert_allclose(acceptor.accepts(rows.X, rows.scores), rate, rtol=1e-5)
    np.testing.assert_allclose(graph_accepts(acceptor, rows.X, rows.scores), rate, rtol=1e-5)


@pytest.mark.parametrize("all_agree", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 3, slice(None)])
@pytest.mark.parametrize("k", [1, 6])
def test_scores_that_are_not_finite_are_never_accepted(k, where, value, all_agree) -> None:
    rows = evidence(k)
    agrees = np.ones(800, bool) if all_agree else rows.agrees
    acceptor = fit(Evidence(rows.X, rows.scores, agrees, rows.y))
    scores = rows.scores.copy()
    scores[:, 0 if k == 1 else where] = value
    assert (acceptor.accepts(rows.X, scores) == 0).all()
    assert (graph_accepts(acceptor, rows.X, scores) == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(2, 30), st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(1e-6, 1))
def test_graph_and_acceptor_agree_whatever_was_learned(k, n, seed, C, spread) -> None:
    rng = np.random.default_rng(seed)
    # from scores that hardly vary to ones all over the place
    logits = rng.normal(size=(n, k)) * spread * 10
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    rows = Evidence(np.zeros((n, D), np.float32), scores, rng.random(n) < 0.5, np.zeros(n, np.int64))
    acceptor = fit(rows, C=C)
    np.testing.assert_allclose(
        graph_accepts(acceptor, rows.X, scores), acceptor.accepts(rows.X, scores), atol=1e-5
    )


def test_scores_of_exactly_zero_and_one_are_fine() -> None:
    rows = evidence()
    acceptor = fit(rows)
    sure = np.eye(6, dtype=np.float32)
    native, graph = acceptor.accepts(rows.X[:6], sure), graph_accepts(acceptor, rows.X[:6], sure)
    np.testing.assert_allclose(graph, native, atol=1e-5)
    assert (native > 0.9).all()


def test_the_same_evidence_gives_the_same_bytes_and_stays_as_it_was() -> None:
    rows = evidence()
    before = rows.scores.tobytes(), rows.agrees.tobytes()
    one, other = (fit(rows).to_onnx().SerializeToString(deterministic=True) for _ in range(2))
    assert one == other
    assert (rows.scores.tobytes(), rows.agrees.tobytes()) == before


def test_two_rows_are_enough() -> None:
    rows = evidence(n=2)
    acceptor = fit(Evidence(rows.X, rows.scores, np.array([True, False]), rows.y))
    accept = acceptor.accepts(rows.X, rows.scores)
    assert accept[0] > accept[1]


def test_the_graph_takes_what_the_contract_says() -> None:
    model = fit(evidence()).to_onnx()
    shapes = {
        each.name: [dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim]
        for each in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"embedding": ["n", D], "scores": ["n", 6], "accept": ["n"]}


def test_evidence_that_says_nothing_is_refused() -> None:
    rows = evidence()
    scores = rows.scores.copy()
    scores[5, 2] = np.nan
    with pytest.raises(PluginError, match="the acceptor got scores that are not finite"):
        fit(Evidence(rows.X, scores, rows.agrees, rows.y))
    with pytest.raises(PluginError, match=r"the acceptor got scores of shape \(0, 6\)"):
        fit(Evidence(rows.X[:0], rows.scores[:0], rows.agrees[:0], rows.y[:0]))
