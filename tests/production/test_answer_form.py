"""The form of an answer that holds a label where the bundle's steps read none, and what a monitor says of it."""

from __future__ import annotations

import json

import pytest

from tests.production.decisions import line, reference, watched
from tracer_spec.production.monitoring.answer_form import ALONE, RESPELT, AnswerForm
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import read_state, write_state
from tracer_spec.report.monitor_facts import monitor_facts
from tracer_spec.text_steps import UnusableError
from tracer_spec.text_steps.language import compile_step

LABELS = ("refund", "top_up", "card lost")


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("refund", ALONE),
        (" top_up\n", ALONE),
        ("Top-Up.", RESPELT),
        ('"refund"', RESPELT),
        ("Label: refund", "prefix:Label:"),
        ("Category: Card-Lost.", "prefix:Category:"),
        ('{"intent": "refund"}', "json?:intent"),
        ({"intent": "refund"}, "json?:intent"),
        ('Sure!\n```json\n{"answer": {"label": "top_up"}, "why": "refund"}\n```', "json?:answer.label"),
        ({"labels": ["card lost"]}, "json?:labels.0"),
        ({"tool_call": {"name": "classify", "arguments": {"intent": "refund"}}}, "json?:intent"),
        ("It is about money.\n\nrefund", "last-line"),
        ("refund\nsince the customer wants money back", "first-line"),
        ("```\nrefund\n```", "code-fence"),
        ("<think>money?</think>refund", "think"),
        ("the customer asks for a refund", None),
        ("a customer who wrote that his card is gone: refund", None),
        ({"a key that may quote what was asked for": "refund"}, None),
        ("refund_status", None),
        ("{" * 20_000 + '{"intent": "refund"}', None),
        ("", None),
        (None, None),
        (7, None),
        (["refund"], None),
    ],
)
def test_a_form_is_named_by_the_step_that_reads_the_label_in_it(answer, form):
    assert AnswerForm(LABELS).of(answer) == form
    if form not in (None, ALONE, RESPELT):
        text = answer if isinstance(answer, str) else answer.get("tool_call", {}).get("arguments", answer)
        read = compile_step(form)(text)
        assert AnswerForm(LABELS).of(read) in (ALONE, RESPELT)


def test_the_steps_that_are_named_leave_answers_of_the_old_form_as_they_are():
    for form in ("json?:intent", "prefix:Label:", "last-line", "code-fence"):
        try:
            assert compile_step(form)("refund") == "refund"
        except UnusableError:
            pytest.fail(form)


def changed(answers) -> Monitor:
    unread = (line(number, audit=True, served="teacher") for number in range(len(answers)))
    return watched([{**each, "teacher_raw": answer} for each, answer in zip(unread, answers, strict=True)])


def cause(monitor) -> str | None:
    return {each.name: each.text for each in monitor_facts(monitor, Reading((), 0, ()))}.get("cause")


def test_a_monitor_names_the_new_form_with_counts_and_quotes_nothing_else_of_the_answers():
    answers = [json.dumps({"intent": "ab"[n % 2], "why": "secret request"}) for n in range(90)]
    monitor = changed([*answers, *["Label: a"] * 8, "secret: a", "I cannot say", "hm"])
    assert monitor.verdict == "refuted"
    assert cause(monitor) == (
        "likely another form of the teacher's answers, not other answers: of 101 audited answers that the bundle's steps make "
        'no label of, 98 hold one: 90 as {"intent": "LABEL"} (the step \'json?:intent\' reads it); 8 as Label: LABEL (the step '
        "'prefix:Label:' reads it)\n"
        "let the teacher answer as before, or let 'traces.labels.normalize' read this form too, and build again"
    )
    assert "secret" not in "".join(each.text for each in monitor_facts(monitor, Reading((), 0, ())))


@pytest.mark.parametrize(
    "answers",
    [["I cannot say"] * 90, ["d"] * 90, ["Label: a"] * 4, [*["Label: a"] * 40, *["I cannot say"] * 41]],
    ids=["no label", "another label", "a few", "fewer than half"],
)
def test_no_cause_is_named_where_most_answers_hold_no_label_or_few_do(answers):
    assert cause(changed(answers)) is None


def test_the_forms_are_bounded_and_the_state_remembers_them(tmp_path):
    monitor = changed([f"label {n}: a" for n in range(60)] + ["Label: a"] * 200)
    assert len(monitor.tally.answer_forms) <= 21
    assert sum(monitor.tally.answer_forms.values()) == monitor.tally.unknown == 260
    write_state(tmp_path / "state.json", monitor, [])
    again, _ = read_state(tmp_path / "state.json", reference(), None)
    assert again.tally.answer_forms == monitor.tally.answer_forms
    document = json.loads((tmp_path / "state.json").read_text())
    del document["answer_forms"]
    (tmp_path / "state.json").write_text(json.dumps(document))
    assert read_state(tmp_path / "state.json", reference(), None)[0].tally.answer_forms == {}
