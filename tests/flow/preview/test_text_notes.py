"""Notes on texts: a template is proposed as a step that works as written, and one text for all is told."""

import json

import yaml

from tracer_spec.flow.preview.text_notes import text_notes
from tracer_spec.text_steps.cutter import TextCutter

TEXTS = [f"{word} my order {n}" for n, word in enumerate(["refund", "cancel", "where is", "stop"] * 10)]
PROMPT = 'Say "a" or "b".\n${{X}}: {}\n\nLabel:'


def test_the_step_proposed_is_yaml_that_takes_the_texts_out():
    (note,) = text_notes([PROMPT.format(text) for text in TEXTS], [])
    assert note.startswith("100 % of the texts stand in one prompt template, ")
    written = note.partition("'traces.extract: ")[2].removesuffix("'")
    steps = [step.replace("$${", "${") for step in yaml.safe_load(written)]  # as a spec reads it
    assert [TextCutter(steps).cut(PROMPT.format(text)) for text in TEXTS] == TEXTS


def test_a_template_that_is_left_is_cut_after_the_steps_that_there_are():
    (note,) = text_notes([f"Message: {text}" for text in TEXTS], ["strip"])
    assert json.dumps(["strip", "after:Message: "]) in note


def test_one_text_for_all_is_told():
    (note,) = text_notes(["Now give only the label."] * 40, [])
    assert note.startswith("nearly all texts are one text, from which no label can be told")


def test_texts_that_people_write_are_left_alone():
    assert text_notes(TEXTS, []) == ()
    assert text_notes([], []) == ()
