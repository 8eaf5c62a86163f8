from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin import tracer_spec_acceptors
from tracer_spec.errors import PluginError
from tracer_spec.graph import Scorer
from tracer_spec.plugin import Evidence

PLUGIN = next(each for each in tracer_spec_acceptors() if each.name == "logistic")
D = 5


def evidence(k: int = 6, n: int = 800, *, members: int = 0, seed: int = 0) -> Evidence:
    """Scores that are right as often as they say; members that say the same with some noise of their own."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.full(k, 0.3), size=n).astype(np.float32)
    y = np.array([rng.choice(k, p=row / row.sum()) for row in scores.astype(np.float64)], np.int64)
    votes = np.clip(scores.max(axis=1, keepdims=True) + rng.normal(scale=0.1, size=(n, members)), 0, 1)
    X = rng.normal(size=(n, D)).astype(np.float32)
    return Evidence(X, scores, scores.argmax(axis=1) == y, y, votes.astype(np.float32))


def fit(rows: Evidence, **options: float) -> Any:
    return PLUGIN.make(PLUGIN.options(**options)).fit(rows, seed=0)


def accepts(acceptor: Any, rows: Evidence) -> np.ndarray:
    """Return what the acceptor says, having checked that its graph says the same."""
    model = acceptor.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    scorer = Scorer(model.SerializeToString())
    known = {"embedding": rows.X, "scores": rows.scores, "votes": rows.votes}
    (graph,) = scorer.run({name: known[name] for name in scorer.inputs})
    native = acceptor.accepts(rows.X, rows.scores, rows.votes)
    assert native.dtype == graph.dtype == np.float32
    assert native.shape == graph.shape == (len(rows.X),)
    np.testing.assert_allclose(graph, native, atol=1e-5)
    assert ((graph >= 0) & (graph <= 1) | np.isnan(graph)).all()
    return native


@pytest.mark.parametrize("k", [1, 2, 3, 77])
@pytest.mark.parametrize("members", [0, 1, 3])
@pytest.mark.parametrize("n", [0, 1, 9, 500])
def test_the_graph_says_what_the_acceptor_says(k: int, members: int, n: int) -> None:
    rows = evidence(k, 500, members=members, seed=1)
    accepts(
        fit(evidence(k, members=members)),
        Evidence(rows.X[:n], rows.scores[:n], rows.agrees[:n], rows.y[:n], rows.votes[:n]),
    )


def test_where_scores_are_probabilities_so_is_accept() -> None:
    rows = evidence(n=4000, seed=1)
    accept = accepts(fit(evidence(n=4000)), rows)
    for part in np.array_split(np.argsort(accept), 5):
        assert abs(rows.agrees[part].mean() - accept[part].mean()) < 0.06


def test_it_ranks_rows_that_agree_above_those_that_do_not() -> None:
    rows = evidence(n=2000, seed=1)
    accept = accepts(fit(evidence()), rows)
    agreeing, others = accept[rows.agrees], accept[~rows.agrees]
    assert (agreeing[:, None] > others[None, :]).mean() > 0.7


def test_votes_that_know_more_than_the_scores_are_listened_to() -> None:
    def knowing(seed: int) -> Evidence:
        rows = evidence(n=2000, members=2, seed=seed)
        return replace(rows, votes=np.column_stack([rows.votes[:, 0], rows.agrees]).astype(np.float32))

    rows = knowing(1)
    accept = accepts(fit(knowing(0)), rows)
    assert accept[rows.agrees].min() > accept[~rows.agrees].max()


@pytest.mark.parametrize("members", [0, 3])
@pytest.mark.parametrize(("agrees", "rate"), [(True, 801 / 802), (False, 1 / 802)])
def test_where_all_rows_are_alike_it_is_constant_and_not_quite_sure(agrees: bool, rate: float, members: int) -> None:
    rows = replace(evidence(members=members), agrees=np.full(800, agrees))
    np.testing.assert_allclose(accepts(fit(rows), rows), rate, rtol=1e-5)


@pytest.mark.parametrize("all_agree", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 3, slice(None)], ids=str)
@pytest.mark.parametrize("k", [1, 6])
def test_scores_that_are_not_finite_are_never_accepted(k: int, where: Any, value: float, all_agree: bool) -> None:
    rows = evidence(k)
    rows = replace(rows, agrees=np.ones(800, bool) if all_agree else rows.agrees)
    acceptor = fit(rows)
    rows.scores[:, 0 if k == 1 else where] = value
    assert not (accepts(acceptor, rows) >= 0).any()


@pytest.mark.parametrize("all_agree", [False, True])
def test_votes_that_are_not_numbers_are_never_accepted(all_agree: bool) -> None:
    rows = evidence(members=3)
    rows = replace(rows, agrees=np.ones(800, bool) if all_agree else rows.agrees)
    acceptor = fit(rows)
    rows.votes[:, 1] = np.nan
    assert not (accepts(acceptor, rows) >= 0).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(2, 30), st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(1e-6, 1))
def test_graph_and_acceptor_agree_whatever_was_learned(k: int, n: int, seed: int, C: float, spread: float) -> None:
    rng = np.random.default_rng(seed)
    # from scores that hardly vary to ones all over the place
    logits = rng.normal(size=(n, k)) * spread * 10
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    votes = np.empty((n, 0), np.float32)
    rows = Evidence(np.zeros((n, D), np.float32), scores, rng.random(n) < 0.5, np.zeros(n, np.int64), votes)
    accepts(fit(rows, C=C), rows)


def test_scores_of_exactly_zero_and_one_are_fine() -> None:
    rows = evidence()
    sure = Evidence(rows.X[:6], np.eye(6, dtype=np.float32), rows.agrees[:6], rows.y[:6], rows.votes[:6])
    assert (accepts(fit(rows), sure) > 0.9).all()


def test_the_same_evidence_gives_the_same_bytes_and_stays_as_it_was() -> None:
    rows = evidence(members=2)
    before = [part.tobytes() for part in (rows.X, rows.scores, rows.agrees, rows.y, rows.votes)]
    one, other = (fit(rows).to_onnx().SerializeToString(deterministic=True) for _ in range(2))
    assert one == other
    assert [part.tobytes() for part in (rows.X, rows.scores, rows.agrees, rows.y, rows.votes)] == before


def test_two_rows_are_enough() -> None:
    rows = replace(evidence(n=2), agrees=np.array([True, False]))
    accept = accepts(fit(rows), rows)
    assert accept[0] > accept[1]


@pytest.mark.parametrize("members", [0, 3])
def test_the_graph_takes_what_the_contract_says(members: int) -> None:
    model = fit(evidence(members=members)).to_onnx()
    shapes = {
        each.name: [dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim]
        for each in (*model.graph.input, *model.graph.output)
    }
    votes = {"votes": ["n", members]} if members else {}
    assert shapes == {"embedding": ["n", D], "scores": ["n", 6], **votes, "accept": ["n"]}


def test_evidence_that_says_nothing_is_refused() -> None:
    rows = evidence(members=2)
    for part in (rows.scores.copy(), rows.votes.copy()):
        part[5, 1] = np.nan
        broken = replace(rows, **{"scores" if part.shape[1] == 6 else "votes": part})
        with pytest.raises(PluginError, match="the acceptor got scores that are not finite"):
            fit(broken)
    nothing = Evidence(rows.X[:0], rows.scores[:0], rows.agrees[:0], rows.y[:0], rows.votes[:0])
    with pytest.raises(PluginError, match=r"the acceptor got scores of shape \(0, 6\)"):
        fit(nothing)
