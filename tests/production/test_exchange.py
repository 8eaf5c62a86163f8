"""A router at a chat API: which requests are its own, and answers of which the bundle's steps make the label again."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import tracer_spec as ts
from tests.chat.bodies import SYSTEM, TOOL, forcing, request
from tests.chat.test_apis import BY_NAME
from tests.production.conftest import build, rows
from tests.production.variants import variant
from tests.runtime.bundles import forge
from tracer_spec.chat.api import Stamp
from tracer_spec.chat.reading import answered
from tracer_spec.errors import BundleError, UsageError
from tracer_spec.production.exchange import Exchange
from tracer_spec.text_steps import ToolCall

ROOT = Path(__file__).parents[2]
TEXT = "where is my order?"
TURN, ANSWER = {"role": "user", "content": TEXT}, {"role": "assistant", "content": "a"}
MATCH = {"match": "contains(not_null(system, instructions, messages[0].content), 'Classify')"}


@pytest.fixture(scope="module")
def exchange_of(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    return lambda **changes: Exchange(ts.load(variant(bundle, folder, **changes)))


def test_with_nothing_said_every_single_question_is_the_routers_and_a_warning_says_so_once(exchange_of, caplog):
    exchange = exchange_of()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "takes every chat of a single question" in caplog.text
    assert "serve.match" in caplog.text
    for name, api in BY_NAME.items():
        assert exchange.question(api, request(name, TEXT)).text == TEXT
        key = "input" if name == "responses" else "messages"
        assert exchange.question(api, request(name, TEXT, **{key: [TURN, ANSWER, TURN]})) is None
    assert exchange.question(BY_NAME["chat"], request("chat", " \n")) is None
    assert exchange.question(BY_NAME["chat"], request("chat", TEXT, n=2)) is None
    assert len(caplog.records) == 1


def test_a_match_tells_the_routers_requests_and_takes_examples_before_the_question(exchange_of, caplog):
    exchange = exchange_of(serve=MATCH)
    assert caplog.records == []
    for name, api in BY_NAME.items():
        assert exchange.question(api, request(name, TEXT)).text == TEXT
    chat = BY_NAME["chat"]
    system = {"role": "system", "content": SYSTEM}
    assert exchange.question(chat, request("chat", TEXT, messages=[system, TURN, ANSWER, TURN])).text == TEXT
    assert exchange.question(chat, request("chat", TEXT, messages=[{**system, "content": "Translate."}, TURN])) is None
    assert exchange.question(chat, request("chat", TEXT, messages=[TURN])) is None
    assert exchange.question(chat, request("chat", TEXT, messages=[{**system, "content": 3}, TURN])) is None


def test_the_text_may_be_elsewhere(exchange_of):
    exchange = exchange_of(serve={**MATCH, "text": "metadata.question"})
    assert exchange.question(BY_NAME["chat"], request("chat", "Hello", metadata={"question": TEXT})).text == TEXT
    assert exchange.question(BY_NAME["chat"], request("chat", "Hello")) is None
    assert exchange.question(BY_NAME["chat"], request("chat", "Hello", metadata={"question": 3})) is None


def test_a_text_that_the_steps_cannot_cut_is_not_the_routers(exchange_of, caplog):
    exchange = exchange_of(extract=("between:Message: ...\nLabel:",))
    assert caplog.records == []
    prompt = f"Message: {TEXT}\nLabel:"
    assert exchange.question(BY_NAME["chat"], request("chat", prompt)).text == prompt
    assert exchange.question(BY_NAME["chat"], request("chat", TEXT)) is None


def test_a_request_of_its_own_that_no_answer_fits_is_warned_of_once(exchange_of, caplog):
    schema = {"type": "object", "properties": {"intent": {}, "why": {}}, "required": ["intent", "why"]}
    strict = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}
    exchange = exchange_of(serve=MATCH, normalize=["json:intent"])
    for _ in range(2):
        assert exchange.question(BY_NAME["chat"], request("chat", TEXT, **strict)) is None
    (said,) = [record.getMessage() for record in caplog.records]
    assert 'do not fit the router\'s answers, such as {"intent": ' in said
    assert "serve.answer" in said
    caplog.clear()
    whole = exchange_of(serve={**MATCH, "answer": '{"intent": "{label}", "why": ""}'}, normalize=["json:intent"])
    assert whole.question(BY_NAME["chat"], request("chat", TEXT, **strict)).text == TEXT
    assert caplog.records == []


@pytest.mark.parametrize(
    ("normalize", "answer"),
    [
        (["strip"], "order_status"),
        (["json:intent"], '{"intent": "order_status"}'),
        (["code-fence", "json:intent.name", "strip"], '{"intent": {"name": "order_status"}}'),
        (["json?:intent"], '{"intent": "order_status"}'),
        (["think", "after:Label: ", "first-line", "strip"], "Label: order_status"),
        (["between:<label>...</label>"], "<label>order_status</label>"),
        (["prefix:Label:", "strip", "casefold"], "Label:order_status"),
        (["regex:Label: ([a-z_]+)"], "Label: order_status"),
        (["before:.", "json:intent"], '{"intent": "order_status"}.'),
    ],
)
def test_an_answer_is_what_the_steps_make_the_label_of(exchange_of, normalize, answer):
    exchange = exchange_of(normalize=normalize)
    for name, api in BY_NAME.items():
        question = exchange.question(api, request(name, TEXT))
        assert exchange.answer(question, "order_status") == answer
        for label in exchange.router.labels:
            body = api.write(exchange.answer(question, label), Stamp("1", 1, "m"))
            assert exchange.router.normalize(answered(body)) == label


def test_a_tool_that_must_be_called_gets_the_label_among_its_arguments(exchange_of):
    exchange = exchange_of(normalize=["json:intent", "strip"])
    for name, api in BY_NAME.items():
        asked = exchange.question(api, request(name, TEXT, **forcing(name, "classify")))
        assert exchange.answer(asked, "refund_status") == {"intent": "refund_status"}
        assert exchange.answer(asked, "refund_status").tool == "classify"
        several = {**TOOL, "required": ["intent", "why"]}
        assert exchange.question(api, request(name, TEXT, **forcing(name, "classify", schema=several))) is None
        assert exchange.question(api, request(name, TEXT, **forcing(name, "a", "b"))) is None
        free = {"tools": forcing(name, "classify")["tools"]}  # a text would answer as well
        assert exchange.question(api, request(name, TEXT, **free)) is None
    bare = exchange_of(normalize=["strip"])
    assert bare.question(BY_NAME["chat"], request("chat", TEXT, **forcing("chat", "classify"))) is None


def test_where_labels_are_names_of_tools_the_one_that_is_meant_is_called(exchange_of):
    exchange = exchange_of(normalize=["tool-name"])
    nothing = {"type": "object", "properties": {}}
    for name, api in BY_NAME.items():
        more = forcing(name, "refund_status", "order_status", schema=nothing)
        question = exchange.question(api, request(name, TEXT, **more))
        call = exchange.answer(question, "order_status")
        assert isinstance(call, ToolCall)
        assert (call.tool, dict(call)) == ("order_status", {})
        assert exchange.answer(question, "cancel_order") is None  # it is not offered
        assert exchange.question(api, request(name, TEXT)) is None
        assert exchange.question(api, request(name, TEXT, **forcing(name, "lookup", "search"))) is None
        assert exchange.question(api, request(name, TEXT, tools=more["tools"])) is not None


def response_format(schema):
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


def test_a_schema_that_the_answer_cannot_follow_is_for_the_teacher(exchange_of):
    exchange, chat = exchange_of(normalize=["json:intent"]), BY_NAME["chat"]
    fits = request("chat", TEXT, **response_format(TOOL))
    assert exchange.answer(exchange.question(chat, fits), "order_status") == '{"intent": "order_status"}'
    assert exchange.question(chat, request("chat", TEXT, response_format={"type": "json_object"})) is not None
    wants_more = {**TOOL, "required": ["intent", "confidence"]}
    assert exchange.question(chat, request("chat", TEXT, **response_format(wants_more))) is None
    narrow = {"type": "object", "properties": {"intent": {"enum": ["order_status", "other"]}}, "required": ["intent"]}
    question = exchange.question(chat, request("chat", TEXT, **response_format(narrow)))
    assert exchange.answer(question, "order_status") == '{"intent": "order_status"}'
    assert exchange.answer(question, "cancel_order") is None
    bare = exchange_of(normalize=["strip"])
    assert bare.question(chat, fits) is None


def test_a_schema_that_refers_to_itself_is_for_the_teacher(exchange_of):
    """219 bytes that ask for 3 ** 32 comparisons; a tool's schema is another door to the same."""
    exchange = exchange_of(normalize=["json:intent"])
    endless = {"anyOf": [{"$ref": "#"}] * 3}
    assert exchange.question(BY_NAME["chat"], request("chat", TEXT, **response_format(endless))) is None
    for name, api in BY_NAME.items():
        assert exchange.question(api, request(name, TEXT, **forcing(name, "classify", schema=endless))) is None


