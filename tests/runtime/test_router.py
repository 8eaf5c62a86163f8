from __future__ import annotations

import asyncio
import copy
import functools
import itertools
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest

from tracer_spec.errors import BundleError, DimensionError
from tracer_spec.runtime import Decision, Reason, Router, load
from tracer_spec.runtime.bundle import parse_bundle
from tracer_spec.runtime.inputs import embed_texts
from tracer_spec.runtime.limits import CHUNK_ROWS
from tracer_spec.runtime.load import open_router
from tracer_spec.runtime.row_binding import OneRow, RowBatches

AT_MOST_S = 60
"""How long a test waits for what should come at once before it calls it lost."""


@pytest.fixture(scope="session")
def router(good):
    """Routes vectors."""
    return open_router(parse_bundle(good))


@pytest.fixture(scope="session")
def texts_router(bundles):
    """Routes texts with the letters embedder."""
    data = bundles.forge(bundles.manifest(embedder=bundles.LETTERS).document())
    return open_router(parse_bundle(data), embedder=bundles.Letters())


def vectors(n, seed=0):
    return (np.random.default_rng(seed).normal(size=(n, 4)) * 2).astype(np.float32)


def same(decision, expected):
    label, handled, score, stage, reason = expected
    return decision[:2] == (label, handled) and decision[3:] == (stage, reason) and abs(decision[2] - score) < 1e-5


def test_decisions_are_those_of_the_policy_worked_out_by_hand(bundles, router):
    X = np.concatenate([vectors(500), np.full((1, 4), np.nan, np.float32), np.eye(4, dtype=np.float32) * 2])
    expected = bundles.oracle(X)
    assert {reason for *_, reason in expected} == set(bundles.REASONS)
    assert {stage for *_, stage, _ in expected} == {0, 1, None}
    assert all(same(router.route(x), want) for x, want in zip(X, expected, strict=True))
    assert all(same(got, want) for got, want in zip(router.route_batch(X), expected, strict=True))


def test_a_decision_is_made_of_plain_values(router):
    handled = router.route(np.array([2, 0, 0, 0], np.float32))
    assert [type(each) for each in handled] == [str, bool, float, int, Reason]
    assert json.loads(json.dumps(handled._asdict())) == {
        "label": "card_arrival", "handled": True, "score": handled.score, "stage": 0, "reason": "handled",
    }  # fmt: skip
    deferred = router.route(np.array([np.inf, 0, 0, 0], np.float32))
    assert deferred == Decision(None, False, 0.0, None, Reason.UNAVAILABLE)


def test_a_batch_is_its_decisions_as_columns(router):
    batch = router.route_batch(vectors(50))
    assert len(batch) == 50
    assert batch.labels == [each.label for each in batch]
    assert batch.handled.tolist() == [each.handled for each in batch]
    assert (batch.handled.dtype, batch.scores.dtype, batch.stages.dtype) == (np.bool_, np.float32, np.int64)
    assert [stage if stage >= 0 else None for stage in batch.stages.tolist()] == [each.stage for each in batch]
    assert (batch.reasons == "low_score").tolist() == [each.reason == "low_score" for each in batch]
    assert batch[-1] == list(batch)[-1]


def test_batches_of_any_size_equal_rows_one_by_one(router):
    X = vectors(2 * CHUNK_ROWS + 17)
    batch = router.route_batch(X)
    assert len(batch) == len(X)
    for row in [0, 1, CHUNK_ROWS - 1, CHUNK_ROWS, 2 * CHUNK_ROWS, len(X) - 1]:
        assert same(router.route(X[row]), batch[row])


def test_an_empty_batch_is_an_empty_answer(router, texts_router):
    for empty in ([], (), np.empty((0, 4), np.float32)):
        batch = router.route_batch(empty)
        assert (len(batch), batch.labels, batch.handled.shape, batch.reasons.shape) == (0, [], (0,), (0,))
    assert len(texts_router.route_batch([])) == 0


PROMPT = "Classify.\nText: {}\nLabel:"


@pytest.fixture
def cutting_router(bundles, save):
    manifest = bundles.manifest(embedder=bundles.LETTERS, extract=("between:\nText: ...\nLabel:",), format=2)
    return load(save(bundles.forge(manifest.document())), embedder=bundles.Letters())


