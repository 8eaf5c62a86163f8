import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.label_space import LabelSpace, label_space
from tracer_spec.text_steps import ToolCall
from tracer_spec.text_steps.labels import NO_LABEL, UNUSABLE, LabelCleaner

RAMBLE = "transfer_fee_charged\n\nWait, let me reconsider. Looking at the available labels more closely..."


@pytest.mark.parametrize(
    ("steps", "answer", "label"),
    [
        (["strip"], "  top_up\n", "top_up"),
        ([], " top_up", " top_up"),
        (["first-line"], RAMBLE, "transfer_fee_charged"),
        (["first-line"], "\n \r\ntop_up\r\nmore", "top_up"),
        (["casefold"], "Top_UP", "top_up"),
        (["casefold"], "STRASSE", "strasse"),
        (["code-fence", "strip"], "```json\ntop_up\n```", "top_up"),
        (["code-fence", "strip"], "```\ntop_up\n```", "top_up"),
        (["code-fence", "strip"], "```top_up```", "top_up"),
        (["code-fence", "strip"], "Here it is:\n```text\ntop_up\n```\nAnything else?", "top_up"),
        (["code-fence", "strip"], "```json\ntop_up", "top_up"),
        (["code-fence", "strip"], "``` two words\nmore ```", "two words\nmore"),
        (["code-fence"], "top_up", "top_up"),
        (["json:intent"], '{"intent": "top_up"}', "top_up"),
        (["json:intent"], {"intent": "top_up"}, "top_up"),
        (["json:a.b"], '{"a": {"b": "top_up"}}', "top_up"),
        (["json:a"], '{"a": 3}', "3"),
        (["json:a"], '{"a": false}', "false"),
        (["json:a", "json:b"], {"a": '{"b": "top_up"}'}, "top_up"),
        (
            ["code-fence", "json:intent", "strip", "casefold"],
            '```json\n{"intent": " Top_Up "}\n```',
            "top_up",
        ),
        (["strip", "json:intent"], {"intent": "top_up"}, "top_up"),
        (["last-line"], "It is about money.\n\ntop_up\n \n", "top_up"),
        (["prefix:Label:", "strip"], "\n Label: top_up", "top_up"),
        (["prefix:Label:", "strip"], "top_up", "top_up"),
        (["after:Label:", "strip"], "Money. Label: top_up", "top_up"),
        (["before:("], "top_up(sure)(very)", "top_up(sure)"),
        (["between:<label>...</label>"], "So: <label>top_up</label>.", "top_up"),
        (["json:a"], 'Here is the JSON: {"a": "top_up"} as asked.', "top_up"),
        (["json:a"], 'As {this}:\n```json\n{"a": "top_up"}\n```', "top_up"),
        (["json:a"], 'First {"a": "card"}, but no: {"a": "top_up"}. {"b": 1}', "top_up"),
        (["json:a"], '{"b": {"a": "card"}, "a": "top_up"}', "top_up"),
        (["json:a"], "{'a': 'top_up'}", "top_up"),
        (["json:a"], "The answer is {'a': \"top_up\", 'why': 'it says {top up}', 'sure': True}.", "top_up"),
        (["json:a"], "{'a': True}", "true"),
        (["json:a"], r"""{'b': None, 'a': 'it\'s a "top\x2dup" \d\\', }""", 'it\'s a "top-up" \\d\\'),
        (["json:a"], "{'b': (1, [2, 3],), 'a': 'None, (True)'}", "None, (True)"),
        (["json:a"], '{"a": "top\nup"}', "top\nup"),
        (["json:a"], '"{\\"a\\": \\"top_up\\"}"', "top_up"),
        (["json:a.1"], '{"a": ["card", "top_up"]}', "top_up"),
        (["json:0.a"], '[{"a": "top_up"}]', "top_up"),
        (["json:a"], '"a": "top_up"}', "top_up"),
        (["json:a.b"], ' "c": 1, "a": {"b": "top_up"}}\n', "top_up"),
        (["json:a"], '{"a": 1e3}', "1000.0"),
        (["json?:a"], '{"a": "top_up"}', "top_up"),
        (["json?:a"], "top_up", "top_up"),
        (["json?:a"], "{top_up}", "{top_up}"),
        (["json?:a"], "7", "7"),
        (["tool-name"], ToolCall("top_up", {"amount": 3}), "top_up"),
        (["json:amount"], ToolCall("top_up", {"amount": 3}), "3"),
        (["think", "strip"], "<think>\nrefund or\ntop_up?\n</think>\n\ntop_up", "top_up"),
        (["think", "strip"], "the opening is in the prompt\n</think>\ntop_up", "top_up"),
        (["think", "strip"], "<THINKING>a</THINKING>top_<reasoning>b</reasoning>up", "top_up"),
        (["think", "strip"], "\u25c1think\u25b7a\u25c1/think\u25b7top_up", "top_up"),
        (["think", "strip"], "<think>a</think>top_up <think>", "top_up <think>"),
        (["think"], "top_up", "top_up"),
        (["strip"], "none", "none"),
        (["strip"], "[spam]", "[spam]"),
        ([r"regex:label:\s*(\w+)"], "The label: top_up, I think", "top_up"),
        ([r"regex:[a-z]+_[a-z]+"], "-> top_up <-", "top_up"),
        ([], 7, "7"),
        ([], 0.5, "0.5"),
        ([], True, "true"),
        ([], "no", "no"),
    ],
)
def test_steps_turn_answers_into_labels(steps, answer, label):
    assert LabelCleaner(steps).clean(answer) == (label, "")


