from dataclasses import replace

import numpy as np
import pytest

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.cache.store import Store
from tracer_spec.flow.training.gates import HeldOut, fit_acceptor, fit_fences
from tracer_spec.flow.training.workshop import MOST_MEMBERS
from tracer_spec.graph import Scorer, constant_scores
from tracer_spec.graph.average import average
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options

N = 24


@pytest.fixture(scope="module")
def rows(telling):
    return telling.fit_rows(N)


def held_out_by_none(votes=None):
    """Return scores of surrogates that were taught by nobody."""
    return HeldOut(np.zeros((N, N), np.float32), votes)


def made_by(telling, kind, make):
    return Resolved("hand-made", telling.provided(kind, make, Options), Options())


@pytest.mark.parametrize("n_members", [2, 3])
def test_an_average_held_out_is_what_the_graph_of_the_average_gives(n_members):
    rows = np.random.default_rng(n_members).dirichlet(np.ones(5), size=n_members).astype(np.float32)
    graph = average([constant_scores(row, 2).SerializeToString() for row in rows]).SerializeToString()
    scores, votes = Scorer(graph).run({"embedding": np.ones((3, 2), np.float32)})
    averaged = HeldOut.averaged([np.tile(row, (3, 1)) for row in rows])
    np.testing.assert_allclose(averaged.scores, scores, rtol=0, atol=0 if n_members == MOST_MEMBERS else 1e-7)
    assert np.array_equal(averaged.votes, votes)
    first = rows.astype(np.float64).mean(axis=0).argmax()
    assert averaged.labels.tolist() == [first] * 3
    np.testing.assert_allclose(votes, np.tile(rows[:-1, first], (3, 1)))


def test_the_members_of_an_average_stay_as_they_are():
    members = [np.eye(3, dtype=np.float32), np.ones((3, 3), np.float32)]
    HeldOut.averaged(members)
    assert np.array_equal(members[0], np.eye(3))
    assert np.array_equal(members[1], np.ones((3, 3)))


def test_a_label_off_the_list_agrees_with_nothing():
    held_out = HeldOut(np.eye(3, dtype=np.float32))
    assert held_out.agrees(np.array([0, 2, 2])).tolist() == [True, False, True]
    assert held_out.agrees(np.array([-1, -1, -1])).tolist() == [False, False, False]


def test_an_acceptor_is_taught_by_the_chosen_rows_outside_the_fold_that_it_scores(telling, rows):
    among = np.arange(N) % 4 > 0
    inputs = telling.inputs_of(rows.X)
    model, accept = fit_acceptor(telling.learner("acceptor"), rows, held_out_by_none(), among, 0, Memory())
    for fold in range(4):
        expected = np.isin(np.arange(N), inputs[among & (rows.folds != fold)])
        assert (telling.spelled(accept[rows.folds == fold]) == expected).all()
    assert telling.taught(model, "acceptor").nonzero()[0].tolist() == sorted(inputs[among])


def test_an_acceptor_learns_each_row_with_its_own_scores_votes_and_agreement(telling, rows):
    chance = np.random.default_rng(1)
    held_out = HeldOut(chance.uniform(size=(N, N)).astype(np.float32), chance.uniform(size=(N, 1)).astype(np.float32))
    row_of = {tuple(vector): row for row, vector in enumerate(rows.X.tolist())}

    class Checks(telling.Learner):
        of = "inputs"

        def __init__(self, options):
            pass

        def fit(self, evidence, *, seed):
            at = [row_of[tuple(vector)] for vector in evidence.X.tolist()]
            for given, whole in [
                (evidence.scores, held_out.scores),
                (evidence.votes, held_out.votes),
                (evidence.y, rows.y),
                (evidence.agrees, held_out.scores.argmax(axis=1) == rows.y),
            ]:
                assert np.array_equal(given, whole[at])
            return telling.Acceptor(self.bits(evidence.X, seed))

    model, _ = fit_acceptor(made_by(telling, "acceptor", Checks), rows, held_out, np.ones(N, bool), 0, Memory())
    assert telling.taught(model, "acceptor").all()


def test_an_acceptor_scores_each_row_by_its_own_embedding_scores_and_votes(telling, rows):
    chance = np.random.default_rng(1)
    held_out = HeldOut(chance.uniform(size=(N, N)).astype(np.float32), chance.uniform(size=(N, 1)).astype(np.float32))

    class Adds:
        def __init__(self, options):
            pass

        def fit(self, evidence, *, seed):
            return self

        def to_onnx(self):
            return telling.exported(
                "adds (float[n, 2] embedding, float[n, 24] scores, float[n, 1] votes) => (float[n] accept)"
                "{ all = Concat <axis = 1> (embedding, scores, votes) sum = ReduceSum <keepdims = 0> (all, axis)"
                " part = Mul(sum, tenth) accept = Sigmoid(part) }",
                axis=np.array([1]),
                tenth=np.float32(0.1),
            )

    _, accept = fit_acceptor(made_by(telling, "acceptor", Adds), rows, held_out, np.ones(N, bool), 0, Memory())
    expected = np.concatenate([rows.X, held_out.scores, held_out.votes], axis=1).astype(np.float64).sum(axis=1)
    np.testing.assert_allclose(accept, 1 / (1 + np.exp(-expected / 10)), rtol=1e-5)


