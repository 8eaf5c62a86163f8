import numpy as np
import pytest

from tracer_spec.flow.audit.decisions import decide
from tracer_spec.flow.compile import compile_policy
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.graph import Scorer
from tracer_spec.runtime.decision import REASONS


class InSample:
    """A workshop whose models score the rows they were trained on, as what ships would: an oracle's stand-in."""

    def __init__(self, X, y):
        self.X, self.y, self.n_rows, self.fences = X, y, len(X), None
        self.rows = FitRows(X, y, np.zeros(len(X), np.int64), 1)

    def gated(self, stage):
        known = {"embedding": self.X}
        (known["scores"],) = Scorer(stage.surrogate.onnx).run(known)
        labels = known["scores"].argmax(axis=1)
        accept = None
        if stage.acceptor:
            acceptor = Scorer(stage.acceptor.onnx)
            (accept,) = acceptor.run({name: known[name] for name in acceptor.inputs})
        self.fences = stage.fences
        held_out = type("HeldOut", (), {"labels": labels})
        return type(
            "Gated",
            (),
            {"scores": known["scores"], "accept": accept, "held_out": held_out, "agrees": labels == self.y},
        )

    def guarded(self, gated):
        near = []
        for fence in self.fences:
            (distance,) = Scorer(fence.guard.onnx).run({"embedding": self.X, "label": gated.held_out.labels})
            near.append(distance <= np.float32(fence.limit))
        return tuple(near)


@pytest.mark.parametrize(("family", "coverage"), [("global", 1.0), ("l2d", 0.5), ("rsb", 0.6)])
def test_rows_are_decided_by_the_rules_of_the_graph_that_ships(world, family, coverage):
    fit, denied = world.prepared.fit, world.prepared.denied
    policy = world.policy(family, coverage)
    X = np.vstack([fit.X, np.zeros((1, fit.X.shape[1]), np.float32)])
    ours = decide(InSample(X, np.append(fit.y, 0)), policy, denied)
    graph = compile_policy(policy, dimension=fit.X.shape[1], denied=denied)
    label, handled, score, stage, reason = Scorer(graph.SerializeToString()).run({"embedding": X})
    assert np.array_equal(ours.handled, handled)
    assert np.array_equal(np.where(handled, ours.predicted, -1), label)
    assert np.array_equal(ours.stages, stage)
    assert np.array_equal(ours.reasons, reason)
    assert REASONS[reason[-1]] == "out_of_distribution"
    assert np.allclose(ours.scores, score, atol=1e-5)
    assert len(set(reason.tolist())) == (4 if family != "global" else 3)


def test_every_candidate_is_replayed_as_the_workshop_counts_it(world):
    seen = 0
    for chain in world.chains:
        for candidate in chain.candidates[:: max(1, len(chain.candidates) // 5)]:
            decided = decide(world.workshop, candidate.policy, world.prepared.denied)
            handled, agrees = world.workshop.replay(candidate.policy)
            assert np.array_equal(decided.handled, handled)
            assert np.array_equal(decided.handled & decided.agrees, agrees)
            assert sum(decided.counts.values()) == len(handled)
            assert decided.counts["handled"] == candidate.n_handled
            seen += 1
    assert seen > 10
    assert {chain.family for chain in world.chains} == {"global", "l2d", "rsb"}


def test_a_later_stage_is_reached_by_what_the_earlier_ones_left_alone(world):
    decided = decide(world.workshop, world.policy("rsb", 0.6), world.prepared.denied)
    first, second = decided.tried
    assert first.reached.all()
    assert np.array_equal(second.reached, decided.stages != 0)
    assert [str(reason) for reason in REASONS[:4]] == list(decided.counts)