def test_an_answer_of_the_specs_own_is_written_around_the_label(exchange_of):
    template = '{"intent": "{label}", "confidence": 1.0}'
    exchange, chat = exchange_of(normalize=["json:intent"], serve={**MATCH, "answer": template}), BY_NAME["chat"]
    schema = {"type": "object", "properties": {"intent": {"type": "string"}, "confidence": {"type": "number"}}}
    schema["required"] = ["intent", "confidence"]
    question = exchange.question(chat, request("chat", TEXT, **response_format(schema)))
    assert exchange.answer(question, "order_status") == '{"intent": "order_status", "confidence": 1.0}'
    forced = exchange.question(chat, request("chat", TEXT, **forcing("chat", "classify", schema=schema)))
    assert exchange.answer(forced, "order_status") == {"intent": "order_status", "confidence": 1.0}


def test_a_label_inside_json_is_escaped(tmp_path):
    clean = [row["teacher"].strip().splitlines()[0].removesuffix("_status") for row in rows()]
    quoted = [
        {**row, "teacher": json.dumps({"intent": f'a "{label}"'})} for row, label in zip(rows(), clean, strict=True)
    ]
    serve = {**MATCH, "answer": '{"intent": "{label}", "sure": true}'}
    exchange = Exchange(ts.load(build(quoted, tmp_path, serve=serve)))
    label = exchange.router.labels[0]
    question = exchange.question(BY_NAME["chat"], request("chat", TEXT))
    assert json.loads(exchange.answer(question, label)) == {"intent": label, "sure": True}
    assert label.endswith('"')


