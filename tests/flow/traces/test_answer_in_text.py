"""Texts that hold the teacher's answer are told: what is routed has none."""

import json

import pytest

import tracer_spec as ts
from tests.test_extract import rows, spec
from tests.zygote import call
from tracer_spec.flow.traces.answer_in_text import answer_notes

LABELS = ["order_status", "refund_status", "cancel_order", "Gift_Card"] * 10
ASKED = [f"please help me with number {n}" for n in range(40)]


@pytest.mark.parametrize(
    "transcript",
    ["User: {text}\nAssistant: {label}", '{text} {{"intent": "{label}"}}', "[{label}] {text}", "{text}\n-> {label}\n"],
)
def test_a_transcript_with_its_answer_is_told(transcript):
    (note,) = answer_notes([transcript.format(text=t, label=y) for t, y in zip(ASKED, LABELS, strict=True)], LABELS)
    assert note.startswith("100 % of the texts hold their own label, and 0 % that of another row")
    assert "traces.format.text" in note
    assert "traces.extract" in note


def test_a_prompt_that_lists_all_labels_and_texts_that_people_write_are_left_alone():
    listed = [f"Labels: {', '.join(LABELS[:4])}.\n{text}" for text in ASKED]
    assert answer_notes(listed, LABELS) == answer_notes(ASKED, LABELS) == answer_notes([], []) == ()
    some = [f"{text} {label}" if n % 3 else text for n, (text, label) in enumerate(zip(ASKED, LABELS, strict=True))]
    assert answer_notes(some, LABELS) == ()
    assert answer_notes(["all the same: x"] * 40, ["x"] * 40) == ()


def test_labels_that_are_parts_of_each_other_are_compared_with_others_alone():
    labels = ["card", "card_lost"] * 20
    assert answer_notes([f"my {label}" for label in labels], labels) == ()


def test_a_label_of_one_letter_or_a_short_word_is_not_found_inside_other_words():
    asked = [f"I have another card, number {n}, which cannot be activated" for n in range(40)]
    for common, rare in (("a", "b"), ("no", "yes"), ("i", "ii")):
        assert answer_notes(asked, [rare if n in (3, 17) else common for n in range(40)]) == ()


def test_a_transcript_of_a_log_that_is_nearly_one_label_is_told():
    labels = ["spam" if n in (3, 17) else "no" for n in range(40)]
    assert answer_notes([f"{text}\nAssistant: {label}" for text, label in zip(ASKED, labels, strict=True)], labels)


def test_a_transcript_in_a_script_without_spaces_is_told():
    labels = ["退款", "订单"] * 20
    assert answer_notes([f"请帮我{n}回答{label}谢谢" for n, label in enumerate(labels)], labels)


def test_plan_and_the_certificate_say_it(tmp_path):
    told = [row | {"input": f"User: {row['input']}\nAssistant: {row['teacher']}"} for row in rows()]
    path = spec(tmp_path, told)
    planned = call("plan", str(path), "--json", "--no-curve", cwd=tmp_path)
    assert any("hold their own label" in note for note in json.loads(planned.stdout)["warnings"])
    built = ts.build(path, out=tmp_path / "small.tracer")
    assert any("hold their own label" in assumption for assumption in built.certificate.assumptions)
