import math
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.errors import SpecError
from tracer_spec.spec import LoadedSpec, load_spec
from tracer_spec.spec.environment import expand
from tracer_spec.spec.nodes import Place, Scalar

Load = Callable[..., LoadedSpec]
Problems = Callable[..., list[str]]


SECRET = "s3cr3t-value"


def value_of(text: str, plain: bool = True, /, **environ: str) -> object:
    return expand(Scalar(Place("f"), text, plain), environ).data


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("${A}", {"A": ""}, None),
        ("a-${A}-${B}", {"A": "x", "B": "y"}, "a-x-y"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-d}", {"A": "x"}, "x"),
        ("${A:-}", {}, None),
        ("${A:?needed}", {"A": "x"}, "x"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("$$${A}", {"A": "x"}, "$${A}"),
        ("^a$", {}, "^a$"),
        ("$A", {"A": "x"}, "$A"),
        ("${A}", {"A": "${B}", "B": "x"}, "${B}"),
    ],
)
def test_variables_expand_as_in_a_shell(text: str, environ: dict[str, str], value: object) -> None:
    assert value_of(text, **environ) == value


@pytest.mark.parametrize(("written", "value"), [("5", 5), ("0.5", 0.5), ("true", True), ("no", "no"), ("~", None)])
def test_an_unquoted_scalar_is_typed_after_expansion_and_a_quoted_one_stays_a_string(
    written: str, value: object
) -> None:
    assert value_of("${A}", A=written) == value
    assert value_of("${A}", False, A=written) == written
    assert value_of(f"${{A:-{written}}}") == value


@given(st.text())
def test_text_without_a_reference_is_left_alone(text: str) -> None:
    if "${" not in text:
        assert value_of(text, False) == text


@given(st.text())
def test_an_escaped_reference_comes_out_as_text(text: str) -> None:
    if "${" not in text and not text.endswith("$"):
        assert value_of(f"{text}$${{A}}", False, A="x") == f"{text}${{A}}"


def test_keys_are_never_expanded(load: Load, minimal: str) -> None:
    text = minimal.replace("{use: jsonl}", "{use: jsonl, labels: {aliases: {'${A}': b}}}")
    assert load(text, environ={"A": "x"}).spec.traces.labels.aliases == {"${A}": "b"}


def test_every_variable_that_has_no_value_is_reported_once_and_the_rest_is_checked_too(
    problems: Problems,
) -> None:
    text = (
        "version: 1\nname: ${NAME}\ntraces:\n  use: ${SOURCE:?name the trace source}\n  on_error: skip\n"
        "embedder: ${A} ${1x}\ntarget:\n  agreement: ${AGREEMENT:?}\n"
    )
    assert problems(text, AGREEMENT="") == [
        "router.yaml:2:7  name\n  the environment variable NAME is not set\n"
        "  hint: set NAME, or give a default: ${NAME:-...}",
        "router.yaml:4:8  traces.use\n  the environment variable SOURCE is not set: name the trace source\n"
        "  hint: set SOURCE, or give a default: ${SOURCE:-...}",
        "router.yaml:5:13  traces.on_error\n  'skip' is not one of fail, drop",
        "router.yaml:6:11  embedder\n  the environment variable A is not set\n"
        "  hint: set A, or give a default: ${A:-...}",
        "router.yaml:8:14  target.agreement\n  the environment variable AGREEMENT is empty\n"
        "  hint: set AGREEMENT, or give a default: ${AGREEMENT:-...}",
    ]


def test_a_brace_that_opens_no_variable_is_an_error(problems: Problems, minimal: str) -> None:
    assert problems(minimal.replace("lsa", "${A:+b}")) == [
        "router.yaml:4:11  embedder\n  '${A:+b}' holds a '${' that opens no variable\n"
        "  hint: write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ is a literal ${"
    ]


