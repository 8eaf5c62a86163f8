"""The steps that ``init`` finds in answers: by their shape, and by how few and how even the labels are."""

from __future__ import annotations

import json

import pytest

from tracer_spec.init.answers import read_answers
from tracer_spec.text_steps import ToolCall
from tracer_spec.text_steps.inverse import before_steps
from tracer_spec.text_steps.labels import LabelCleaner
from tracer_spec.text_steps.patterns import check_step_cost

TOPICS = ("delivery", "invoice", "login", "praise")


def answers(write, n=60):
    return [write(TOPICS[number % 4], number) for number in range(n)]


SHAPES = {
    "bare": (lambda topic, n: topic, ("strip", "first-line")),
    "explained below": (lambda topic, n: f"{topic}\nSince it says {n}.", ("strip", "first-line")),
    "explained above": (lambda topic, n: f"It says {n}.\nSo:\n{topic}", ("strip", "last-line")),
    "under DSPy's marks": (
        lambda topic, n: f"[[ ## why ## ]]\nIt says {n}.\n\n[[ ## label ## ]]\n{topic}\n\n[[ ## completed ## ]]",
        (r"regex:(?s)^.*\[\[ ## label ## \]\](.*)", r"regex:(?s)^(.*?)(?:\Z|\[\[ ?##)", "strip"),
    ),
    "prefix": (lambda topic, n: f"Label: {topic}", ("strip", "first-line", "prefix:Label:", "strip")),
    "prefix now and then": (
        lambda topic, n: topic if n % 9 else f"Label: {topic}",
        ("strip", "first-line", "prefix:Label:", "strip"),
    ),
    "bold prefix": (lambda topic, n: f"**Topic:** {topic}", ("strip", "first-line", "prefix:**Topic:**", "strip")),
    "prefix below": (
        lambda topic, n: f"It says {n}, so I think.\nTopic: {topic}",
        ("strip", "last-line", "prefix:Topic:", "strip"),
    ),
    "capitals": (lambda topic, n: topic.title() if n % 5 else topic, ("strip", "first-line", "casefold")),
    "full stops": (
        lambda topic, n: topic if n % 5 else f'"{topic}."',
        ("strip", "first-line", "regex:^[\"'*`]{0,3}(.*?)[\"'*`.]*$"),
    ),
    "full stops alone": (
        lambda topic, n: f"**{topic}**.",
        ("strip", "first-line", "regex:^[\"'*`]{0,3}(.*?)[\"'*`.]*$"),
    ),
    "prefix and full stops alone": (
        lambda topic, n: f"Topic: {topic}.",
        ("strip", "first-line", "prefix:Topic:", "strip", "regex:^[\"'*`]{0,3}(.*?)[\"'*`.]*$"),
    ),
    "json with full stops alone": (
        lambda topic, n: json.dumps({"topic": f"{topic}."}),
        ("json:topic", "regex:^[\"'*`]{0,3}(.*?)[\"'*`.]*$"),
    ),
    "blanks and underscores": (
        lambda topic, n: f"the{'_' if n % 9 else ' '}{topic}",
        ("strip", "first-line", "join:_"),
    ),
    "underscores and blanks": (
        lambda topic, n: f"the{' ' if n % 9 else '-'}{topic}",
        ("strip", "first-line", "join: "),
    ),
    "thought": (lambda topic, n: f"<think>\nIs it {n}?\n</think>\n\n{topic}", ("think", "strip", "first-line")),
    "tag": (lambda topic, n: f"I think so.\n<topic>\n{topic}\n</topic>", ("regex:<topic>([^<]*)</topic>", "strip")),
    "thought before a tag": (
        lambda topic, n: f"<thinking>{n}</thinking><topic>{topic}</topic>",
        ("think", "regex:<topic>([^<]*)</topic>", "strip"),
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
    "json in capitals": (
        lambda topic, n: json.dumps(
            {"topic": f"The {topic.title()}" if n % 9 == 0 else f"the_{topic}", "sure": n / 60}
        ),
        ("json:topic", "casefold", "join:_"),
    ),
    "json or bare, in capitals": (
        lambda topic, n: topic if n % 5 == 0 else json.dumps({"topic": topic.title() if n % 7 == 0 else topic}),
        ("json?:topic", "casefold"),
    ),
    "json with full stops": (
        lambda topic, n: json.dumps({"topic": topic if n % 5 else f"{topic}."}),
        ("json:topic", "regex:^[\"'*`]{0,3}(.*?)[\"'*`.]*$"),
    ),
    "lists of one in capitals": (
        lambda topic, n: {"topics": [topic if n % 5 else topic.upper()]},
        ("json:topics.0", "casefold"),
    ),
    "bare lists of one in capitals": (lambda topic, n: [topic if n % 5 else topic.upper()], ("json:0", "casefold")),
    "tool in capitals": (
        lambda topic, n: ToolCall("classify", {"topic": topic if n % 5 else topic.upper()}),
        ("json:topic", "casefold"),
    ),
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


def test_marks_that_humans_write_too_stay():
    assert read_answers(["A.", "B."] * 30, ["A.", "B.", None]).counts.counts == {"A.": 30, "B.": 30}
    assert read_answers(["A.", "B."] * 30, ["A", "B", None]).counts.counts == {"A": 30, "B": 30}


@pytest.mark.parametrize("form", ["**{label}**.", "Topic: {label}.", '"{label}"', '{"topic": "{label}."}'])
def test_marks_around_every_label_are_offered_for_the_routers_own_answers(form):
    assert read_answers(answers(lambda topic, n: form.replace("{label}", topic))).template == form
    assert not read_answers(answers(lambda topic, n: topic)).template


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_four_labels(shape):
    write, steps = SHAPES[shape]
    found = read_answers(answers(write))
    assert found.steps == steps
    assert not found.flaw
    assert len(found.counts.counts) == 4


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bundle_can_carry_the_steps_of_every_shape(shape):
    for step in read_answers(answers(SHAPES[shape][0])).steps:
        check_step_cost(step)


@pytest.mark.parametrize("dressed", ["login.", '"login"', "**login**", "**`login`**", "'login'.", "```login```"])
def test_quotes_and_marks_around_a_label_come_off(dressed):
    found = read_answers(answers(lambda topic, n: topic if n % 5 else dressed if topic == "login" else f"{topic}."))
    assert LabelCleaner(found.steps).clean(dressed) == ("login", "")


def test_the_key_with_few_even_values_is_the_label_whatever_it_is_called():
    rows = answers(lambda topic, n: {"label": f"free words {n}", "q": topic, "z": "eu" if n % 20 else "us"})
    assert read_answers(rows).steps == ("json:q",)


def test_spellings_of_answers_in_json_that_humans_tell_apart_stay_two_labels_and_keep_their_template():
    def write(topic):
        return json.dumps({"team": topic, "sure": 0.5})

    several = [write(team) for team in ["IT", "it", "Sales", "sales"] * 12]
    assert read_answers(several, ["IT", "it", "sales"]).counts.counts == {"IT": 12, "it": 12, "Sales": 12, "sales": 12}
    merged = read_answers(several, ["it", "sales"])
    assert merged.counts.counts == {"it": 24, "sales": 24}
    assert json.loads(merged.template) == {"team": "{label}", "sure": 1.0}


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


def test_answers_that_differ_below_one_first_line_are_said_to_do_so_with_the_way_out():
    read = read_answers(answers(lambda topic, n: f"Answer follows\n\n'{topic}'\n\nend"))
    assert read.flaw == "the first lines of 60 answers are the same, and the answers differ"
    assert read.hint == (
        "have the LLM write the label alone, or in its first or last line; or write a spec whose steps read it: "
        "'traces.labels.normalize: [\"regex:PATTERN\"]'"
    )
    marked = read_answers(answers(lambda topic, n: f"<why>{topic}</why><label>same</label>"))
    assert marked.flaw == "60 answers give the same label"
    assert read_answers(["default", " default\n"] * 9).flaw == "all 18 answers are the same"


def test_a_first_part_now_and_then_that_does_not_say_that_a_label_follows_stays_part_of_the_label():
    read = read_answers(answers(lambda topic, n: topic if n % 9 else f"urgent: {topic}"))
    assert read.steps == ("strip", "first-line")
    assert read.counts.counts["urgent: delivery"] == 2


MARKED = {
    "in brackets": lambda topic, n: f"[[ ## label ## ]]\n[{topic}]\n\n[[ ## completed ## ]]",
    "before the end": lambda topic, n: f"[[ ## why ## ]] {n} [[ ## label ## ]] [{topic}]",
    "after a text that names the mark": lambda topic, n: (
        f"[[ ## why ## ]]\nIt asks for [[ ## label ## ]] maybe.\n\n[[ ## label ## ]]\n[{topic}]\n\n[[ ## completed ## ]]"
    ),
    "under marks of two spellings": lambda topic, n: (
        f"[[ ## label ## ]]\n[{topic}]\n\n[[ ## completed ## ]]" if n % 3 else f"[[ ## Label ##]]\n[{topic}]"
    ),
    "between spaces left out": lambda topic, n: f"[[## label ##]]\n[{topic}]\n[[## completed ##]]",
}


@pytest.mark.parametrize("where", MARKED)
def test_the_last_field_under_a_mark_is_the_label_whatever_it_holds(where):
    found = read_answers(answers(MARKED[where]))
    assert found.counts.counts == {f"[{topic}]": 15 for topic in TOPICS}
    for step in found.steps:
        check_step_cost(step)


@pytest.mark.parametrize("where", MARKED)
def test_a_router_answers_under_the_mark_that_most_answers_have(where):
    found = read_answers(answers(MARKED[where]))
    (answer, *_) = before_steps(found.steps, "[login]")
    assert answer == ("[[## label ##]][login]" if "left out" in where else "[[ ## label ## ]][login]")
    assert LabelCleaner(found.steps).clean(answer) == ("[login]", "")


def test_a_truncated_answer_under_marks_is_no_label():
    steps = read_answers(answers(MARKED["in brackets"])).steps
    assert LabelCleaner(steps).clean("[[ ## why ## ]]\nIt says") == ("", "label not parsable")
    assert LabelCleaner(steps).clean("[[ ## label ## ]]\n") == ("", "empty label")
