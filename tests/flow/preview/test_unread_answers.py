"""Answers that give no label are told first, and the steps that would read them are found by trying them."""

import json
from dataclasses import replace

import pytest

from tests.flow.trace_sets import trace_set
from tracer_spec.flow.preview.unread_answers import unread_answers
from tracer_spec.text_steps import ToolCall
from tracer_spec.text_steps.labels import LabelCleaner

LABELS = ("refund", "card", "balance", "other")


def fit_rows(answers, normalize=("strip",)):
    cleaned = [LabelCleaner(normalize).clean(answer) for answer in answers]
    return trace_set(
        [f"text {row}" for row in range(len(answers))],
        [label for label, _ in cleaned],
        flaws={row: flaw for row, (_, flaw) in enumerate(cleaned) if flaw},
        answers=dict(enumerate(answers)),
    )


def found(answers, normalize=("strip",), allowed=None):
    return unread_answers(fit_rows(answers, normalize), normalize, allowed)


def answers(form, n=60):
    """Return answers in a form, each with words of its own."""
    return [form(LABELS[row % 4], f"words {row}") for row in range(n)]


@pytest.mark.parametrize(
    ("form", "normalize", "steps"),
    [
        (lambda label, words: f"<think>{words}</think>\n\n{label}", ("strip",), ("think", "strip")),
        (lambda label, words: f"<think>{words}</think>{label}", ("strip", "first-line"), ("think", "strip")),
        (lambda label, _: json.dumps({"intent": label}), ("json:label",), ("json:intent", "strip")),
        (lambda label, words: json.dumps({"why": words, "intent": label}), ("strip",), ("json:intent", "strip")),
        (lambda label, _: {"out": {"intent": label}}, ("strip",), ("json:out.intent", "strip")),
        (lambda label, words: f"{words}: {{'intent': '{label}'}}", ("json:label",), ("json:intent", "strip")),
        (lambda label, _: label if label == "card" else f'{{"a": "{label}"}}', ("json:b",), ("json?:a", "strip")),
        (lambda label, words: f"{words}\nI thought\n{label}", ("strip",), ("last-line", "strip")),
        (lambda label, words: f"{label}\n\nFor it says {words}.", ("strip",), ("first-line", "strip")),
        (lambda label, words: f"{words}\n```\n{label}\n```", ("strip",), ("code-fence", "strip")),
        (lambda label, _: f"Label: {label}", (r"regex:^\w+$",), ("prefix:Label:", "strip")),
        (lambda label, _: ToolCall(label, {"sure": True}), ("json:intent",), ("tool-name",)),
        (lambda label, _: f"{label.upper()} ", (r"regex:^\d+$", "casefold"), ("strip", "casefold")),
    ],
)
def test_the_steps_that_read_the_answers_are_named(form, normalize, steps):
    told = found(answers(form), normalize)
    assert told.headline
    assert told.steps == steps
    assert f"'traces.labels.normalize: {json.dumps(steps)}'" in told.notes[0]
    cleaner = LabelCleaner(steps)
    assert {cleaner.clean(answer)[0] for answer in answers(form)} == set(LABELS)


def test_of_several_sources_the_steps_belong_to_the_one_that_the_answers_come_from():
    told = replace(found(answers(lambda label, _: json.dumps({"intent": label})), ("json:label",)), is_of_several=True)
    steps = (
        'these steps would read them: \'labels.normalize: ["json:intent", "strip"]\' of the source that they come from'
    )
    assert told.notes[0].endswith(f"{steps}, since each source has its own")


def test_a_prefix_is_taken_off_where_a_list_says_what_is_a_label():
    told = found(answers(lambda label, _: f"Label: {label}"), allowed=LABELS)
    assert (told.n, told.headline, told.steps) == (60, "100 % of the answers give no label", ("prefix:Label:", "strip"))


def test_a_few_answers_without_a_label_are_no_headline():
    given = answers(lambda label, _: label)
    assert found(given).headline == ""
    assert found(given[:48] + [""] * 12).headline == ""
    assert found(given[:47] + [""] * 13).headline == "22 % of the answers give no label"


def test_the_commonest_of_such_answers_are_shown_on_one_line_and_cut():
    rambling = "I am not able to help with that, for " + "reasons " * 20 + "\n" + "and reasons " * 20
    told = found([*answers(lambda label, _: label)[:20], *[rambling] * 25, *["\x1b[2J"] * 5], ("regex:^\\w+$",))
    assert told.headline == "60 % of the answers give no label"
    assert told.commonest[rambling] == 25
    assert told.notes[0] == (
        "60 % of the answers give no label, as 'I am not able to help with that, for reasons reasons reason…' 25, "
        "'?[2J' 5: look at 'traces.labels.normalize'"
    )


def test_many_labels_on_few_rows_are_labels_as_long_as_they_look_like_it():
    assert found([f"intent_{n}" for n in range(60)]).headline == ""
    told = found([f"It seems to me that this request is one for the team that knows of case {n}" for n in range(60)])
    assert (told.headline, told.steps) == ("the answers to 60 fit rows give 60 different labels", ())


def test_labels_that_no_other_row_has_are_told_with_what_most_likely_happened():
    (note,) = found([f"id-{n:05}" for n in range(60)]).notes
    assert note == (
        "no label occurs twice among 60 fit rows: no surrogate learns such a label, and each like it among certify rows is a "
        "disagreement. Most likely 'traces.format.label' reads an id or free text, or a step that takes the label out of the "
        "answer is missing; where these are labels, collect more traces of each"
    )
    (note,) = found([*(f"id-{n:05}" for n in range(31)), *["none"] * 29]).notes
    assert note.startswith("31 of 60 fit rows have a label that no other fit row has: no surrogate learns")
    several = replace(found([f"id-{n:05}" for n in range(60)]), is_of_several=True)
    assert "Most likely 'format.label' reads" in several.notes[0]
    assert found([*(f"id-{n:05}" for n in range(30)), *["none"] * 30]).notes == ()
    assert found([f"id-{n:05}" for n in range(19)]).notes == ()


def test_lists_of_labels_and_words_for_nothing_are_told_with_what_to_do():
    given = answers(lambda label, _: label)[:57]
    assert found([*given, ["a", "b"], "None", "None"]).notes == (
        "1 answer with a list of labels: a router gives one label; ask the teacher for one, or take one of the list by its "
        "place, as 'json:labels.0' does",
        "2 answers with nothing but the word None or null, which is no label; where it is one, name it in "
        "'traces.labels.allowed' or 'traces.labels.aliases'",
    )