@pytest.mark.parametrize(
    ("steps", "answer", "reason"),
    [
        (["strip"], None, "no label"),
        (["strip"], float("nan"), "no label"),
        (["json:a"], None, "no label"),
        (["strip"], "", "empty label"),
        ([], " \n", "empty label"),
        (["code-fence"], "```json\n```", "empty label"),
        (["regex:x(.*)"], "x", "empty label"),
        (["regex:x(a)?"], "x", "empty label"),
        (["json:intent"], "top_up", "label not parsable"),
        (["json:intent"], '{"intent": null}', "label not parsable"),
        (["json:intent"], '{"other": "x"}', "label not parsable"),
        (["json:intent"], '["top_up"]', "label not parsable"),
        (["json:intent"], 7, "label not parsable"),
        (["json:a.b"], '{"a": "b"}', "label not parsable"),
        (["json:a"], "[" * 100_000, "label not parsable"),
        (["json:a"], '"a": "top_up"', "label not parsable"),
        ([r"regex:\d+"], "none", "label not parsable"),
        (["strip"], {"intent": "top_up"}, "label is an object"),
        (["json:a"], {"a": ["x"]}, "several labels"),
        ([], ["top_up"], "several labels"),
        (["strip"], '["top_up", "card"]', "several labels"),
        (["strip"], "['top_up', 'card']", "several labels"),
        (["json:intents"], 'I see two: {"intents": ["top_up", "card"]}', "several labels"),
        (["json:intents"], "{'intents': ('top_up', 'card')}", "several labels"),
        (["json:intent"], '[{"intent": "top_up"}, {"intent": "card"}]', "label not parsable"),
        (["strip"], "None", "label is None or null"),
        ([], "null\n", "label is None or null"),
        (["strip", "casefold"], " None", "label is None or null"),
        (["json:a"], '{"a": "None"}', "label is None or null"),
        (["think", "strip"], "<think>Is it a refund? It may be", "label not parsable"),
        (["think", "strip"], "<think>Nothing fits.</think>", "empty label"),
        (["json?:a"], '{"b": "x"}', "label not parsable"),
        (["tool-name"], "top_up", "label not parsable"),
        (["tool-name"], {"intent": "top_up"}, "label not parsable"),
        (["between:<a>...</a>"], "<a>top_up", "label not parsable"),
        ([], "\ud83d", "label is not valid Unicode"),
    ],
)
def test_what_is_no_label_comes_with_its_reason(steps, answer, reason):
    assert LabelCleaner(steps).clean(answer) == (UNUSABLE, reason)


@pytest.mark.parametrize("name", ["None", "null", '["a", "b"]'])
def test_a_name_that_the_spec_knows_is_a_label_however_it_looks(name):
    assert LabelCleaner(["strip"], {}, [name]).clean(f" {name}") == (name, "")
    assert LabelCleaner(["strip"], {name: "other"}).clean(name) == ("other", "")


