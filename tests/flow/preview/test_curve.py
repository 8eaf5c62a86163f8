"""The curve of ``plan`` trains as a build of these traces would: with label names where those train."""

from __future__ import annotations

import json
import random

import pytest

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.preview.certifiable import preview
from tracer_spec.flow.preview.curve import draw_curve
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

_letters = random.Random(7)
# the words of a label have nothing in common, so that only its description tells those that no fit row holds
WORDS = {
    f"label-{number}": ["".join(_letters.choices("abcdefghiklmnoprstuvwz", k=7)) for _ in range(8)]
    for number in range(20)
}


@pytest.fixture
def drawn(tmp_path):
    """Return how to draw the curve of 240 traces, each with one of eight words of its label."""
    chance = random.Random(0)
    said = [chance.choice(list(WORDS)) for _ in range(240)]
    lines = (
        json.dumps({"id": f"r{at}", "input": f"{chance.choice(WORDS[label])} {at}", "teacher": label})
        for at, label in enumerate(said)
    )
    (tmp_path / "t.jsonl").write_text("\n".join(lines))

    def draw(labels):
        spec = {
            "version": 1,
            "name": "curve",
            "traces": {
                "use": "jsonl",
                "with": {"path": str(tmp_path / "t.jsonl")},
                "labels": labels,
            },
            "embedder": "lsa",
            "zoo": ["logreg"],
            "target": {"agreement": 0.8},
        }
        plan = make_plan(load_spec(spec), find_plugins())
        traces = read_traces(plan)
        sides = part(traces, plan.spec.split)
        outlook = preview(
            plan.spec, traces, sides, target=plan.target, allowed_labels=None, makes_a_test=True, lock=None
        )
        return draw_curve(plan, traces.take(sides.fit), outlook, memory=Memory())

    return draw


def test_label_names_that_train_in_a_build_train_for_the_curve(drawn):
    described = {"describe": {label: " ".join(words) for label, words in WORDS.items()}}
    without, with_names = drawn({"train": "never"}), drawn(described)
    assert with_names.at_target(with_names.now).coverage > without.at_target(without.now).coverage + 0.2