def test_a_text_in_its_prompt_and_the_text_alone_get_one_decision(cutting_router, texts_router):
    texts = ["a", "bb", "d\nText: a", "a\nLabel: b", "abcd abcd abcd", "", " "]
    expected = [texts_router.route(text) for text in texts]
    prompts = [PROMPT.format(text) for text in texts]
    assert [cutting_router.route(text) for text in texts] == expected
    assert [cutting_router.route(prompt) for prompt in prompts] == expected
    assert list(cutting_router.route_batch(texts)) == list(cutting_router.route_batch(prompts)) == expected
    mixed = [prompt if at % 2 else text for at, (text, prompt) in enumerate(zip(texts, prompts, strict=True))]
    assert list(cutting_router.route_batch(mixed)) == expected


def test_a_text_in_its_prompt_is_classified_and_the_teacher_gets_the_prompt(cutting_router):
    assert cutting_router.classify(PROMPT.format("a"), lambda prompt: f"asked: {prompt}") == "card_arrival"
    prompt = PROMPT.format("c")
    assert cutting_router.classify(prompt, lambda text: f"asked: {text}") == f"asked: {prompt}"
    assert asyncio.run(cutting_router.aclassify(PROMPT.format("a"), str.upper)) == "card_arrival"


def test_a_batch_cuts_a_text_once(bundles, save):
    manifest = bundles.manifest(embedder=bundles.LETTERS, extract=("after:Text: ",), format=2)
    router = load(save(bundles.forge(manifest.document())), embedder=bundles.Letters())
    twice = "Text: d Text: a"
    assert router.route(twice) == next(iter(router.route_batch([twice, ""]))) == router.route("ad")


def test_a_blank_text_is_deferred_and_never_embedded(texts_router, bundles):
    blank = Decision(None, False, 0.0, None, Reason.OUT_OF_DISTRIBUTION)
    embedded = []

    class Telling(bundles.Letters):
        def embed(self, texts):
            embedded.extend(texts)
            return super().embed(texts)

    data = bundles.forge(bundles.manifest(embedder=bundles.LETTERS).document())
    router = open_router(parse_bundle(data), embedder=Telling())
    embedded.clear()
    texts = ["", "aa", " \t\n", "bb", "\u3000", "aa", "\u200b\ufeff", "bb", "\u2060\u3164"]
    assert [router.route(text) for text in texts[::2]] == [blank] * 5
    assert list(router.route_batch(texts))[::2] == [blank] * 5
    assert embedded == ["aa", "bb"] * 2
    assert [router.route_batch(texts)[row] for row in (1, 3)] == [texts_router.route(text) for text in ("aa", "bb")]
    assert list(router.route_batch(["", " "])) == [blank] * 2


@pytest.mark.parametrize(
    "query",
    [
        [2, 0, 0, 0],
        (2.0, 0.0, 0.0, 0.0),
        np.array([2, 0, 0, 0], np.float64),
        np.array([2, 0, 0, 0], np.float16),
        np.array([2, 0, 0, 0], np.int8),
        np.array([2, 0, 0, 0], ">f4"),
        np.array([2, 9, 0, 9, 0, 9, 0, 9], np.float32)[::2],
        np.array([0, 0, 0, 2], np.float32)[::-1],
    ],
)
def test_real_vectors_of_any_kind_are_cast(router, query):
    wanted = router.route(np.array([2, 0, 0, 0], np.float32))
    assert wanted.label == "card_arrival"
    assert router.route(query) == wanted
    assert router.route_batch([query, query])[1] == wanted


def test_values_too_large_for_a_float_are_deferred_as_unavailable(router):
    for value in (1e300, -1e39, 3e38, np.nan, np.inf, 10**30 * 1e10):
        assert router.route([value, 0, 0, 0]).reason == "unavailable"
    assert router.route_batch(np.array([[1e300, 0, 0, 0], [2, 0, 0, 0]])).reasons.tolist() == [
        "unavailable",
        "handled",
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (np.zeros(5, np.float32), r"the vector has shape \(5,\); this policy takes \(4,\)"),
        (np.zeros((2, 2), np.float32), r"has shape \(2, 2\)"),
        (np.zeros((3, 4), np.float32), "for many vectors at once: route_batch"),
        ([], "has shape"),
        ([[1, 2], [3]], "do not all have the same length"),
    ],
)
def test_a_vector_of_the_wrong_shape_is_the_caller_s_bug(router, query, message):
    with pytest.raises(DimensionError, match=message):
        router.route(query)