numbers = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
data = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip()), data)
def test_what_python_prints_of_an_object_is_read_as_what_json_writes_of_it(label, more):
    answer = {"more": more, "label": label}
    cleaner = LabelCleaner(["json:label"])
    if len(repr(answer)) < 2000:
        assert cleaner.clean(repr(answer)) == cleaner.clean(json.dumps(answer)) == cleaner.clean(answer)


def test_an_answer_full_of_braces_takes_no_time_of_its_square():
    answer = "{" * 1_000_000 + '{"a": "top_up"}'
    assert LabelCleaner(["json:a"]).clean(answer) == (UNUSABLE, "label not parsable")


def test_steps_apply_in_the_order_listed():
    assert LabelCleaner(["first-line", "regex:b.*"]).clean("a b\nb c") == ("b", "")
    assert LabelCleaner(["regex:b.*$", "first-line"]).clean("a b\nb c") == ("b c", "")


def test_aliases_apply_once_and_after_the_steps():
    cleaner = LabelCleaner(["strip"], {"top-up": "top_up", "top_up": "other"})
    assert cleaner.clean(" top-up ") == ("top_up", "")
    assert cleaner.clean("top_up") == ("other", "")


def test_casefold_gives_back_the_spelling_of_the_list_and_finds_aliases_of_any_case():
    cleaner = LabelCleaner(["casefold"], {"Top-Up": "TopUp"}, ["TopUp", "Refund"])
    assert [cleaner.clean(answer)[0] for answer in ("TOPUP", "top-UP", "refund", "Other")] == [
        "TopUp",
        "TopUp",
        "Refund",
        "other",
    ]
    assert LabelCleaner(["casefold"], {"Top-Up": "TopUp"}).clean("TOP-UP") == ("topup", "")


@pytest.mark.parametrize("listed", ["caf\u00e9", "cafe\u0301"])
@pytest.mark.parametrize("answer", ["caf\u00e9", "cafe\u0301", '{"a": "cafe\\u0301"}'])
def test_labels_that_unicode_writes_in_two_ways_are_one_label(listed, answer):
    steps = ["json:a"] if answer.startswith("{") else ["strip"]
    assert LabelCleaner(steps).clean(answer) == ("caf\u00e9", "")
    assert LabelCleaner(steps, {}, [listed]).clean(answer) == (listed, "")
    assert LabelCleaner([*steps, "casefold"], {}, [listed.upper()]).clean(answer) == (listed.upper(), "")
    assert LabelCleaner(steps, {listed: "bar"}).clean(answer) == ("bar", "")
    assert (
        LabelCleaner(steps, {"bar": listed}).clean('{"a": "bar"}' if steps == ["json:a"] else "bar")[0] == "caf\u00e9"
    )
    assert LabelCleaner(["regex:^caf\u00e9$"]).clean("cafe\u0301") == ("caf\u00e9", "")


def test_a_label_listed_in_two_forms_is_listed_twice():
    with pytest.raises(SpecError, match="a label is listed twice"):
        LabelCleaner(allowed=["caf\u00e9", "cafe\u0301"])


def test_an_answer_gives_the_same_label_the_second_time():
    cleaner = LabelCleaner(["strip"])
    assert [cleaner.clean(answer) for answer in (" a", " a", "", "")] == [("a", "")] * 2 + [("", "empty label")] * 2


def test_a_human_label_goes_through_the_same_steps_but_need_not_be_wrapped_like_the_teachers():
    cleaner = LabelCleaner(["json:intent", "casefold"], {"top-up": "top_up"})
    assert cleaner.clean_truth('{"intent": "TOP-UP"}') == "top_up"
    assert cleaner.clean_truth(" Top-Up ") == "top_up"
    assert cleaner.clean_truth(3) == "3"
    assert [cleaner.clean_truth(value) for value in (None, "", " ", [], {"a": 1}, "\ud83d")] == [None] * 6


