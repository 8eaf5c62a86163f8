"""The gateway: what becomes of a request, what the log says of it, and that its responses are read however they come."""

from __future__ import annotations

import asyncio
import json
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency

import tracer_spec as ts
from tests.chat.bodies import PATHS, forcing, request, response, stream
from tests.production.test_deployment import lines_in
from tests.production.variants import variant
from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.chat.reading import answered
from tracer_spec.errors import UsageError
from tracer_spec.flow.documents.decision import DecisionRecord
from tracer_spec.plugin import Record
from tracer_spec.production.cases import Cases
from tracer_spec.production.coin import Coin
from tracer_spec.production.gateway import Gateway

SAID = '{"intent": " refund\\n"}'
SERVE = {"match": "contains(not_null(system, instructions, messages[0].content), 'Classify')"}


@pytest.fixture(scope="module")
def router(bundle, tmp_path_factory):
    return ts.load(variant(bundle, tmp_path_factory.mktemp("served"), serve=SERVE))


@pytest.fixture(scope="module")
def by_outcome(router, texts):
    """Return a text that the router handles, and one that it does not."""
    handled = [router.route(text).handled for text in texts]
    return texts[handled.index(True)], texts[handled.index(False)]


def content(api, text, **more) -> bytes:
    return json.dumps(request(api, text, **more)).encode()


def respond(visit, *pieces, status=200, kind="application/json", encoding=""):
    visit.observed.begin(status, kind, encoding)
    for piece in pieces:
        visit.observed.feed(piece)
    visit.observed.end()


def visits(router, tmp_path, run, **options):
    """Run with a gateway, and return the lines of its log."""
    with ts.DecisionLog(tmp_path) as log:
        run(Gateway([router] if router else [], log=log, **{"audit": 0.0, **options}))
    return lines_in(tmp_path)


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_handled_request_is_answered_and_logged_as_the_routers(router, by_outcome, tmp_path, api, is_streamed):
    seen = []
    more = {"stream": True} if is_streamed else {}

    def run(gateway):
        seen.append(gateway.begin(PATHS[api], content(api, by_outcome[0], **more), {"x-request-id": "r-1"}))

    (line,) = visits(router, tmp_path, run)
    (visit,) = seen
    story = DecisionRecord.model_validate(line).router
    assert (line["id"], line["input"], line["teacher"], story.served, story.audit) == (
        "r-1",
        by_outcome[0],
        None,
        "router",
        False,
    )
    assert (visit.outcome, visit.headers["x-tracer-outcome"], visit.observed) == ("handled", "handled", None)
    assert visit.headers["x-tracer-version"] == router.version
    assert int(visit.headers["x-tracer-overhead-us"]) > 0
    assert visit.reply.headers["x-request-id"] == "r-1"
    assert visit.reply.headers["content-type"].startswith("text/event-stream" if is_streamed else "application/json")
    assert (len(visit.reply.pieces) > 1) == is_streamed
    if not is_streamed:
        assert router.normalize(answered(json.loads(visit.reply.pieces[0]))) == story.label


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_a_deferred_request_is_logged_with_the_teachers_answer(
    router, by_outcome, tmp_path, api, is_streamed, encoding
):
    written = b"".join(stream(api, SAID)) if is_streamed else json.dumps(response(api, SAID)).encode()
    if encoding:
        packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
        written = packer.compress(written) + packer.flush()
    pieces = [written[at : at + 7] for at in range(0, len(written), 7)]
    kind = "text/event-stream; charset=utf-8" if is_streamed else "application/json"

    def run(gateway):
        visit = gateway.begin(PATHS[api], content(api, by_outcome[1]), {})
        assert (visit.outcome, visit.reply) == ("deferred", None)
        respond(visit, *pieces, kind=kind, encoding=encoding)

    (line,) = visits(router, tmp_path, run)
    assert (line["teacher"], line["teacher_raw"], line["model"]) == ("refund_status", SAID, "m-1-2026")
    assert (line["router"]["served"], line["router"]["label"]) == ("teacher", None)


def test_an_audited_request_is_the_teachers_whatever_the_router_says(router, by_outcome, tmp_path):
    def run(gateway):
        visit = gateway.begin(PATHS["chat"], content("chat", by_outcome[0]), {})
        assert visit.headers["x-tracer-outcome"] == "audited"
        respond(visit, json.dumps(response("chat", SAID)).encode())

    (line,) = visits(router, tmp_path, run, audit=1.0)
    assert (line["router"]["audit"], line["router"]["handled"], line["teacher"]) == (True, True, "refund_status")


