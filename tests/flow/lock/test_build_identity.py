"""What makes a test another test, and so its look at the certify rows another look: all that the outcome can depend on."""

import json
from dataclasses import replace

import numpy as np
import pytest

import tracer_spec as ts
from tracer_spec.errors import LockError
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import EmbeddedRows
from tracer_spec.flow.certifying.proposal import test_digest as digest_of_test
from tracer_spec.plan import Resolved
from tracer_spec.plugin import CalibratorPlugin, Candidate, Fence, Model, Options, Stage, Target
from tracer_spec.plugin.contracts import Provided

STAGE = Stage(Model("s", b"surrogate"), Model("a", b"acceptor"), 0.5, (Fence(Model("g", b"guard"), 1.0),))
ORDERED = (Candidate("l2d", (STAGE,), 100, 50, 48), Candidate("l2d", (replace(STAGE, threshold=0.25),), 100, 80, 70))
TARGET = Target(0.9, 0.95, 0.05)


def calibrator(name="exact", version="1"):
    return Resolved(
        name, Provided("calibrator", CalibratorPlugin(name, "", lambda options: None), "tests", version), Options()
    )


def digest_of(ordered, rows, calibrator, target, sizes=()):
    return digest_of_test(ordered, rows, calibrator, target, sizes)


def embedded(X=((1.0, 2.0), (3.0, 4.0)), y=(0, 1), denied=(False, False), own=None):
    blocks = Blocks([np.array(X, np.float32)])
    return EmbeddedRows(blocks, np.array(y), np.array(denied), None if own is None else np.array(own))


def test_the_same_test_has_the_same_digest():
    again = (replace(ORDERED[0], policy=(replace(STAGE),)), replace(ORDERED[1]))
    assert digest_of(ORDERED, b"rows", calibrator(), TARGET) == digest_of(again, b"rows", calibrator(), TARGET)
    assert embedded().digest() == embedded().digest()


@pytest.mark.parametrize(
    "ordered",
    [
        ORDERED[::-1],
        ORDERED[:1],
        (replace(ORDERED[0], policy=(replace(STAGE, surrogate=Model("s", b"other")),)), ORDERED[1]),
        (replace(ORDERED[0], policy=(replace(STAGE, acceptor=Model("a", b"other")),)), ORDERED[1]),
        (replace(ORDERED[0], policy=(replace(STAGE, acceptor=None),)), ORDERED[1]),
        (replace(ORDERED[0], policy=(replace(STAGE, threshold=0.500001),)), ORDERED[1]),
        (replace(ORDERED[0], policy=(replace(STAGE, fences=(Fence(Model("g", b"other"), 1.0),)),)), ORDERED[1]),
        (replace(ORDERED[0], policy=(replace(STAGE, fences=(Fence(Model("g", b"guard"), 2.0),)),)), ORDERED[1]),
        (replace(ORDERED[0], policy=(STAGE, STAGE)),),
    ],
    ids=["order", "fewer", "surrogate", "acceptor", "no acceptor", "threshold", "guard", "limit", "stages"],
)
def test_another_graph_threshold_or_order_is_another_test(ordered):
    assert digest_of(ordered, b"rows", calibrator(), TARGET) != digest_of(ORDERED, b"rows", calibrator(), TARGET)


def test_other_ranks_are_another_test():
    digests = {
        digest_of(ORDERED, b"rows", calibrator(), TARGET, sizes) for sizes in ((), (40, 70), (40, 71), (40, None))
    }
    assert len(digests) == 4


def test_another_calibrator_or_target_is_another_test():
    about = [
        (calibrator("other"), TARGET),
        (calibrator(version="2"), TARGET),
        (calibrator(), replace(TARGET, agreement=0.91)),
    ]
    about += [(calibrator(), replace(TARGET, confidence=0.9)), (calibrator(), Target(None, 0.95, 0.05, end_to_end=0.9))]
    digests = {digest_of(ORDERED, b"rows", *each) for each in about} | {
        digest_of(ORDERED, b"rows", calibrator(), TARGET)
    }
    assert len(digests) == len(about) + 1


def test_other_vectors_labels_denied_labels_or_readings_are_other_rows():
    others = [
        embedded(X=((1.0, 2.0), (3.0, 5.0))),
        embedded(X=((3.0, 4.0), (1.0, 2.0))),
        embedded(y=(0, -1)),
        embedded(denied=(True, False)),
        embedded(own=(True, False)),
    ]
    assert len({each.digest() for each in [embedded(), *others]}) == len(others) + 1


@pytest.fixture
def with_vectors(tmp_path):
    """Return how to build a spec whose vectors lie in a file of their own, which can be replaced."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 400)
    rows = [{"id": str(n), "input": f"request {n}", "teacher": "ab"[label]} for n, label in enumerate(labels)]
    (tmp_path / "traces.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    spec = {
        "version": 1,
        "name": "vectors",
        "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}},
        "embedder": {"use": "precomputed", "with": {"path": "v.npy"}},
        "zoo": ["logreg"],
        "target": {"agreement": 0.9},
    }
    (tmp_path / "router.yaml").write_text(json.dumps(spec))

    def run(seed, **options):
        noise = np.random.default_rng(seed).normal(size=(400, 2))
        np.save(tmp_path / "v.npy", (labels[:, None] * 5 + noise).astype(np.float32))
        return ts.build(tmp_path / "router.yaml", out=tmp_path / "out.tracer", **options)

    return run


def test_a_file_of_vectors_that_was_replaced_is_another_look(with_vectors):
    assert [with_vectors(seed).certificate.look for seed in (1, 2, 3, 1)] == [1, 2, 3, 1]


def test_a_locked_build_refuses_another_file_of_vectors_before_anything_is_trained(with_vectors):
    with_vectors(1)
    stages = []
    with pytest.raises(LockError) as refusal:
        with_vectors(2, locked=True, observe=lambda event: stages.append(getattr(event, "stage", "")))
    assert [problem.address for problem in refusal.value.problems] == ["embedder"]
    assert "train" not in stages
    assert with_vectors(1, locked=True).status == "certified"