def test_a_label_that_is_a_number_is_one_where_the_schema_asks_for_numbers(tmp_path):
    names = sorted({row["teacher"].strip().splitlines()[0] for row in rows()})
    numbered = [names.index(row["teacher"].strip().splitlines()[0]) for row in rows()]
    answered = [
        {**row, "teacher": json.dumps({"intent": number})} for row, number in zip(rows(), numbered, strict=True)
    ]
    exchange = Exchange(ts.load(build(answered, tmp_path, serve=MATCH)))
    label = exchange.router.labels[0]
    for kind, said in (("integer", int(label)), ("string", label)):
        schema = {"type": "object", "properties": {"intent": {"type": kind}}, "required": ["intent"]}
        question = exchange.question(BY_NAME["chat"], request("chat", TEXT, **response_format(schema)))
        assert json.loads(exchange.answer(question, label)) == {"intent": said}
        forced = exchange.question(BY_NAME["chat"], request("chat", TEXT, **forcing("chat", "rate", schema=schema)))
        assert exchange.answer(forced, label) == {"intent": said}


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"normalize": ["regex:[^a]=(\\w+)"]}, "the step 'regex:[^a]=(\\w+)' finds nothing"),
        ({"normalize": ["regex:^(.)"]}, "the step 'regex:^(.)' gives \"a\""),
        ({"normalize": ["strip"], "aliases": [("account_login", "cancel_order")]}, "an alias leads elsewhere"),
        ({"normalize": ["json:intent"], "serve": {"answer": "{label}"}}, "the step 'json:intent' finds nothing"),
        ({"normalize": ["strip"], "serve": {"answer": "It is {label}"}}, 'the steps give "It is account_login"'),
    ],
)
def test_a_label_that_no_answer_gives_is_refused_before_the_first_request(exchange_of, changes, fact):
    with pytest.raises(BundleError) as refused:
        exchange_of(**changes)
    problem = refused.value.problems[0]
    assert f"gives the label 'account_login': {fact}" in problem.what
    assert "write serve.answer" in problem.hint
    assert problem.where.endswith(".tracer")


def test_denied_labels_need_no_answer(exchange_of, bundle):
    denied = replace(ts.load(bundle).manifest.policy, defer_labels=("account_login",))
    exchange_of(policy=denied, normalize=["strip"], aliases=[("account_login", "cancel_order")])


@pytest.mark.parametrize(
    ("serve", "fact"),
    [
        ({"match": "foo("}, "is not JMESPath"),
        ({"match": "foo(@)"}, "calls foo(), which does not exist"),
        ({"text": "to_string(@)"}, "calls to_string(), which no expression in a bundle may"),
        ({"match": "[@,@,@][] | [@,@,@,@][] | [@,@,@][] | [@, @][]"}, "could make 72 values of one; at most 64"),
    ],
)
def test_an_expression_that_a_bundle_should_not_bring_is_refused(exchange_of, serve, fact):
    with pytest.raises(BundleError) as refused:
        exchange_of(serve=serve)
    assert fact in refused.value.problems[0].what
    assert refused.value.problems[0].address == f"bundle.json serve.{next(iter(serve))}"


def test_a_bundle_that_cannot_clean_answers_is_refused(exchange_of):
    with pytest.raises(BundleError, match="does not say how the teacher's answers become labels"):
        exchange_of(answers=None)


def test_a_bundle_without_an_embedder_is_refused(tmp_path):
    (tmp_path / "vectors.tracer").write_bytes(forge())
    with pytest.raises(UsageError, match="has no embedder, and requests hold texts"):
        Exchange(ts.load(tmp_path / "vectors.tracer"))


LEAN = """
import sys
sys.modules[sys.argv[2]] = None
import tracer_spec as ts
transport = ts.openai_transport(sys.argv[1])
heavy = {"sklearn", "scipy", "onnx", "pydantic", "yaml", "httpx", "httpx2"}
print(sorted({name.split(".")[0] for name in sys.modules} & heavy))
"""


def run_lean(bundle, missing):
    command = [sys.executable, "-c", LEAN, str(bundle), missing]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_nothing_of_a_build_is_needed_to_serve(bundle, tmp_path):
    assert run_lean(bundle, "jmespath").stdout.strip() == "[]"
    served = variant(bundle, tmp_path, serve=MATCH)
    assert run_lean(served, "nothing").stdout.strip() == "[]"
    refused = run_lean(served, "jmespath").stderr
    assert "serve has JMESPath expressions, and jmespath is not installed\n  hint: pip install jmespath" in refused