def gate_of(graph):
    """Return a gate, an acceptor or a guard, that learns nothing and whose graph is what this gives."""

    class Gate:
        limit = 1.0

        def __init__(self, options):
            pass

        def fit(self, *given, **named):
            return self

        def to_onnx(self):
            return graph()

    return Gate


def test_a_gate_whose_graph_no_bundle_may_hold_is_refused(telling, rows):
    random = gate_of(
        lambda: telling.exported(
            "random (float[n, 2] embedding) => (float[n] out)"
            "{ noise = RandomNormalLike(embedding) out = ReduceSum <keepdims = 0> (noise, axis) }",
            axis=np.array([1]),
        )
    )
    held_out = HeldOut(np.zeros((N, N), np.float32))
    message = "its graph uses the operator 'RandomNormalLike', which a policy may not"
    with pytest.raises(PluginError, match=message):
        fit_acceptor(made_by(telling, "acceptor", random), rows, held_out, np.ones(N, bool), 0, Memory())
    with pytest.raises(PluginError, match=message):
        fit_fences(made_by(telling, "guard", random), rows, 0, Memory())


@pytest.mark.parametrize(
    "accept",
    [
        "accept = Log(nought)",
        "accept = Concat <axis = 0> (nought, nought)",
        "accept = Sub(nought, more)",
        "accept = Add(nought, more)",
    ],
)
def test_an_acceptor_that_gives_no_score_in_0_to_1_for_each_row_is_refused(telling, rows, accept):
    class Broken:
        def __init__(self, options):
            pass

        def fit(self, evidence, *, seed):
            return self

        def to_onnx(self):
            return telling.exported(
                "broken (float[n, 2] embedding) => (float[m] accept)"
                f"{{ nothing = Mul(embedding, zero) nought = ReduceSum <keepdims = 0> (nothing, axis) {accept} }}",
                zero=np.float32(0),
                axis=np.array([1]),
                **({"more": np.float32(1.0001)} if "more" in accept else {}),
            )

    learner = made_by(telling, "acceptor", Broken)
    said = r"the acceptor 'telling' of tests 1 gave accept of shape .*; scores of shape \(\d+,\) in \[0, 1\] are wanted"
    with pytest.raises(PluginError, match=said):
        fit_acceptor(learner, rows, held_out_by_none(), np.ones(N, bool), 0, Memory())


def test_a_guard_by_fold_is_taught_by_labelled_rows_outside_its_fold_and_the_whole_one_by_all(telling, rows):
    fence = fit_fences(telling.learner("guard"), rows, 0, Memory())
    inputs = telling.inputs_of(rows.X)
    assert telling.taught(fence.whole.guard, "guard").nonzero()[0].tolist() == sorted(inputs[rows.y >= 0])
    assert len(fence.by_fold) == 4
    for fold, one in enumerate(fence.by_fold):
        expected = inputs[(rows.y >= 0) & (rows.folds != fold)]
        assert telling.taught(one.guard, "guard").nonzero()[0].tolist() == sorted(expected)
    assert {one.limit for one in (fence.whole, *fence.by_fold)} == {telling.Guard.limit}


def test_each_fold_of_each_guard_has_a_seed_of_its_own(telling, rows):
    seeds = []
    for alias in ("near", "nearer"):
        fence = fit_fences(telling.learner("guard", alias, of="seed"), rows, 0, Memory())
        seeds += [telling.taught(one.guard, "guard").tobytes() for one in (fence.whole, *fence.by_fold)]
    assert len(set(seeds)) == 2 * 5


def test_a_row_passes_where_its_distance_under_the_label_predicted_is_at_most_the_limit_of_its_fold(telling, rows):
    class Adds:
        def __init__(self, options):
            pass

        def fit(self, X, y, *, n_classes, seed):
            self.limit = float(np.float32(len(X) + 0.1))  # another one for each fold
            return self

        def to_onnx(self):
            return telling.exported(
                "adds (float[n, 2] embedding, int64[n] label) => (float[n] distance)"
                "{ first = Gather <axis = 1> (embedding, nought) number = Cast <to = 1> (label) both = Add(first, number)"
                "  distance = Add(both, more) }",
                nought=np.int64(0),
                more=np.float32(0.1),
            )

    fence = fit_fences(made_by(telling, "guard", Adds), rows, 0, Memory())
    n_taught = np.array([((rows.y >= 0) & (rows.folds != fold)).sum() for fold in rows.folds])
    from_limit = np.arange(N) % 3 - 1
    labels = n_taught - telling.inputs_of(rows.X) + from_limit
    assert fence.passes(labels).tolist() == (from_limit <= 0).tolist()


