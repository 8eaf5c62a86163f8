"""The steps that ``init`` finds in answers: by their shape, and by how few and how even the labels are."""

from __future__ import annotations

import json

import pytest

from tracer_spec.init.answers import read_answers
from tracer_spec.text_steps import ToolCall

TOPICS = ("delivery", "invoice", "login", "praise")


def answers(write, n=60):
    return [write(TOPICS[number % 4], number) for number in range(n)]


SHAPES = {
    "bare": (lambda topic, n: topic, ("strip", "first-line")),
    "explained below": (lambda topic, n: f"{topic}\nSince it says {n}.", ("strip", "first-line")),
    "explained above": (lambda topic, n: f"It says {n}.\nSo:\n{topic}", ("strip", "last-line")),
    "prefix": (lambda topic, n: f"Label: {topic}", ("strip", "first-line", "prefix:Label:", "strip")),
    "bold prefix": (lambda topic, n: f"**Topic:** {topic}", ("strip", "first-line", "prefix:**Topic:**", "strip")),
    "prefix below": (
        lambda topic, n: f"It says {n}, so I think.\nTopic: {topic}",
        ("strip", "last-line", "prefix:Topic:", "strip"),
    ),
    "capitals": (lambda topic, n: topic.title() if n % 5 else topic, ("strip", "first-line", "casefold")),
    "full stops": (
        lambda topic, n: topic if n % 5 else f'"{topic}."',
        ("strip", "first-line", "regex:^[\"'*`]*(.*?)[\"'*`.]*$"),
    ),
    "thought": (lambda topic, n: f"<think>\nIs it {n}?\n</think>\n\n{topic}", ("think", "strip", "first-line")),
    "tag": (lambda topic, n: f"I think so.\n<topic>\n{topic}\n</topic>", (r"regex:<topic>\s*(.*?)\s*</topic>",)),
    "thought before a tag": (
        lambda topic, n: f"<thinking>{n}</thinking><topic>{topic}</topic>",
        ("think", r"regex:<topic>\s*(.*?)\s*</topic>"),
    ),
    "fence": (lambda topic, n: f"```\n{topic}\n```", ("code-fence", "strip", "first-line")),
    "json": (lambda topic, n: json.dumps({"why": f"{n}", "topic": topic}), ("json:topic",)),
    "pretty json": (lambda topic, n: json.dumps({"topic": topic, "sure": n / 60}, indent=2), ("json:topic",)),
    "json in a fence": (
        lambda topic, n: f"```json\n{json.dumps({'topic': topic})}\n```",
        ("code-fence", "json:topic"),
    ),
    "json in prose": (lambda topic, n: f"Here it is: {json.dumps({'topic': topic})}", ("json:topic",)),
    "thought before json": (
        lambda topic, n: f"<think>{n}</think>{json.dumps({'topic': topic})}",
        ("think", "json:topic"),
    ),
    "nested": (lambda topic, n: {"result": {"topic": topic, "score": 0.5}}, ("json:result.topic",)),
    "numbers": (lambda topic, n: {"label": n % 4}, ("json:label",)),
    "json or bare": (
        lambda topic, n: topic if n % 5 == 0 else json.dumps({"topic": topic}),
        ("json?:topic",),
    ),
    "lists of one": (lambda topic, n: json.dumps({"topics": [topic]}), ("json:topics.0",)),
    "bare lists of one": (lambda topic, n: [topic], ("json:0",)),
    "lists of one as text": (lambda topic, n: json.dumps([topic]), ("json:0",)),
    "tool": (lambda topic, n: ToolCall("classify", {"topic": topic}), ("json:topic",)),
    "tools": (lambda topic, n: ToolCall(topic, {"order": f"{n}"}), ("tool-name",)),
    "tools without arguments": (lambda topic, n: ToolCall(topic, {}), ("tool-name",)),
}


def test_spellings_that_humans_tell_apart_stay_two_labels():
    several = ["IT", "it", "Sales", "sales", '"it"'] * 12
    assert read_answers(several, ["IT", "it", "sales"]).counts.counts == {"IT": 12, "it": 24, "Sales": 12, "sales": 12}
    assert read_answers(several, ["it", "sales", None, 3]).counts.counts == {"it": 36, "sales": 24}
    marked = ["A", "A.", "B", "B"] * 15
    assert read_answers(marked, ["A", "A.", "B"]).counts.counts == {"A": 15, "A.": 15, "B": 30}
    assert read_answers(marked, ["A", "B"]).counts.counts == {"A": 30, "B": 30}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_four_labels(shape):
    write, steps = SHAPES[shape]
    found = read_answers(answers(write))
    assert found.steps == steps
    assert not found.flaw
    assert len(found.counts.counts) == 4


def test_the_key_with_few_even_values_is_the_label_whatever_it_is_called():
    rows = answers(lambda topic, n: {"label": f"free words {n}", "q": topic, "z": "eu" if n % 20 else "us"})
    assert read_answers(rows).steps == ("json:q",)


def test_an_answer_with_more_than_the_label_has_a_template_without_what_it_said():
    found = read_answers(
        answers(lambda topic, n: json.dumps({"why": f"because {n}", "out": {"topic": topic, "ok": True}, "sure": 0.5}))
    )
    assert json.loads(found.template) == {"why": "", "out": {"topic": "{label}", "ok": False}, "sure": 1.0}
    assert read_answers(answers(lambda topic, n: json.dumps({"topic": topic}))).template == ""
    assert read_answers(answers(lambda topic, n: topic)).template == ""


def test_lists_of_labels_and_scores_are_no_labels():
    several = read_answers(answers(lambda topic, n: json.dumps({"topics": [topic, "x"]})))
    assert several.flaw == "the answers are lists of labels at 'topics'; a router gives one label"
    for bare in (lambda topic, n: [topic, "x"], lambda topic, n: json.dumps([topic, "x"])):
        found = read_answers(answers(bare))
        assert found.flaw == "the answers are lists of labels; a router gives one label"
        assert "'traces.labels.normalize: [json:0]'" in found.hint
    scores = read_answers(answers(lambda topic, n: json.dumps({"a": n % 3, "b": n % 5})))
    assert scores.flaw == (
        "the answers are JSON objects: a number under each key, and no label; keys: a (numbers), b (numbers)"
    )


def test_one_answer_in_all_is_said_to_be_one():
    assert read_answers(["default"] * 9).flaw == "all 9 answers are the same"
    assert read_answers([]).flaw == "there is no answer"
