"""Steps that a bundle cannot carry are told where the spec is read, and the bundle's manifest agrees."""

from __future__ import annotations

import pytest

from tracer_spec.spec.carried_steps import steps_note
from tracer_spec.spec.model import RouterSpec

SPEC = {
    "version": 1,
    "name": "small",
    "embedder": "lsa",
    "zoo": ["logreg"],
    "families": ["l2d"],
    "target": {"agreement": 0.9},
}
REFUSED = "so 'deploy' and 'serve' refuse the bundle; 'route' takes it"


def note_on(*labels):
    sources = [{"use": "jsonl", "with": {"path": "a.jsonl"}, "labels": each} for each in labels]
    return steps_note(RouterSpec.model_validate(SPEC | {"traces": sources if len(sources) > 1 else sources[0]}))


@pytest.mark.parametrize(
    "steps", [["strip", "json:intent"], ["strip", "regex:^(\\w+)"], ["regex:^[*]{0,3}(.*?)[*.]*$"]]
)
def test_steps_that_take_no_long_are_no_matter(steps):
    assert note_on({"normalize": steps}) == ""


def test_a_regex_that_could_take_long_is_named_with_its_place_and_the_remedy():
    said = note_on({"normalize": ["strip", "regex:^[*]*(.*?)[*.]*$"]})
    assert said.startswith("traces.labels.normalize[1]: the step could take too long on some texts: it can match in ")
    assert f", {REFUSED}; take out all repeats" in said


def test_sources_of_which_each_has_its_own_steps_are_named():
    same = {"normalize": ["json:intent"]}
    assert note_on(same, same) == ""
    said = note_on(same, {"normalize": ["strip"]})
    assert said.startswith(f"traces: the sources have different labels.normalize or aliases, {REFUSED}")