def test_folds_or_rows_that_differ_are_another_training(telling, rows, tmp_path):
    memory = Memory(Store(tmp_path))
    acceptor, guard = telling.learner("acceptor"), telling.learner("guard")
    others = [
        rows,
        replace(rows, folds=np.roll(rows.folds, 1)),
        replace(rows, X=np.roll(rows.X, 1, axis=0)),
        replace(rows, y=np.roll(rows.y, 1)),
    ]
    for each in others:
        everywhere = np.ones(N, bool)
        _, accept = fit_acceptor(acceptor, each, held_out_by_none(), everywhere, 0, memory)
        _, fresh = fit_acceptor(acceptor, each, held_out_by_none(), everywhere, 0, Memory())
        assert np.array_equal(accept, fresh)
        labels = np.zeros(N, np.int64)
        fence = fit_fences(guard, each, 0, memory)
        assert fence.by_fold == fit_fences(guard, each, 0, Memory()).by_fold
        assert not fence.passes(labels)[each.y >= 0].any()
    assert (memory.n_fits, memory.n_reused) == (2 * len(others), 0)
    fit_acceptor(acceptor, rows, held_out_by_none(np.ones((N, 1), np.float32)), np.ones(N, bool), 0, memory)
    fit_acceptor(acceptor, rows, held_out_by_none(), rows.folds > 0, 0, memory)
    fit_acceptor(acceptor, rows, held_out_by_none(), np.ones(N, bool), 1, memory)
    fit_acceptor(acceptor, rows, HeldOut(np.ones((N, N), np.float32)), np.ones(N, bool), 0, memory)
    fit_fences(guard, rows, 1, memory)
    fit_fences(telling.learner("guard", "another alias"), rows, 0, memory)
    assert memory.n_reused == 0
    fit_acceptor(acceptor, rows, held_out_by_none(), np.ones(N, bool), 0, memory)
    assert memory.n_reused == 1


def guard_of(telling, distance, limit):
    class Odd:
        def __init__(self, options):
            self.limit = limit

        def fit(self, X, y, *, n_classes, seed):
            return self

        def to_onnx(self):
            return telling.exported(
                f"odd (float[n, 2] embedding, int64[n] label) => (float[m] distance) {{ {distance} }}",
                axis=np.array([1]),
                nought=np.float32(0),
            )

    return made_by(telling, "guard", Odd)


SUM = "distance = ReduceSum <keepdims = 0> (embedding, axis)"


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), None, "0.5", np.zeros(3)])
def test_a_guard_without_a_finite_limit_is_refused(telling, rows, limit):
    said = "the guard 'telling' of tests 1 has the limit .*; a finite number is wanted"
    with pytest.raises(PluginError, match=said):
        fit_fences(guard_of(telling, SUM, limit), rows, 0, Memory())


@pytest.mark.parametrize(
    "distance",
    [
        "distance = ReduceSum <keepdims = 1> (embedding, axis)",
        f"{SUM.replace('distance', 'sum', 1)} distance = Div(nought, nought)",
    ],
)
def test_a_guard_that_gives_no_number_for_each_row_is_refused(telling, rows, distance):
    fence = fit_fences(guard_of(telling, distance, 1.0), rows, 0, Memory())
    with pytest.raises(PluginError, match="the guard 'telling' of tests 1 gave distances of shape"):
        fence.passes(np.zeros(N, np.int64))


def test_what_has_no_graph_is_refused(telling, rows):
    with pytest.raises(PluginError, match="its to_onnx gave bytes, not an onnx"):
        fit_fences(made_by(telling, "guard", gate_of(lambda: b"graph")), rows, 0, Memory())


def test_a_gate_that_fails_is_told_at_its_place_in_the_spec(telling, rows):
    class Leaves:
        def __init__(self, options):
            raise SystemExit(0)

    learner = replace(made_by(telling, "guard", Leaves), address="guards[1]")
    with pytest.raises(PluginError) as caught:
        fit_fences(learner, rows, 0, Memory())
    (problem,) = caught.value.problems
    assert (problem.address, problem.what) == ("guards[1]", "the guard 'telling' of tests 1 failed: SystemExit: 0")