def test_a_matrix_of_the_wrong_shape_is_the_caller_s_bug(router):
    with pytest.raises(DimensionError, match=r"have shape \(3, 5\); this policy takes \(n, 4\)"):
        router.route_batch(np.zeros((3, 5), np.float32))
    with pytest.raises(DimensionError, match="for one vector: route"):
        router.route_batch(np.zeros(4, np.float32))
    with pytest.raises(DimensionError, match="do not all have the same length"):
        router.route_batch([[1, 2, 3, 4], [1, 2, 3]])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, r"None cannot be routed; pass a text \(str\) or a vector of 4 numbers"),
        (7, "a value of type int cannot be routed"),
        (b"text", r"decoded: data.decode\('utf-8'\)"),
        (bytearray(b"text"), "decoded"),
        ({"a": 1}, "a value of type dict is not real numbers"),
        ({1, 2}, "a value of type set is not real numbers"),
        (["a", "b", "c", "d"], "item 0 is a value of type str, which is not real numbers; pass a text"),
        ([1j, 0, 0, 0], "complex128 is not real numbers"),
        ([True, False, True, False], "bool is not real numbers"),
        ([0, 0, None, 0], "item 2 is None, which is not real numbers"),
        (iter([1, 2]), "cannot be routed"),
    ],
)
def test_what_is_neither_a_text_nor_a_vector_is_a_type_error(router, query, message):
    with pytest.raises(TypeError, match=message):
        router.route(query)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ("one text", "one text is not a batch"),
        (b"text", "decoded"),
        (None, "None is not a sequence of texts"),
        ((text for text in "ab"), r"wrap it in list\(...\)"),
        (["a", None], r"item 1 of the batch is None; the others are texts"),
        (["a", b"b"], "item 1 of the batch is a value of type bytes"),
        ([None, None], "item 0 is None, which is not real numbers; pass a sequence of texts, or vectors"),
        ([[0, 0, 0, 0], (0, 0, None, 0)], "item 1 holds None, which is not real numbers"),
        ([[0, 0, 0, 0], None], "item 1 is None, which is not real numbers"),
        ([[0, 0, 0, 0], {"a": 1}], "item 1 is a value of type dict, which is not real numbers"),
    ],
)
def test_what_is_no_batch_is_a_type_error(texts_router, queries, message):
    with pytest.raises(TypeError, match=message):
        texts_router.route_batch(queries)


def test_texts_are_embedded(bundles, texts_router):
    texts = ["a", "bb", "cc", "dd", "hello", "aaaaaaaa"]
    expected = bundles.oracle(bundles.Letters().embed(texts))
    assert all(same(texts_router.route(text), want) for text, want in zip(texts, expected, strict=True))
    for batch in (texts, tuple(texts), np.array(texts), np.array(texts, object)):
        assert all(same(got, want) for got, want in zip(texts_router.route_batch(batch), expected, strict=True))


def test_a_router_with_an_embedder_takes_vectors_too(router, texts_router):
    for x in vectors(20):
        assert texts_router.route(x) == router.route(x)


def test_a_text_without_an_embedder_is_a_type_error_that_says_what_to_pass(router):
    said = (
        r"^this bundle takes vectors of 4 numbers, not texts, and has no embedder: pass vectors of shape \(4,\), made"
    )
    with pytest.raises(TypeError, match=said):
        router.route("a")
    with pytest.raises(TypeError, match="has no embedder"):
        router.route_batch(["a"])


class Moody:
    """An embedder that passes the probe and then does whatever a test says."""

    def __init__(self, letters):
        self.letters = letters
        self.mood = letters.embed

    def embed(self, texts):
        return self.mood(texts)

    def fingerprint(self):
        return self.letters.fingerprint()


@pytest.fixture
def moody(bundles):
    embedder = Moody(bundles.Letters())
    data = bundles.forge(bundles.manifest(embedder=bundles.LETTERS).document())
    return open_router(parse_bundle(data), embedder=embedder), embedder


def raises(texts):
    raise RuntimeError(f"cannot embed {texts[0]}")