@pytest.mark.parametrize(
    ("settings", "address", "what", "hint"),
    [
        (
            {"normalize": ["strip", "frist-line"]},
            "traces.labels.normalize[1]",
            "'frist-line' is no step; known: strip, first-line, last-line, casefold, code-fence, think, tool-name, json:KEY, "
            "json?:KEY, prefix:TEXT, join:TEXT, between:START...END, after:TEXT, before:TEXT, regex:PATTERN",
            "did you mean 'first-line'?",
        ),
        (
            {"normalize": ["json:"]},
            "traces.labels.normalize[0]",
            "'json:' has nothing after the colon",
            "write json:KEY",
        ),
        ({"normalize": ["regex:("]}, "traces.labels.normalize[0]", "'regex:(' is not a regular expression: ", ""),
        ({"normalize": ["strip:x"]}, "traces.labels.normalize[0]", "'strip:x' is no step; known: ", "write strip"),
        ({"normalize": ["json"]}, "traces.labels.normalize[0]", "'json' is no step; known: ", "write json:KEY"),
        (
            {"allowed": []},
            "traces.labels.allowed",
            "no label is allowed",
            "list the labels, or 'allowed: infer'",
        ),
        ({"allowed": ["a", "b", "a"]}, "traces.labels.allowed", "a label is listed twice: a", ""),
        (
            {"allowed": ["Top", "top"], "normalize": ["casefold"]},
            "traces.labels.allowed",
            "a label is listed twice: top",
            "the step 'casefold' makes labels equal that differ by case",
        ),
        ({"allowed": ["a", " "]}, "traces.labels.allowed", "a label is blank", ""),
        (
            {"allowed": ["top_up"], "aliases": {"topup": "top_op"}},
            "traces.labels.aliases",
            "'topup' stands for 'top_op', which is not in allowed",
            "did you mean 'top_up'?",
        ),
        ({"aliases": {"x": ""}}, "traces.labels.aliases", "'x' stands for '', which is blank", ""),
    ],
)
def test_settings_that_make_no_sense_are_errors(settings, address, what, hint):
    with pytest.raises(SpecError) as caught:
        LabelCleaner(**settings)
    problem = caught.value.problems[0]
    assert problem.address == address
    assert problem.what.startswith(what)
    assert problem.hint == hint


steps = st.lists(
    st.sampled_from(["strip", "first-line", "casefold", "code-fence", "json:a", "json:a.b", r"regex:(\w+)", "regex:."]),
    max_size=4,
)
answers = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["```json\na\n```"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=5,
)
wrapped = answers | answers.map(lambda value: json.dumps(value))


@settings(max_examples=400, deadline=None)
@given(steps, wrapped)
def test_any_answer_gives_either_a_label_that_can_be_written_or_a_reason(normalize, answer):
    label, reason = LabelCleaner(normalize).clean(answer)
    assert (label == UNUSABLE) == (reason != "")
    assert (reason == NO_LABEL) == (answer is None or answer != answer)
    if label:
        assert label.strip()
        label.encode()


def test_labels_are_numbered_in_the_order_of_the_list_and_others_are_minus_one():
    space = label_space(("b", "a"), ["c", "a"])
    assert space.labels == ("b", "a")
    codes = space.encode(["a", "b", "c", UNUSABLE])
    assert codes.dtype == np.int64
    assert codes.tolist() == [1, 0, -1, -1]
    assert len(space) == 2


def test_inferred_labels_are_those_given_sorted_without_what_is_no_label():
    assert label_space(None, ["b", UNUSABLE, "a", "b"]).labels == ("a", "b")
    assert LabelSpace(()).encode([]).shape == (0,)


def test_no_usable_label_at_all_is_an_error():
    with pytest.raises(DataError) as caught:
        label_space(None, [UNUSABLE])
    assert str(caught.value) == (
        "traces.labels\n  no fit row has a usable label\n  hint: look at 'traces.labels.normalize', or list the labels"
    )


def test_a_list_that_no_answer_is_on_is_an_error_that_shows_answers():
    with pytest.raises(DataError) as caught:
        label_space(("card", "loan"), ["Card!", "Loan:\nsure", UNUSABLE])
    assert str(caught.value) == (
        "traces.labels\n  no fit row has an allowed label; the teacher answered, for instance, 'Card!', 'Loan: sure'\n"
        "  hint: look at 'traces.labels.allowed', and at 'normalize' and 'aliases' beside it"
    )


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("pin blocked", "pin_blocked"),
        ("pin - blocked", "pin_blocked"),
        ("pin__blocked", "pin_blocked"),
        ("-1", "-1"),
        ("C++ ", "C++ "),
        ("A-", "A-"),
    ],
)
def test_words_of_a_label_are_joined_and_signs_stay(answer, label):
    assert LabelCleaner(["join:_"]).clean(answer) == (label, "")
