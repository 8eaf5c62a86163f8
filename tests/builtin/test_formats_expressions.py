import json
from pathlib import Path

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats import PRESETS
from tracer_spec.errors import SpecError
from tracer_spec.expressions.functions import FUNCTIONS
from tracer_spec.expressions.language import ExpressionError, compile_expression

SAMPLES = Path(__file__).parent / "formats_data"
LIBRARY_FUNCTIONS = jmespath.functions.Functions()
LIBRARY_FUNCTIONS.FUNCTION_TABLE = LIBRARY_FUNCTIONS.FUNCTION_TABLE | {
    name: {"function": lambda _, value, each=each: each(value), "signature": [{"types": []}]}
    for name, each in FUNCTIONS.items()
}

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


@settings(max_examples=150, deadline=None)
@given(expressions, records)
def test_the_short_cut_for_plain_paths_gives_what_the_library_gives(expression, record):
    wanted = jmespath.search(expression, record)
    got = compile_expression(expression)(record)
    assert (type(got), got) == (type(wanted), wanted)


terms = st.recursive(
    paths
    | st.sampled_from(["@", "`0`", "`1`", "`true`", "`null`", "`[]`", "'x'", '`"a"`', "a[*]", "[0]", "a[-1]", "c[1:]"]),
    lambda inner: (
        st.tuples(inner, inner, st.sampled_from(["||", "&&", "|", "==", "!=", "<", ">="])).map(
            lambda each: f"({each[0]} {each[2]} {each[1]})"
        )
        | inner.map(lambda each: f"(!{each})")
        | st.tuples(inner, st.sampled_from(["[]", "[*]", ".*", "[0]", "[*].a", "[].b.c", ".a", "[*][0]"])).map(
            lambda each: f"({each[0]}){each[1]}"
        )
        | st.tuples(paths, inner, paths).map(lambda each: f"{each[0]}[?{each[1]}].{each[2]}")
        | st.tuples(inner, inner).map(lambda each: f"[{each[0]}, {each[1]}]")
        | st.tuples(inner, inner).map(lambda each: f"{{a: {each[0]}, b: {each[1]}}}")
        | st.tuples(st.sampled_from(["not_null", "contains", "join", "merge", "map"]), inner, inner).map(
            lambda each: f"{each[0]}({'&' if each[0] == 'map' else ''}{each[1]}, {each[2]})"
        )
        | st.tuples(st.sampled_from(["length", "to_string", "type", "keys", "sum", "to_array"]), inner).map(
            lambda each: f"{each[0]}({each[1]})"
        )
    ),
    max_leaves=6,
)


def outcome(search, expression, record):
    """Return what an expression gives, with types at every depth, or that it fails."""
    try:
        return json.dumps(search(expression, record), sort_keys=True)
    except (ExpressionError, jmespath.exceptions.JMESPathError, TypeError, ValueError, AttributeError, LookupError):
        return "fails"


@settings(max_examples=400, deadline=None)
@given(terms, records)
def test_any_expression_gives_what_the_library_gives_and_fails_where_it_fails(expression, record):
    got = outcome(lambda written, data: compile_expression(written)(data), expression, record)
    assert got == outcome(jmespath.search, expression, record)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_expressions_of_presets_give_what_the_library_gives(sample):
    preset = PRESETS[sample.name.partition(".")[0]]
    written = [getattr(preset, part) for part in ("view", "text", "label", "model", "version", "time", "id")]
    written += [*preset.skip.values(), *preset.unanswered.values()]
    with_ours = jmespath.Options(custom_functions=LIBRARY_FUNCTIONS)
    records = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    for record in records:
        view = jmespath.search(preset.view, record, with_ours) if preset.view else record
        for expression in filter(None, written):
            for data in (record, view):
                wanted = outcome(lambda each, held: jmespath.search(each, held, with_ours), expression, data)
                assert outcome(lambda each, held: compile_expression(each)(held), expression, data) == wanted


@pytest.mark.parametrize(
    "expression", ["a", "a.b.c", "a || b.c", "not_null(a, b)", "a[?b == 'x'] | [-1].c || from_json(d)[]"]
)
def test_paths_alternatives_and_filters_do_not_go_through_the_interpreter(expression, monkeypatch):
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