@pytest.mark.parametrize(
    ("mood", "logged"),
    [
        (raises, "the embedder failed on 1 text(s), which are deferred: RuntimeError in raises, line"),
        (lambda texts: None, "vectors of shape (), which are deferred"),
        (lambda texts: "nonsense", "ValueError"),
        (lambda texts: np.zeros((len(texts), 3)), "shape (1, 3), which are deferred; wanted (1, 4)"),
        (lambda texts: np.zeros(4), "vectors of shape (4,), which are deferred"),
        (lambda texts: np.full((len(texts), 4), np.nan), "vectors that are not finite to 1 of 1 text(s)"),
        (lambda texts: np.full((len(texts), 4), 1e300), "vectors that are not finite to 1 of 1 text(s)"),
        (lambda texts: [[np.inf, 0, 0, 0]], "vectors that are not finite to 1 of 1 text(s)"),
    ],
)  # fmt: skip
def test_an_embedder_that_fails_means_deferred_and_the_log_says_why_but_not_the_text(moody, caplog, mood, logged):
    router, embedder = moody
    embedder.mood = mood
    with caplog.at_level(logging.WARNING):
        assert router.route("my secret") == Decision(None, False, 0.0, None, Reason.UNAVAILABLE)
        batch = router.route_batch(["my secret"])
    assert batch[0] == Decision(None, False, 0.0, None, Reason.UNAVAILABLE)
    assert "secret" not in caplog.text
    assert logged in caplog.text
    assert {record.name for record in caplog.records} <= {"tracer_spec.runtime"}


def test_an_embedder_that_fails_for_one_chunk_spares_the_others(moody):
    router, embedder = moody
    embedder.mood = lambda texts: raises(texts) if "bad" in texts else embedder.letters.embed(texts)
    texts = ["a"] * CHUNK_ROWS + ["bad"]
    batch = router.route_batch(texts)
    assert batch.handled[:CHUNK_ROWS].all()
    assert batch[CHUNK_ROWS].reason == "unavailable"


def test_an_interrupt_in_the_embedder_is_not_swallowed(moody):
    router, embedder = moody

    def interrupt(texts):
        raise KeyboardInterrupt

    embedder.mood = interrupt
    with pytest.raises(KeyboardInterrupt):
        router.route("a")


def test_a_graph_that_fails_on_some_input_defers_it(bundles, caplog):
    # the first number as an index into three labels: a 3 is out of range, and no smoke vector has one
    text = bundles.graph_text().replace(
        "may0 = Gather(allowed, top0)",
        """
  column = Unsqueeze(finite, axis)
  safe = Where(column, embedding, zero)
  first = Gather<axis = 1>(safe, int_0)
  row = Cast<to = 7>(first)
  known = Gather(allowed, row)
  always = Or(known, near)
  able0 = Gather(allowed, top0)
  may0 = And(able0, always)
""",
    )
    text = text.replace("float big", "float zero = {0.0}, float big")
    router = open_router(
        parse_bundle(bundles.forge(contents=bundles.members(**{"policy.onnx": bundles.policy_onnx(text)})))
    )
    assert router.route([2, 0, 0, 0]).handled
    with caplog.at_level(logging.WARNING):
        assert router.route([3, 0, 0, 0]) == Decision(None, False, 0.0, None, Reason.UNAVAILABLE)
        assert router.route_batch([[3, 0, 0, 0]]).reasons.tolist() == ["unavailable"]
    assert "the policy failed, and the input is deferred" in caplog.text


def test_classify_asks_the_teacher_only_where_deferred(texts_router):
    asked = []

    def teacher(text):
        asked.append(text)
        return "from the teacher"

    assert texts_router.classify("a", teacher) == "card_arrival"
    assert texts_router.classify("hello", teacher=teacher) == "from the teacher"
    assert asked == ["hello"]


def test_classify_takes_the_vector_beside_the_text(router):
    assert router.classify("where is it?", lambda text: text.upper(), vector=[2, 0, 0, 0]) == "card_arrival"
    assert router.classify("where is it?", lambda text: text.upper(), vector=[0, 0, 0, 0]) == "WHERE IS IT?"


class TeacherError(Exception):
    pass


def failing(text):
    raise TeacherError(text)


def test_the_teacher_s_exception_passes_untouched(texts_router):
    with pytest.raises(TeacherError, match="hello") as caught:
        texts_router.classify("hello", failing)
    assert caught.value.__cause__ is None

    async def failing_later(text):
        raise TeacherError(text)

    for teacher in (failing, failing_later):
        with pytest.raises(TeacherError, match="hello"):
            asyncio.run(texts_router.aclassify("hello", teacher))


def test_an_asynchronous_teacher_needs_aclassify(texts_router):
    async def teacher(text):
        return f"later: {text}"

    with pytest.raises(TypeError, match=r"await router.aclassify"):
        texts_router.classify("hello", teacher)
    assert texts_router.classify("a", teacher) == "card_arrival"
    assert asyncio.run(texts_router.aclassify("hello", teacher)) == "later: hello"
    assert asyncio.run(texts_router.aclassify("a", teacher)) == "card_arrival"
    assert asyncio.run(texts_router.aclassify("hello", str.upper)) == "HELLO"


