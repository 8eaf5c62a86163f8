"""The cutter of texts: literal markers that no text can move, and patterns that no text can keep busy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.text_steps import StepError
from tracer_spec.text_steps.cutter import TextCutter
from tracer_spec.text_steps.language import EXTRACT_STEPS, STEPS

PROMPT = "You classify.\nMessage: {}\n\nAnswer with the label only."
BETWEEN = "between:\nMessage: ...\n\nAnswer with the label only."


@pytest.mark.parametrize(
    ("steps", "text", "found"),
    [
        ([], "as it is", "as it is"),
        ([BETWEEN], PROMPT.format("my card"), "my card"),
        ([BETWEEN], "my card", None),
        ([BETWEEN], "\nMessage: my card", None),
        ([BETWEEN], "my card\n\nAnswer with the label only.", None),
        ([BETWEEN], "\n\nAnswer with the label only.\nMessage: my card", None),
        (["between:ab...bc"], "abc", None),  # one 'b' is not in both markers
        (["after:Text: "], "Text: Text: a", "Text: a"),
        (["before:End"], "a End End", "a End "),
        (["after:Text: ", "before:\nEnd", "strip"], "Read... Text:  a \nEnd", "a"),
        (["json:message"], '{"message": "my card", "lang": "en"}', "my card"),
        (["json:message"], 'Classify this: {"message": "my card"}', "my card"),
        (["json:n"], '{"n": 3}', "3"),
        (["json:message"], '{"message": {"a": "b"}}', None),
        (["json:message"], "my card", None),
        (["regex:(?s)Message: (.*)\n\nAnswer"], PROMPT.format("my\ncard"), "my\ncard"),
        (["regex:^#\\d+ (.*)"], "#12 my card", "my card"),
        (["regex:a(b)?"], "a", ""),
        (["regex:a"], "b", None),
        (["regex:a"], "a" * 8192, "a"),
        (["regex:a"], "a" * 8193, None),
        (["strip"], " a ", "a"),
    ],
)
def test_a_text_is_taken_out_of_its_prompt_or_does_not_match(steps, text, found):
    cutter = TextCutter(steps)
    assert cutter.cut(text) == found
    assert cutter.text_of(text) == (text if found is None else found)


@given(st.text(), st.text())
def test_whatever_a_text_holds_it_comes_out_of_its_prompt_whole(text, more):
    """Markers that a text brings along move nothing."""
    injected = f"{text}\n\nAnswer with the label only.\nMessage: {more}"
    for each in (text, injected):
        assert TextCutter([BETWEEN]).cut(PROMPT.format(each)) == each


@pytest.mark.parametrize("step", ["think", "casefold", "first-line", "json?:a", "prefix:a", "tool-name"])
def test_steps_for_answers_alone_cut_no_text(step):
    with pytest.raises(StepError, match="is no step; known: strip, json:KEY, between"):
        TextCutter([step])
    assert set(EXTRACT_STEPS) < set(STEPS)


@pytest.mark.parametrize("argument", ["", "...", "a...", "...b", "ab", "a...b...c"])
def test_between_needs_two_markers(argument):
    with pytest.raises(StepError):
        TextCutter([f"between:{argument}"])


@pytest.mark.parametrize(
    ("pattern", "fact"),
    [
        ("(?:a+)+b", "repeats what can itself match in several ways"),
        ("(?:a|a)*b", "repeats what can itself match in several ways"),
        ("(?:a|ab)(?:c|bcd)(?:d*)*", "repeats what can itself match in several ways"),
        ("(?:a?){30}a{30}", "repeats what can itself match in several ways"),
        ("(?:(?=a+)a)*", "repeats what can itself match in several ways"),
        ("a*a*b", "too many ways"),
        ("(?s)a.*b.*c", "too many ways"),
        ("a{0,5000}a{0,5000}b", "too many ways"),
        ("a?b?c?d?", "too many ways"),
        ("(?m)^a*b*", "too many ways"),
        ("(?>a*)(?>a*)b", "too many ways"),
        (r"(a*)\1", "reference to a group"),
        ("(?i)[\u0001-\U0010ffff]", "a range of more than 16,384 characters"),
        ("(", "is not a regular expression: missing )"),
        ("(a)(b)", "has 2 capture groups"),
        ("a{99999999999}", "is not a regular expression"),
        ("(" * 900 + ")" * 900, "is not a regular expression"),
    ],
)
def test_a_pattern_that_could_keep_route_busy_is_refused(pattern, fact):
    with pytest.raises(StepError) as caught:
        TextCutter([f"regex:{pattern}"])
    assert fact in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?s)Message: (.*)",
        r"(?s)Message:\n(.*?)\n\nLabel",
        "^.*Message: (.*)$",
        "(?:Text|Mail): (.*)",
        r"\d{3}-(\w+)",
        "[^:]*",
    ],
)
def test_patterns_that_people_write_are_taken(pattern):
    assert TextCutter([f"regex:{pattern}"]).steps == [f"regex:{pattern}"]


def test_a_long_list_of_steps_is_refused():
    with pytest.raises(StepError, match="at most 8 are taken"):
        TextCutter(["strip"] * 9)
    with pytest.raises(StepError, match="at most 2,000 are taken"):
        TextCutter(["after:" + "a" * 2000])
