"""A certified cascade with a guard, on every row of a real dataset: the graph that ships decides as its parts do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tracer_spec as ts
from tracer_spec.graph import Scorer
from tracer_spec.runtime import read_bundle
from tracer_spec.runtime.embedding import restore_embedder

DATA = Path(__file__).parents[3] / "shared" / "data"
N_TRAIN = 3000
HANDLED, LOW_SCORE, OUT_OF_DISTRIBUTION, DENIED_LABEL = range(4)


def rows(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def stage_by_stage(policy, denied, X):
    """Decide through the separate graphs of the stages, each over all rows."""
    n = len(X)
    label, handled, score = np.full(n, -1), np.zeros(n, bool), np.zeros(n, np.float32)
    stage_of, reason = np.full(n, -1), np.zeros(n, np.int64)
    for position, stage in enumerate(policy):
        known = dict(zip(("scores", "votes"), Scorer(stage.surrogate.onnx).run({"embedding": X}), strict=False))
        best = known["scores"].argmax(axis=1)
        accept = known["scores"].max(axis=1)
        if stage.acceptor:
            acceptor = Scorer(stage.acceptor.onnx)
            (accept,) = acceptor.run({key: (known | {"embedding": X})[key] for key in acceptor.inputs})
        why = np.where(denied[best], DENIED_LABEL, LOW_SCORE)
        passed = (accept >= np.float32(stage.threshold)) & ~denied[best]
        for fence in stage.fences:
            (distance,) = Scorer(fence.guard.onnx).run({"embedding": X, "label": best})
            near = distance <= np.float32(fence.limit)
            why, passed = np.where(near, why, OUT_OF_DISTRIBUTION), passed & near
        tried = ~handled
        takes = tried & passed
        label[takes], stage_of[takes] = best[takes], position
        score[tried], reason[tried] = accept[tried], np.where(passed, HANDLED, why)[tried]
        handled |= takes
    return label, handled, score, stage_of, reason


@pytest.mark.slow
def test_a_certified_cascade_decides_on_every_test_row_as_its_stages_do(tmp_path):
    train, test = rows("banking77_train.jsonl"), rows("banking77_test.jsonl")
    chosen = np.random.default_rng(0).permutation(len(train))[:N_TRAIN]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(train[i]) + "\n" for i in chosen))
    spec = {
        "version": 1,
        "name": "real",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "embedder": {"use": "lsa", "with": {"dim": 64}},
        "average": False,
        "zoo": ["logreg", {"use": "mlp", "with": {"hidden": [32], "max_iter": 12}}],
        "families": ["rsb"],
        "guards": [{"use": "prototypes", "with": {"quantile": 0.9}}],
        "defer_labels": ["card_arrival", "top_up_failed"],
        "target": {"agreement": 0.75},
        "split": {"folds": 2},
    }
    result = ts.build(spec, out=tmp_path / "real.tracer")
    assert len(result.policy) == 2
    bundle = read_bundle(result.bundle)
    X = restore_embedder(bundle.manifest, bundle.members).embed([row["input"] for row in test])
    denied = np.isin(result.labels, spec["defer_labels"])
    expected = stage_by_stage(result.policy, denied, X)
    names = ["label", "handled", "score", "stage", "reason"]
    graph = Scorer(bundle.members["policy.onnx"])
    for got in (graph.run({"embedding": X}, outputs=names), _one_by_one(graph, X[:500], names)):
        for name, ours, theirs in zip(names, got, expected, strict=True):
            if name == "score":
                np.testing.assert_allclose(ours, theirs[: len(ours)], atol=2e-5)
            else:
                np.testing.assert_array_equal(ours, theirs[: len(ours)], err_msg=name)
    assert set(expected[3].tolist()) == {-1, 0, 1}
    assert set(expected[4].tolist()) == {HANDLED, LOW_SCORE, OUT_OF_DISTRIBUTION, DENIED_LABEL}


def _one_by_one(graph, X, names):
    answers = [graph.run({"embedding": X[i : i + 1]}, outputs=names) for i in range(len(X))]
    return [np.concatenate(column) for column in zip(*answers, strict=True)]