def test_an_embedder_that_waits_does_not_hold_up_the_event_loop(moody):
    router, embedder = moody
    begun, free, waited = threading.Event(), threading.Event(), []

    def waiting(texts):
        begun.set()
        waited.append(free.wait(AT_MOST_S))
        return embedder.letters.embed(texts)

    async def free_it_from_the_loop():
        decision = asyncio.create_task(router.aclassify("a", str.upper))
        await asyncio.to_thread(begun.wait, AT_MOST_S)
        free.set()
        return await decision

    embedder.mood = waiting
    assert asyncio.run(free_it_from_the_loop()) == "card_arrival"
    assert waited == [True]


def test_a_vector_is_routed_on_the_event_loop(router):
    assert asyncio.run(router.aclassify("text", str.upper, vector=[0, 2, 0, 0])) == "top_up"


def test_a_router_says_what_it_is(bundles, router):
    sealed = bundles.manifest().sealed(bundles.members())
    assert (router.name, router.version, router.labels, router.dimension) == (
        "support-intents", sealed.version, bundles.LABELS, 4,
    )  # fmt: skip
    assert router.manifest == sealed
    assert router.certificate == {"schema_version": 1, "status": "certified", "claim": "agreement"}
    router.certificate["claim"] = "changed"
    assert router.certificate["claim"] == "agreement"
    assert repr(router) == (
        f"<Router support-intents {sealed.version}: rsb (logreg -> mlp), 3 labels, precomputed (4), certified>"
    )


def test_a_router_is_loaded_by_each_process_and_not_sent_there(router):
    for send in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="load the bundle in each process"):
            send(router)


def test_many_threads_get_the_answers_of_one(router):
    X = vectors(64)
    alone = [router.route(x) for x in X]
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(lambda _: [router.route(x) for x in X], range(40)):
            assert answers == alone
        for batch in pool.map(lambda _: list(router.route_batch(X)), range(20)):
            assert all(same(got, want) for got, want in zip(batch, alone, strict=True))


def at_each_instruction(codes, act):
    """Return a trace function that acts before every instruction of some functions: no clock decides where."""

    def before_each_instruction(frame, event, _):
        if event == "opcode":
            act()
        return before_each_instruction

    def on_call(frame, event, _):
        if frame.f_code not in codes:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return before_each_instruction

    return on_call


def interrupt():
    signal.raise_signal(signal.SIGTERM)


def test_a_signal_s_handler_may_decide_in_the_middle_of_a_decision(router):
    X = vectors(64)
    expected = list(router.route_batch(X))
    rows, inside = itertools.cycle(range(64)), []

    def decide(*_):
        row = next(rows)
        inside.append((row, router.route(X[row])))

    handler, tracer = signal.signal(signal.SIGTERM, decide), sys.gettrace()
    sys.settrace(at_each_instruction({Router.route.__code__}, interrupt))
    try:
        wrong = [row for row in range(64) if not same(router.route(X[row]), tuple(expected[row]))]
    finally:
        sys.settrace(tracer)
        signal.signal(signal.SIGTERM, handler)
    assert wrong == []
    assert len(inside) > 64 * 50
    assert all(same(got, tuple(expected[row])) for row, got in inside)


def raising_at(codes, place):
    """Return a trace function that raises SIGTERM once, before one instruction of all those of some functions."""
    instructions = itertools.count()

    def interrupt_there():
        if next(instructions) == place:
            interrupt()

    return at_each_instruction(codes, interrupt_there)


class TimeLimit:
    """A handler that is an object; its exception has a type that embedders raise too."""

    def __call__(self, *_):
        raise TimeoutError("the app's own")


def time_limit(*_):
    raise TimeoutError("the app's own")


