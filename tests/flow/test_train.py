import json

import numpy as np
import pytest

from tracer_spec.errors import PluginError
from tracer_spec.flow.prepare import part, prepare, read_traces
from tracer_spec.flow.prepared import Parted
from tracer_spec.flow.progress import LearnerDone
from tracer_spec.flow.train import train
from tracer_spec.graph import constant_scores
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Options, Plugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.registry import Registry, find_plugins
from tracer_spec.spec import load_spec


class Favour(Options):
    label: int = 0
    reason: str = ""


class Favours:
    """A surrogate that gives one label everywhere; or fails for a reason."""

    def __init__(self, options):
        self.options = options

    def fit(self, X, y, *, n_classes, seed):
        if self.options.reason:
            raise PluginError(self.options.reason)
        self.seed = seed
        return self

    def to_onnx(self):
        """Prefer one label, and let a second one's score tell the seed."""
        scores = np.zeros(3)
        scores[self.options.label] = 0.75
        scores[2] = self.seed / 2**33
        return constant_scores(scores, 2)


@pytest.fixture
def prepared(tmp_path):
    """Return how to plan and prepare a spec of 60 traces."""
    rows = [
        {"id": str(n), "input": f"request {n}", "teacher": ("card", "loan")[n % 3 > 1], "vector": [n / 60, 1.0]}
        for n in range(60)
    ]
    (tmp_path / "traces.jsonl").write_text("\n".join(json.dumps(row) for row in rows))

    def run(*zoo, **changes):
        spec = {
            "version": 1,
            "name": "small",
            "traces": {
                "use": "jsonl",
                "with": {"path": str(tmp_path / "traces.jsonl")},
                "labels": {"allowed": ["card", "loan", "app"]},
            },
            "embedder": {"use": "precomputed", "with": {"column": "vector"}},
            "zoo": [{"use": "favours", "as": f"zoo-{place}", "with": options} for place, options in enumerate(zoo)],
            "target": {"agreement": 0.8},
        }
        favours = Provided("surrogate", Plugin("favours", "one label everywhere", Favours, Favour), "tests", "1")
        plan = make_plan(load_spec(spec | changes), Registry((*find_plugins().provided, favours), ()))
        traces = read_traces(plan)
        return plan, prepare(plan, Parted.of(traces, part(traces, plan.spec.split)))

    return run


def trained(plan, ready, **named):
    return train(plan, ready.fit, ready.denied, **named)


def test_a_zoo_of_which_nothing_could_be_trained_ends_the_build_with_every_reason(prepared):
    with pytest.raises(PluginError) as refusal:
        trained(*prepared({"reason": "too few rows"}, {"reason": "one class alone"}), workers=1)
    (problem,) = refusal.value.problems
    assert problem.what == ("no surrogate of the zoo could be trained (zoo-0: too few rows; zoo-1: one class alone)")
    assert problem.address == "zoo"


def test_one_surrogate_that_can_be_trained_is_enough(prepared):
    heard = []
    workshop = trained(*prepared({"reason": "too few rows"}, {}), workers=1, observe=heard.append)
    assert [each.name for each in workshop.trained] == ["zoo-1"]
    assert [(each.name, each.status) for each in workshop.reports] == [("zoo-0", "skipped"), ("zoo-1", "trained")]
    assert [each.name for each in heard if isinstance(each, LearnerDone)] == ["zoo-0", "zoo-1"]


def test_the_zoo_learns_fit_rows_and_agrees_as_often_as_they_say(prepared):
    plan, ready = prepared({"label": 0}, {"label": 1})
    workshop = trained(plan, ready, workers=1)
    teacher = ready.fit_traces.labels
    expected = {"zoo-0": teacher.count("card") / len(teacher), "zoo-1": teacher.count("loan") / len(teacher)}
    assert {each.name: each.agreement for each in workshop.trained} == pytest.approx(expected)
    assert workshop.n_rows == len(teacher) < 60


def test_what_the_spec_says_of_averages_denied_labels_guards_and_target_is_what_the_workshop_does(prepared):
    averaged = trained(*prepared({}, {}), workers=1)
    assert [each.name for each in averaged.trained] == ["zoo-0", "zoo-1", "average(zoo-0, zoo-1)"]
    changes = {"average": False, "defer_labels": ["card"], "guards": [{"use": "prototypes", "as": "near"}]}
    plan, ready = prepared({}, {}, {"label": 1}, **changes)
    workshop = trained(plan, ready, workers=1)
    assert {each.name for each in workshop.trained} == {"zoo-0", "zoo-1", "zoo-2"}
    for each in workshop.trained:
        assert each.eligible.any() == (each.name == "zoo-2")
        assert [fence.guard.name for fence in each.fences] == ["near"]
    assert workshop.target == plan.target


def test_scores_are_scaled_where_the_spec_asks_for_it(prepared):
    plain, scaled = (trained(*prepared({"label": 1}, scale=each), workers=1).trained[0] for each in (False, True))
    assert (plain.scores[:, 1] == 0.75).all()
    # nobody gives the third label, which has the rest: the scaled scores have learned that
    assert (scaled.scores[:, 1] > 0.85).all()
    assert scaled.scores.sum(axis=1) == pytest.approx(np.ones(len(scaled.scores)), abs=1e-6)


def test_the_seed_of_the_spec_reaches_every_training(prepared):
    def told(seed):
        (one,) = trained(*prepared({}, seed=seed), workers=1).trained
        return set(one.scores[:, 2].tolist())

    assert len(told(0)) == len(told(1)) == 4  # one for each fold
    assert told(0) == told(0)
    assert not told(0) & told(1)
