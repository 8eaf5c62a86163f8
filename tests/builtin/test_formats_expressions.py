import json

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats.expressions import ExpressionError, compile_expression
from tracer_spec.errors import SpecError

NAMES = ["a", "b", "c", '"d.e"']
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "c", "d.e"]), inner, max_size=4)
    ),
    max_leaves=12,
)
records = st.dictionaries(st.sampled_from(["a", "b", "c", "d.e"]), values, max_size=4)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
alternatives = st.lists(paths, min_size=1, max_size=4)
expressions = (
    paths
    | alternatives.map(" || ".join)
    | alternatives.map(lambda each: f"not_null({', '.join(each)})")
    | st.tuples(alternatives, paths).map(lambda each: f"not_null({', '.join(each[0])}) || {each[1]}")
    | st.tuples(paths, paths, paths).map(lambda each: f"({each[0]} || {each[1]}) || {each[2]}")
    | st.tuples(paths, paths).map(lambda each: f"({each[0]} || {each[1]}).a")
)


@settings(max_examples=400, deadline=None)
@given(expressions, records)
def test_the_short_cut_for_plain_paths_gives_what_the_library_gives(expression, record):
    wanted = jmespath.search(expression, record)
    got = compile_expression(expression)(record)
    assert (type(got), got) == (type(wanted), wanted)


@pytest.mark.parametrize("expression", ["a", "a.b.c", "a || b.c", "not_null(a, b)", "not_null(a.b, c) || d"])
def test_plain_paths_and_alternatives_do_not_go_through_the_interpreter(expression, monkeypatch):
    def interpreted(*_):
        raise AssertionError("interpreted")

    monkeypatch.setattr(jmespath.visitor.TreeInterpreter, "visit", interpreted)
    compile_expression(expression)({"a": {"b": {"c": 1}}})


def test_alternatives_by_bars_pass_over_false_and_empty_and_not_null_does_not():
    record = {"a": "", "b": False, "c": 0, "d": "x"}
    assert compile_expression("a || b || c || d")(record) == 0
    assert compile_expression("not_null(missing, a, d)")(record) == ""
    assert compile_expression("not_null(b, d)")(record) is False


def test_from_json_parses_text_passes_the_rest_through_and_gives_null_for_what_is_not_json():
    get = compile_expression("from_json(body).label")
    assert get({"body": '{"label": "refund"}'}) == "refund"
    assert get({"body": {"label": "refund"}}) == "refund"
    assert get({"body": "not json"}) is None
    assert get({"body": "[" * 100_000}) is None
    assert compile_expression("from_json(body)")({"body": 3}) == 3
    assert compile_expression("from_json(body)")({}) is None


def test_the_paths_of_real_exports_work():
    record = {
        "attributes": [
            {
                "key": "gen_ai.input.messages",
                "value": {
                    "stringValue": json.dumps(
                        [
                            {"role": "system", "parts": [{"type": "text", "content": "classify"}]},
                            {"role": "user", "parts": [{"type": "text", "content": "where is my card?"}]},
                        ]
                    )
                },
            }
        ]
    }
    get = compile_expression(
        "from_json(attributes[?key=='gen_ai.input.messages'].value.stringValue | [0])[?role=='user'] | [-1]"
        ".parts[?type=='text'].content | join('\\n', @)"
    )
    assert get(record) == "where is my card?"


def test_a_function_on_a_value_it_does_not_take_raises_without_quoting_the_value():
    with pytest.raises(ExpressionError) as caught:
        compile_expression("join(',', body)", address="traces.format.text")({"body": "private text"})
    assert str(caught.value) == "traces.format.text: join() got string, takes array-string"
    with pytest.raises(ExpressionError) as caught:
        compile_expression("contains(body, `1`)", address="traces.format.where")({"body": "private text"})
    assert str(caught.value) == "traces.format.where: cannot be applied (TypeError)"


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("a-b", "'a-b' is not JMESPath: Bad jmespath expression: Unknown token '-'"),
        ("", "'' is not JMESPath: Invalid JMESPath expression: cannot be empty."),
        ("a.", "'a.' is not JMESPath: Expecting: "),
        ("join(a", "'join(a' is not JMESPath: "),
        ("(" * 5000 + "a" + ")" * 5000, "is not JMESPath: "),
        ("length(a, b)", "'length(a, b)' gives length() 2 arguments; it takes 1"),
        ("not_null()", "'not_null()' gives not_null() 0 arguments; it takes at least 1"),
        (
            "a[?fromjson(b).c == 'x']",
            "'a[?fromjson(b).c == 'x']' calls fromjson(), which does not exist; known: abs, ",
        ),
    ],
)
def test_what_is_not_jmespath_is_refused_with_its_address(expression, what):
    with pytest.raises(SpecError) as caught:
        compile_expression(expression, address="traces.format.text")
    problem = caught.value.problems[0]
    assert what in problem.what
    assert "\n" not in problem.what
    assert problem.address == "traces.format.text"


def test_a_misspelt_function_gets_a_suggestion():
    with pytest.raises(SpecError) as caught:
        compile_expression("fromjson(a)")
    assert caught.value.problems[0].hint == "did you mean 'from_json'?"