def places(call, codes, handler=time_limit):
    """Call once for each instruction with a handler that raises there, and yield what comes out."""
    before, tracer = signal.signal(signal.SIGTERM, handler), sys.gettrace()
    try:
        for place in itertools.count():
            sys.settrace(raising_at(codes, place))
            try:
                outcome = call()
            except TimeoutError as error:
                outcome = error
            finally:
                sys.settrace(tracer)
            yield outcome
            if not isinstance(outcome, TimeoutError):
                return
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    "handler",
    [time_limit, TimeLimit(), TimeLimit().__call__, functools.partial(time_limit, 1)],
    ids=["function", "object", "method", "partial"],
)
def test_what_a_signal_s_handler_raises_passes_wherever_it_interrupts(bundles, moody, handler, caplog):
    codes = {
        each.__code__ for each in (Router.route, Router._embed, OneRow.__init__, embed_texts, bundles.Letters.embed)
    }
    data = bundles.forge(bundles.manifest(embedder=bundles.LETTERS).document())
    fresh = [open_router(parse_bundle(data), embedder=bundles.Letters()) for _ in range(2)]

    def first_and_later():
        fresh[0]._idle.clear()  # so that its memory is made anew
        return fresh[0].route("a")

    for call in (first_and_later, lambda: fresh[1].route("a"), lambda: fresh[1].route([2.0, 0, 0, 0])):
        *raised, decision = places(call, codes, handler)
        assert len(raised) > 20
        assert {str(each) for each in raised} == {"the app's own"}
        assert decision.label == "card_arrival"
    batch = {Router.route_batch.__code__, RowBatches.route.__code__, RowBatches._decide.__code__, embed_texts.__code__}
    *raised, decided = places(lambda: fresh[1].route_batch(["a"]), batch, handler)
    assert len(raised) > 100
    assert decided.labels == ["card_arrival"]
    assert "deferred" not in caplog.text


def test_a_time_limit_that_an_embedder_dresses_up_passes_too(moody):
    router, embedder = moody

    def wrapping(texts):
        try:
            signal.raise_signal(signal.SIGTERM)
        except TimeoutError:
            raise ConnectionError("no answer") from None

    embedder.mood = wrapping
    before = signal.signal(signal.SIGTERM, time_limit)
    try:
        with pytest.raises(TimeoutError, match="the app's own"):
            router.route("a")
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupt_that_an_embedder_dresses_up_passes_too(moody):
    router, embedder = moody

    def steps():
        signal.raise_signal(signal.SIGINT)
        yield

    def wrapping(texts):
        try:
            list(steps())
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    embedder.mood = wrapping
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            router.route("a")
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_app_that_routes_after_its_time_limit_meets_it_once(moody, number):
    router, embedder = moody

    def failing(texts):
        raise ConnectionError("no answer")

    embedder.mood = failing
    before = signal.signal(number, time_limit if number == signal.SIGTERM else signal.default_int_handler)
    try:
        try:
            signal.raise_signal(number)
        except (TimeoutError, KeyboardInterrupt):
            assert router.route("a").reason == "unavailable"  # its failure has the app's exception as its context
    finally:
        signal.signal(number, before)


def test_a_time_limit_of_the_embedder_s_own_is_a_failure_of_it(moody):
    router, embedder = moody

    def slow(texts):
        raise TimeoutError("timed out")

    embedder.mood = slow
    assert router.route("a").reason == "unavailable"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_router_survives_a_fork(save, good):
    script = (
        "import os, sys\n"
        "from tracer_spec.runtime import load\n"
        "router = load(sys.argv[1])\n"
        "router.route([2, 0, 0, 0])\n"
        "child = os.fork()\n"
        "label = router.route([2, 0, 0, 0]).label\n"
        "if child == 0:\n"
        "    os._exit(0 if label == 'card_arrival' else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", script, str(save(good))], check=True, timeout=60)


def test_routing_a_vector_runs_onnx_runtime_once_and_little_beside(router):
    x, python, builtin = np.array([2, 0, 0, 0], np.float32), [], []

    def note(frame, event, called):
        if event == "call":
            python.append(frame.f_code)
        elif event == "c_call":
            builtin.append(called.__name__)

    router.route(x)  # the first makes the memory that all others use
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        router.route(x)
    finally:
        sys.setprofile(before)
    run = onnxruntime.InferenceSession.run_with_iobinding.__code__
    assert python.count(run) == 1
    ours = [code for code in python if "onnxruntime" not in code.co_filename]
    assert ours[0] is Router.route.__code__
    assert len(ours) <= 2, ours  # the other makes the named tuple
    assert builtin.count("item") <= 4
    assert not {"array", "zeros", "empty", "asarray", "astype"} & set(builtin)
    assert len(builtin) <= 12, builtin


def test_a_bundle_s_error_names_its_path(bundles, save):
    path = save(bundles.forge(bundles.manifest(embedder=bundles.LETTERS).document()))
    with pytest.raises(BundleError) as caught:
        load(path)
    assert caught.value.problems[0].where == str(path)