def test_a_forced_request_is_the_teachers_and_audited_by_the_coin_alone(router, by_outcome, tmp_path):
    def run(gateway):
        for number in range(200):
            headers = {"x-tracer": "OFF", "x-request-id": f"r{number}"}
            visit = gateway.begin(PATHS["chat"], content("chat", by_outcome[0]), headers)
            respond(visit, json.dumps(response("chat", SAID)).encode())

    lines = visits(router, tmp_path, run, audit=0.3, secret=b"s")
    coin = Coin(0.3, b"s")
    assert [line["router"]["audit"] for line in lines] == [coin.falls(f"r{number}") for number in range(200)]
    assert {(line["router"]["handled"], line["router"]["served"]) for line in lines} == {(True, "teacher")}
    kept = [raw for _, raw in compile_format(PRESETS["decisions"]).traces([Record("l", line) for line in lines])]
    assert [raw.certify and not raw.unlabelled for raw in kept] == [line["router"]["audit"] for line in lines]
    assert {raw.unlabelled for raw in kept if not raw.certify} == {"handled, and asked all the same"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": {"message": "overloaded"}}),
        (429, response("chat", SAID)),
        (200, {"error": {"message": "no"}}),
        (200, [1]),
        (200, "{"),
    ],
)
def test_a_failed_teacher_is_nobody(router, by_outcome, tmp_path, status, body):
    def run(gateway):
        visit = gateway.begin(PATHS["chat"], content("chat", by_outcome[1]), {})
        respond(visit, (body if isinstance(body, str) else json.dumps(body)).encode(), status=status)
        gateway.begin(PATHS["chat"], content("chat", by_outcome[1]), {}).observed.end()  # no response at all

    lines = visits(router, tmp_path, run)
    assert [(line["router"]["served"], line["teacher_raw"], line["model"]) for line in lines] == [
        ("nobody", None, None)
    ] * 2


@pytest.mark.parametrize("api", PATHS)
def test_a_stream_that_breaks_off_is_nobodys_unless_the_answer_was_there(router, by_outcome, tmp_path, api):
    events = stream(api, SAID)

    def run(gateway):
        for n_sent in range(len(events) + 1):
            visit = gateway.begin(PATHS[api], content(api, by_outcome[1], stream=True), {})
            respond(visit, *events[:n_sent], kind="text/event-stream")
            visit.observed.end()

    served = [line["router"]["served"] for line in visits(router, tmp_path, run)]
    whole = len(events) - (1 if api == "chat" else 0)  # what follows the last chunk says nothing
    assert served == ["nobody"] * whole + ["teacher"] * (len(events) + 1 - whole)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (response("chat", SAID, stop="length"), "truncated"),
        (
            {
                "choices": [
                    {"message": {"role": "assistant", "content": None, "refusal": "no"}, "finish_reason": "stop"}
                ]
            },
            "refused",
        ),
        ({"choices": [{"message": {"role": "assistant", "content": None}, "finish_reason": "stop"}]}, "none"),
    ],
)
def test_an_answer_cut_short_or_refused_is_the_teachers_and_no_label(router, by_outcome, tmp_path, body, reason):
    def run(gateway):
        respond(gateway.begin(PATHS["chat"], content("chat", by_outcome[1]), {}), json.dumps(body).encode())

    (line,) = visits(router, tmp_path, run)
    assert (line["teacher"], line["router"]["served"]) == (None, "teacher")
    assert line["teacher_raw"]["unanswered"]["reason"] == reason


@pytest.mark.parametrize(
    "body", [{}, {"error": {"code": 502}}, {"choices": []}, {"status": "in_progress", "output": []}]
)
def test_a_response_that_holds_no_answer_at_all_is_none(router, by_outcome, tmp_path, body):
    def run(gateway):
        respond(gateway.begin(PATHS["chat"], content("chat", by_outcome[1]), {}), json.dumps(body).encode())

    (line,) = visits(router, tmp_path, run)
    assert (line["teacher_raw"], line["router"]["served"]) == (None, "nobody")


def test_a_call_of_a_tool_is_read_back_from_the_log_with_the_tools_name(bundle, by_outcome, tmp_path):
    router = ts.load(variant(bundle, tmp_path, normalize=["tool-name"], serve=SERVE))
    call = {"type": "function", "function": {"name": "refund_status", "arguments": "{}"}}
    said = {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}

    def run(gateway):
        tools = forcing("chat", *router.labels, schema={"type": "object"})
        respond(gateway.begin(PATHS["chat"], content("chat", by_outcome[1], **tools), {}), json.dumps(said).encode())

    (line,) = visits(router, tmp_path / "log", run, audit=1.0)
    assert line["teacher"] == "refund_status"
    ((_, raw),) = compile_format(PRESETS["decisions"]).traces([Record("l", line)])
    assert router.normalize(raw.label) == "refund_status"


@pytest.mark.parametrize("api", PATHS)
def test_what_is_no_routers_passes_and_is_not_logged(router, by_outcome, tmp_path, api):
    passed = []

    def run(gateway):
        foreign = request(api, by_outcome[0], n=2, background=True, mcp_servers=[1])
        passed.extend(gateway.begin(PATHS[api], json.dumps(body).encode(), {}) for body in (foreign, {}, [], 3))
        passed.append(gateway.begin(PATHS[api], zlib.compress(content(api, by_outcome[0])), {}))
        passed.append(gateway.begin("/v1/embeddings", content(api, by_outcome[0]), {}))

    assert visits(router, tmp_path, run) == []
    assert {(visit.outcome, visit.observed, visit.reply) for visit in passed} == {("passthrough", None, None)}


