"""The inverse of steps: an answer of which they make the label again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.text_steps.inverse import as_answer_text, before_steps
from tracer_spec.text_steps.labels import LabelCleaner

STEPS = {
    "strip": "strip",
    "first-line": "first-line",
    "last-line": "last-line",
    "think": "think",
    "code-fence": "code-fence",
    "prefix:Label: ": "prefix",
    "after:Label: ": "after",
    "before: END": "before",
    "between:<a>...</a>": "between",
    "json:intent": "json",
    "json:a.b": "json",
    "json?:intent": "json",
    "json:labels.0": "json",
}
labels = st.from_regex(r"\A[a-z]+(?:[_ ]?[a-z0-9é]+)*\Z").filter(lambda label: label not in ("null", "none"))


@given(st.lists(st.sampled_from(list(STEPS)), max_size=4), labels)
def test_the_steps_make_the_label_of_the_answer(steps, label):
    if steps.count("json?:intent") and any(each.startswith("json:") for each in steps):
        steps = [each for each in steps if each != "json?:intent"]  # it takes any object, also those of others
    answer = as_answer_text(before_steps(steps, label)[0])
    assert LabelCleaner(steps).clean(answer) == (label, "")


@given(st.lists(st.sampled_from(list(STEPS)), max_size=4), labels)
def test_the_steps_make_the_label_of_the_arguments_of_a_call(steps, label):
    if not any(each.startswith("json") for each in steps):
        return
    answer = before_steps(steps, label, as_call=True)[0]
    if isinstance(answer, dict):
        assert LabelCleaner(steps).clean(answer) == (label, "")


def test_a_tool_by_the_labels_name_is_called():
    call = before_steps(["tool-name", "strip"], "refund")[0]
    assert (call.tool, dict(call)) == ("refund", {})
    assert LabelCleaner(["tool-name"]).clean(call) == ("refund", "")


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        ("Label: (.+)", "Label: refund"),
        (r"^Label:\s*(\w+)\.?$", "Label:refund"),
        (r"label is (\w+)", "label is refund"),
        (r"(?i)answer=(\w+);", "answer=refund;"),
        (r"[a-z_]+", "refund"),
        (r"(?:Label|Intent): (\w+)", "Label: refund"),
        (r"Label:\s+(\w+)", "Label: refund"),
    ],
)
def test_what_stands_around_the_group_of_a_pattern_is_written(pattern, answer):
    steps = [f"regex:{pattern}"]
    assert before_steps(steps, "refund")[0] == answer
    assert LabelCleaner(steps).clean(answer) == ("refund", "")
