import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from tracer_spec.errors import PluginError
from tracer_spec.flow.compile import compile_policy, overrides
from tracer_spec.plugin import Fence, Model, Stage

D, K = 5, 4
HANDLED, LOW_SCORE, OUT_OF_DISTRIBUTION, DENIED_LABEL, UNAVAILABLE = range(5)


def linear(rng, name="s"):
    """A softmax over a random linear map, as its graph and as numpy."""
    W = rng.normal(size=(D, K)).astype(np.float32) * 2
    graph = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]>
        g (float[n,{D}] embedding) => (float[n,{K}] scores) <float[{D},{K}] W = {{{", ".join(map(repr, W.ravel().tolist()))}}}>
        {{ z = MatMul(embedding, W)  scores = Softmax <axis=1> (z) }}"""
    )

    def scores(X):
        z = X @ W
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    return Model(name, graph.SerializeToString()), scores


def squared_top(name="a"):
    """An acceptor: the square of the top score plus a little of the embedding, so that both inputs matter."""
    graph = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]>
        g (float[n,{D}] embedding, float[n,{K}] scores) => (float[n] accept)
        <int64[1] axis = {{1}}, float small = {{0.01}}>
        {{ top = ReduceMax <keepdims=0> (scores, axis)  square = Mul(top, top)  sum = ReduceSum <keepdims=0> (embedding, axis)
           bounded = Tanh(sum)  nudge = Mul(bounded, small)  accept = Add(square, nudge) }}"""
    )
    return Model(name, graph.SerializeToString()), lambda X, S: S.max(1) ** 2 + 0.01 * np.tanh(X.sum(1))


