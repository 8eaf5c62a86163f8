"""The curve of ``plan`` trains as a build of these traces would: with label names where those train."""

from __future__ import annotations

import json
import random

import pytest

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.preview.certifiable import preview
from tracer_spec.flow.preview.curve import draw_curve
from tracer_spec.flow.preview.ranked_samples import ranked_samples
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

_letters = random.Random(7)


def _word() -> str:
    return "".join(_letters.choices("abcdefghiklmnoprstuvwz", k=7))


# one word of a text tells its label, and the others nothing: a description tells which is which
WORDS = {f"label-{number}": [_word()] for number in range(30)}
CHATTER = [_word() for _ in range(100)]


def planned(source):
    """Return a plan of these traces, the traces, and their sides."""
    spec = {
        "version": 1,
        "name": "curve",
        "traces": source,
        "embedder": "lsa",
        "zoo": ["logreg"],
        "target": {"agreement": 0.8},
    }
    plan = make_plan(load_spec(spec), find_plugins())
    traces = read_traces(plan)
    return plan, traces, part(traces, plan.spec.split)


def fit_rows(source):
    """Return a plan of these traces, and their fit rows."""
    plan, traces, sides = planned(source)
    return plan, traces.take(sides.fit)


def curve_of(source):
    """Return the curve of these traces."""
    plan, traces, sides = planned(source)
    outlook = preview(plan.spec, traces, sides, target=plan.target, allowed_labels=None, makes_a_test=True, lock=None)
    return draw_curve(plan, traces.take(sides.fit), outlook, memory=Memory())


@pytest.fixture
def drawn(tmp_path):
    """Return how to draw the curve of 240 traces, each with the word of its label among others."""
    chance = random.Random(0)
    said = [chance.choice(list(WORDS)) for _ in range(240)]
    lines = (
        json.dumps({"id": f"r{at}", "input": " ".join([*chance.sample(CHATTER, 6), *WORDS[label]]), "teacher": label})
        for at, label in enumerate(said)
    )
    (tmp_path / "t.jsonl").write_text("\n".join(lines))

    def draw(labels):
        return curve_of({"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}, "labels": labels})

    return draw


def test_label_names_that_train_in_a_build_train_for_the_curve(drawn):
    described = {"describe": {label: " ".join(words) for label, words in WORDS.items()}}
    without, with_names = drawn({"train": "never"}), drawn(described)
    assert with_names.at_target(with_names.now).coverage > without.at_target(without.now).coverage + 0.2


def test_parts_are_ranked_on_rows_that_not_even_their_embedder_has_seen(tmp_path):
    lines = [{"id": f"r{at}", "input": f"word{at % 7} {at}", "teacher": f"l{at % 7}"} for at in range(300)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    plan, fit = fit_rows({"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}})
    ranked = ranked_samples(plan, fit, None, Memory())
    whole, *parts = ranked.samples
    assert ranked.learns_texts
    assert (whole.is_text_seen, len(whole.errs), whole.n_learned) == (True, len(fit), len(fit) * 0.75)
    assert len(parts) == 4
    assert [each.is_text_seen for each in parts] == [False] * 4
    assert [len(each.errs) + each.n_learned for each in parts] == [len(fit)] * 4


def test_no_part_is_made_of_a_handful_of_inputs_that_repeat(tmp_path):
    lines = [{"id": f"r{at}", "input": f"word {at % 30}", "teacher": f"l{at % 7}"} for at in range(300)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    plan, fit = fit_rows({"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}})
    assert len(ranked_samples(plan, fit, None, Memory()).samples) == 1


def curve_of_repeats(tmp_path, repeats):
    """Return the curve of 150 requests of which each stands four times, without ids."""
    chance = random.Random(1)
    said = [chance.choice(list(WORDS)[:4]) for _ in range(150)]
    asked = [{"input": " ".join([*chance.sample(CHATTER, 6), *WORDS[label]]), "teacher": label} for label in said] * 4
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, asked)))
    return curve_of({"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}, "repeats": repeats})


def test_rows_that_may_be_copies_do_not_make_a_certificate_likely(tmp_path):
    """Read as copies, hardly a request of those has all its rows among the certify rows."""
    either, traffic = curve_of_repeats(tmp_path, "either"), curve_of_repeats(tmp_path, "traffic")
    assert traffic.at_target(traffic.now).chance > 0.9
    assert either.at_target(either.now).chance < 0.1
    assert (traffic.prospects.tests_ranks, either.prospects.tests_ranks) == (True, False)