def test_of_several_routers_the_first_whose_text_is_found_takes_it(bundle, by_outcome, tmp_path):
    serves = [{"match": f"contains(messages[0].content, '{word}')"} for word in ("Translate", "Classify", "Cl")]
    routers = [ts.load(variant(bundle, tmp_path, serve=serve)) for serve in serves]
    visit = Gateway(routers, audit=0.0).begin(PATHS["chat"], content("chat", by_outcome[0]), {})
    assert (visit.router.version, visit.outcome) == (routers[1].version, "handled")


def test_the_same_on_an_event_loop(router, texts):
    gateway = Gateway([router], audit=0.5, secret=b"s")

    async def run():
        return [
            await gateway.abegin(PATHS["chat"], content("chat", text), {"x-request-id": text}) for text in texts[:50]
        ]

    outcomes = [
        gateway.begin(PATHS["chat"], content("chat", text), {"x-request-id": text}).outcome for text in texts[:50]
    ]
    assert [visit.outcome for visit in asyncio.run(run())] == outcomes
    assert set(outcomes) == {"handled", "deferred", "audited"}


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_without_a_router_chats_are_logged_as_the_format_chat_reads_them(texts, tmp_path, api, is_streamed):
    def run(gateway):
        for text in texts[:20]:
            visit = gateway.begin(PATHS[api], content(api, text), {})
            assert visit.outcome == "passthrough"
            if is_streamed:
                respond(visit, *stream(api, SAID), kind="text/event-stream")
            else:
                respond(visit, json.dumps(response(api, SAID)).encode())
        respond(gateway.begin(PATHS[api], content(api, "failed"), {}), b"{}", status=500)

    lines = visits(None, tmp_path, run)
    read = [raw for _, raw in compile_format(PRESETS["chat"]).traces([Record("l", line) for line in lines])]
    assert [(raw.text, raw.label, raw.model) for raw in read[:-1]] == [(text, SAID, "m-1-2026") for text in texts[:20]]
    assert all(raw.time and raw.id and not raw.reason for raw in read[:-1])
    assert read[-1].reason == "error status"


def test_whole_chats_are_not_logged_where_texts_are_not_to_be():
    with pytest.raises(UsageError, match="without a bundle the log holds whole chats"):
        Gateway([], log=Nowhere(), texts=False)


def test_a_log_of_others_with_a_routers_answer_in_it_is_no_trace(router, by_outcome):
    visit = Gateway([router], audit=0.0).begin(PATHS["chat"], content("chat", by_outcome[0]), {})
    line = {"request": request("chat", by_outcome[0]), "response": json.loads(visit.reply.pieces[0])}
    ((_, raw),) = compile_format(PRESETS["chat"]).traces([Record("l", line)])
    assert raw.reason == "a router's decision"


@pytest.mark.slow
def test_the_coin_is_independent_of_text_and_score(router, texts):
    """Over 100,000 requests, the share that is audited is the same in every cell of length and score."""
    decided = {text: router.route(text) for text in texts}
    decides = SimpleNamespace(route=decided.__getitem__)  # each text comes 250 times
    cases = Cases(decides, log=None, coin=Coin(0.1, b"seed"), mode="live")
    bars = np.quantile([decision.score for decision in decided.values()], [1 / 3, 2 / 3])
    middle = np.median([len(text) for text in texts])
    counts = np.zeros((3, 2, 2))
    for number in range(100_000):
        case = cases.begin(texts[number % len(texts)], f"id-{number}")
        counts[np.searchsorted(bars, case.decision.score), int(len(case.text) > middle), int(case.audited)] += 1
    assert counts.min() > 500
    assert chi2_contingency(counts.reshape(6, 2)).pvalue > 1e-3
    assert binomtest(int(counts[..., 1].sum()), 100_000, 0.1).pvalue > 1e-3


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.lists(st.binary(max_size=20), max_size=4))
def test_no_bytes_break_the_gateway_or_its_watcher(body, pieces):
    gateway = Gateway([], log=Nowhere())
    assert gateway.begin(PATHS["chat"], body, {}).outcome == "passthrough"
    for kind in ("text/event-stream", "application/json"):
        for encoding in ("", "gzip", "br"):
            visit = gateway.begin(PATHS["chat"], content("chat", "a"), {})
            respond(visit, *pieces, kind=kind, encoding=encoding)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "delta", "type", "text", "tool_calls", "function", "index", "output"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=14,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(PATHS)), st.lists(json_values, min_size=1, max_size=3))
def test_whatever_the_teacher_answers_is_one_line_of_the_log(router, by_outcome, api, values):
    for kind in ("application/json", "text/event-stream"):
        log = Nowhere()
        visit = Gateway([router], log=log, audit=0.0).begin(PATHS[api], content(api, by_outcome[1]), {})
        written = [json.dumps(value).encode() for value in values]
        respond(
            visit, *(written[:1] if kind[0] == "a" else [b"data: " + each + b"\n\n" for each in written]), kind=kind
        )
        assert len(log.lines) == 1
        DecisionRecord.model_validate(json.loads(log.lines[0]))


class Nowhere:
    def __init__(self):
        self.lines = []

    def put(self, record):
        self.lines.append(json.dumps(record))
        return True