def test_a_value_that_is_not_utf_8_is_refused_by_the_name_of_its_variable(problems: Problems, minimal: str) -> None:
    assert problems(minimal.replace("lsa", "${A}"), A="caf\udce9") == [
        "router.yaml:4:11  embedder\n  the environment variable A is not UTF-8\n  hint: set A to text"
    ]


@pytest.mark.parametrize(
    ("written", "shown"),
    [(".inf", ".inf"), ("-.INF", "-.INF"), (".nan", ".nan"), ("1e999", "1e999"), ("${A}", "'${A}'")],
)
def test_a_number_that_is_not_finite_is_refused_at_its_place(
    problems: Problems, minimal: str, written: str, shown: str
) -> None:
    text = minimal.replace("lsa", f"\n  use: lsa\n  with:\n    powers:\n    - 1.5\n    - {written}")
    assert problems(text, A="1e999") == [
        f"router.yaml:9:7  embedder.with.powers[1]\n  {shown} is not a finite number\n"
        "  hint: write a finite one, or put quotes around it where it is a string"
    ]


def test_a_number_of_a_mapping_that_is_not_finite_is_refused(minimal: str) -> None:
    source = yaml.safe_load(minimal) | {"traces": {"use": "jsonl", "with": {"path": math.inf}}}
    with pytest.raises(SpecError) as caught:
        load_spec(source)
    assert [problem.address for problem in caught.value.problems] == ["traces.with.path"]
    assert "\n  .inf is not a finite number\n" in str(caught.value)


# every way in which a value can be wrong, with the value in the environment
PLACES_OF_A_SECRET = [
    ("name", "name: support-intents", "name: ${X}_"),
    ("version", "version: 1", "version: ${X}"),
    ("agreement", "{agreement: 0.92}", "\n  agreement: ${X}"),
    ("format", "{use: jsonl}", "{use: jsonl, format: {text: a, label: '${X} ['}}"),
    ("step", "{use: jsonl}", "{use: jsonl, labels: {normalize: ['${X}']}}"),
    ("regex", "{use: jsonl}", "{use: jsonl, labels: {normalize: ['regex:(${X}']}}"),
    ("unknown", "{use: jsonl}", "{use: jsonl, labels: {unknown: '${X}'}}"),
    ("labels", "embedder: lsa", "embedder: lsa\ndefer_labels: ['${X}', '${X}']"),
    ("aliases", "embedder: lsa", "embedder: lsa\nzoo: ['${X}', {use: mlp, as: '${X}'}]"),
    ("list", "embedder: lsa", "embedder: lsa\nzoo: ${X}"),
    ("mapping", "embedder: lsa", "embedder: lsa\nsplit: ${X}"),
    ("boolean", "embedder: lsa", "embedder: lsa\nreport: {text: '${X}'}"),
    ("integer", "embedder: lsa", "embedder: lsa\nseed: ${X}"),
    ("huge", "embedder: lsa", "embedder: lsa\nseed: ${HUGE}"),
]


@pytest.mark.parametrize(
    ("old", "new"), [place[1:] for place in PLACES_OF_A_SECRET], ids=[p[0] for p in PLACES_OF_A_SECRET]
)
def test_no_error_shows_a_value_of_the_environment(problems: Problems, minimal: str, old: str, new: str) -> None:
    huge = "98765432109876543210987"
    said = "\n".join(problems(minimal.replace(old, new) + "foo: 1\n", X=SECRET, HUGE=huge))
    assert len(said.splitlines()) > 3  # more than the unknown key
    assert SECRET not in said
    assert huge not in said
    assert "${" in said


def test_a_variable_without_a_value_is_not_told_again_as_a_key_that_is_missing(
    problems: Problems, minimal: str
) -> None:
    text = minimal.replace("{agreement: 0.92}", "\n  end_to_end: ${X}\n  calibrator: risk-control")
    assert problems(text) == [
        "router.yaml:6:15  target.end_to_end\n  the environment variable X is not set\n"
        "  hint: set X, or give a default: ${X:-...}"
    ]