def norm_guard(name="g"):
    """A guard: the norm, stretched by the predicted label."""
    graph = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]>
        g (float[n,{D}] embedding, int64[n] label) => (float[n] distance) <int64[1] axis = {{1}}, float one = {{1.0}}>
        {{ squares = Mul(embedding, embedding)  sum = ReduceSum <keepdims=0> (squares, axis)  norm = Sqrt(sum)
           as_float = Cast <to=1> (label)  stretch = Add(as_float, one)  distance = Mul(norm, stretch) }}"""
    )
    return Model(name, graph.SerializeToString()), lambda X, label: np.sqrt((X * X).sum(1)) * (label + 1)


def stage_by_stage(policy, parts, denied, X):
    """Decide row by row, as section 1 of the design says it: stages in order, the first that accepts answers."""
    rows = []
    for x in X:
        with np.errstate(invalid="ignore", over="ignore"):
            finite = bool((x * x).sum() < np.inf)
        x = x[None] if finite else np.zeros((1, D), np.float32)
        answer = None
        for position, (stage, (scores, accept, distance)) in enumerate(zip(policy, parts, strict=True)):
            S = scores(x)
            label = int(S.argmax())
            score = float(accept(x, S)[0]) if stage.acceptor else float(S.max())
            reason = HANDLED
            if not score >= np.float32(stage.threshold):
                reason = LOW_SCORE
            if denied[label]:
                reason = DENIED_LABEL
            if stage.fences and not distance(x, np.array([label]))[0] <= np.float32(stage.fences[0].limit):
                reason = OUT_OF_DISTRIBUTION
            if not x.any():  # of the zero vector, nothing is known
                reason, score = OUT_OF_DISTRIBUTION if finite else UNAVAILABLE, 0.0
            answer = (label, True, score, position, HANDLED) if reason == HANDLED else (-1, False, score, -1, reason)
            if reason in (HANDLED, UNAVAILABLE):
                break
        rows.append(answer)
    return [np.array(column) for column in zip(*rows, strict=True)]


def random_policy(rng, length, guarded=False, gated=True):
    policy, parts = [], []
    for position in range(length):
        surrogate, scores = linear(rng, f"s{position}")
        acceptor, accept = squared_top()
        guard, distance = norm_guard()
        policy.append(
            Stage(
                surrogate,
                acceptor if gated else None,
                float(rng.uniform(0.3, 0.8)) if gated else 0.0,
                (Fence(guard, float(rng.uniform(4, 8))),) if guarded else (),
            )
        )
        parts.append((scores, accept, distance))
    return tuple(policy), parts


def run(model, X, constants=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"embedding": X, **(constants or {})})


def assert_same(ours, expected):
    for name, got, want in zip(("label", "handled", "score", "stage", "reason"), ours, expected, strict=True):
        if name == "score":
            np.testing.assert_allclose(got, want, atol=1e-5)
        else:
            np.testing.assert_array_equal(got, want, err_msg=name)


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("some_denied", [False, True])
def test_the_graph_decides_as_the_stages_do_one_row_at_a_time(length, guarded, some_denied):
    rng = np.random.default_rng([length, guarded, some_denied])
    policy, parts = random_policy(rng, length, guarded)
    denied = [False, some_denied, False, False]
    X = rng.normal(size=(400, D)).astype(np.float32)
    X[3, 1], X[7, 0], X[11], X[13] = np.nan, np.inf, 1e30, 0.0
    expected = stage_by_stage(policy, parts, denied, X)
    model = compile_policy(policy, dimension=D, denied=denied)
    assert_same(run(model, X), expected)
    reasons = set(expected[4].tolist())
    assert {HANDLED, LOW_SCORE, UNAVAILABLE} <= reasons or guarded
    alone = [run(model, X[i : i + 1]) for i in range(40)]
    assert_same([np.concatenate(column) for column in zip(*alone, strict=True)], [column[:40] for column in expected])


def test_an_open_policy_handles_every_finite_row_but_the_zero_vector():
    rng = np.random.default_rng(0)
    policy, _ = random_policy(rng, 1, gated=False)
    X = rng.normal(size=(50, D)).astype(np.float32)
    X[10], X[20] = np.nan, 0
    label, handled, score, stage, reason = run(compile_policy(policy, dimension=D, denied=[False] * K), X)
    assert handled.sum() == 48
    assert (label[20], handled[20], score[20], stage[20], reason[20]) == (-1, False, 0, -1, OUT_OF_DISTRIBUTION)
    assert (label[10], handled[10], stage[10], reason[10]) == (-1, False, -1, UNAVAILABLE)
    assert np.isfinite(score).all()


@pytest.mark.parametrize("length", [1, 2])
def test_no_rows_give_no_decisions(length):
    policy, _ = random_policy(np.random.default_rng(1), length)
    outputs = run(compile_policy(policy, dimension=D, denied=[False] * K), np.empty((0, D), np.float32))
    assert [len(column) for column in outputs] == [0] * 5


def test_open_thresholds_decide_as_the_frozen_ones_would():
    rng = np.random.default_rng(2)
    policy, _ = random_policy(rng, 2)
    X = rng.normal(size=(300, D)).astype(np.float32)
    open_model = compile_policy(policy, dimension=D, denied=[False] * K, open_thresholds=True)
    for shift in (0.0, 0.1, -0.2):
        moved = tuple(Stage(s.surrogate, s.acceptor, s.threshold + shift, s.fences) for s in policy)
        frozen = compile_policy(moved, dimension=D, denied=[False] * K)
        for got, want in zip(run(open_model, X, overrides(moved)), run(frozen, X), strict=True):
            np.testing.assert_array_equal(got, want)


def test_the_shipped_graph_lets_nobody_move_its_thresholds():
    policy, _ = random_policy(np.random.default_rng(3), 1)
    model = compile_policy(policy, dimension=D, denied=[False] * K)
    assert [each.name for each in model.graph.input] == ["embedding"]


def test_compiling_twice_gives_the_same_bytes():
    policy, _ = random_policy(np.random.default_rng(4), 3, guarded=True)
    first, second = (
        compile_policy(policy, dimension=D, denied=[False] * K).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert first == second


def test_one_surrogate_in_two_stages_does_not_collide():
    rng = np.random.default_rng(5)
    (stage,), (part,) = random_policy(rng, 1)
    policy, X = (stage, stage), rng.normal(size=(100, D)).astype(np.float32)
    expected = stage_by_stage(policy, (part, part), [False] * K, X)
    assert_same(run(compile_policy(policy, dimension=D, denied=[False] * K), X), expected)


def test_a_graph_of_the_wrong_dimension_is_an_error_that_names_it():
    policy, _ = random_policy(np.random.default_rng(6), 1)
    with pytest.raises(PluginError, match="the graphs of s0 do not merge"):
        compile_policy(policy, dimension=D + 1, denied=[False] * K)


def test_the_graph_is_checked_and_carries_no_external_data():
    policy, _ = random_policy(np.random.default_rng(7), 2)
    model = compile_policy(policy, dimension=D, denied=[False] * K)
    onnx.checker.check_model(model, full_check=True)
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    assert sorted((each.domain, each.version) for each in model.opset_import) == [("", 18), ("ai.onnx.ml", 3)]


def test_the_graph_alone_says_what_its_labels_are_called():
    policy, _ = random_policy(np.random.default_rng(8), 2)
    names = ["card_arrival", "größe", 'a "b"', "d"]
    model = compile_policy(policy, dimension=D, denied=[False] * K, labels=names, name="support")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == names
    assert (metadata["name"], metadata["surrogates"]) == ("support", '["s0","s1"]')
    assert not compile_policy(policy, dimension=D, denied=[False] * K).metadata_props
