from __future__ import annotations

import contextlib
import email.utils
import itertools
import json
import subprocess
import sys
import time

import numpy as np
import openai_endpoint as served
import pytest
import tracer_spec
from tracer_spec.errors import BundleError, PluginError, SpecError
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.testing import EmbedderContract

from tracer_spec_openai import OpenAIOptions
from tracer_spec_openai.embedder import NOTHING, OpenAIEmbedder, batches

KEY = "sk-proj-0123456789abcdef"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path_factory):
    """A key, and a cache that holds no vector of another run."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("TRACER_SPEC_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def embedder(endpoint):
    def make(**options):
        given = {"model": "m", "base_url": endpoint.url, "backoff_s": 0.01, "timeout_s": 60.0, "deadline_s": 200.0}
        return OpenAIEmbedder(OpenAIOptions.model_validate(given | options))

    return make


@pytest.fixture
def waits(monkeypatch):
    """The waits that are asked for, in seconds; none of them is waited."""
    asked = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


def expected(*texts):
    return np.array([served.vector(text) for text in texts], np.float32)


class TestContract(EmbedderContract):
    plugin = "openai"
    others = [{"model": "other"}, {"model": "m", "dimensions": 4}, {"model": "m", "prefix": "query: "}]

    def prepare(self, folder):
        endpoint = self.kept("endpoint", served.Endpoint)
        return {"model": "m", "base_url": endpoint.url}

    @classmethod
    def teardown_class(cls):
        if "endpoint" in cls._kept:
            cls._kept["endpoint"].close()
        super().teardown_class()


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_a_request_is_what_openai_documents(endpoint, embedder):
    X = embedder(model="text-embedding-3-small", dimensions=4).embed(["a", "b"])
    ((path, headers, body, _),) = endpoint.requests
    assert path == "/v1/embeddings"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 4,
    }
    np.testing.assert_array_equal(X, np.array([served.vector("a", 4), served.vector("b", 4)], np.float32))


def test_without_a_key_no_key_is_sent(endpoint, embedder):
    embedder(api_key_env=None).embed(["a"])
    assert "authorization" not in endpoint.requests[0][1]


def test_batches_are_bounded_by_count_and_by_characters_and_keep_the_order(endpoint, embedder):
    texts = [letter * length for letter, length in zip("abcdefgh", (1, 1, 1, 9, 30, 2, 2, 2), strict=True)]
    X = embedder(batch_texts=3, batch_chars=10).embed(texts)
    assert endpoint.inputs == [["a", "b", "c"], ["d" * 9], ["e" * 30], ["ff", "gg", "hh"]]
    np.testing.assert_array_equal(X, expected(*texts))


@pytest.mark.parametrize(("most_texts", "most_chars"), list(itertools.product((1, 2, 5), (1, 4, 100))))
def test_batches_are_as_long_as_they_may_be(most_texts, most_chars):
    texts = ["x" * (number % 7) for number in range(40)]
    got = list(batches(texts, most_texts, most_chars))
    assert [text for batch in got for text in batch] == texts
    for batch, after in itertools.pairwise([*got, []]):
        assert len(batch) == 1 or (len(batch) <= most_texts and sum(map(len, batch)) <= most_chars)
        if after:
            assert len(batch) == most_texts or sum(map(len, batch)) + len(after[0]) > most_chars


def test_a_text_that_comes_twice_is_sent_once(endpoint, embedder):
    X = embedder().embed(["a", "b", "a", "a"])
    assert endpoint.inputs == [["a", "b"]]
    np.testing.assert_array_equal(X, expected("a", "b", "a", "a"))


def test_texts_are_prefixed_cut_and_never_empty(endpoint, embedder):
    embedder(prefix="query: ", max_chars=5).embed(["", " \n", "abcdefgh", "lone \ud800"])
    assert endpoint.inputs == [["query: (empt", "query: abcde", "query: lone "]]
    embedder().embed(["", "lone \ud800"])
    assert endpoint.inputs[1] == [NOTHING, "lone ?"]


def test_no_texts_are_no_request(endpoint, embedder, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert embedder().embed([]).shape == (0, 0)
    assert embedder(dimensions=3).embed([]).shape == (0, 3)
    assert endpoint.requests == []


def test_the_fingerprint_is_of_the_function_and_not_of_the_address():
    def mark(**options):
        return OpenAIEmbedder(OpenAIOptions.model_validate({"model": "m"} | options)).fingerprint()

    same = [
        {"base_url": "http://localhost:8000/v1"},
        {"api_key_env": None},
        {"batch_texts": 1},
        {"attempts": 1},
    ]
    other = [
        {"model": "n"},
        {"dimensions": 8},
        {"prefix": "q"},
        {"max_chars": 9},
        {"normalize": True},
    ]
    assert {mark(**options) for options in same} == {mark()}
    assert len({mark(), *(mark(**options) for options in other)}) == 6


# --- what is worth trying again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        *(pytest.param(served.status(code), id=str(code)) for code in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
        *(pytest.param(each, id=each.__name__) for each in (served.dropped, served.cut_short, served.half_json)),
    ],
)
def test_a_passing_fault_is_tried_again(endpoint, embedder, failure):
    endpoint.script = [failure, failure]
    np.testing.assert_array_equal(embedder().embed(["a", "b"]), expected("a", "b"))
    assert endpoint.inputs == [["a", "b"]] * 3


def test_a_slow_answer_is_given_up_and_tried_again(endpoint, embedder):
    endpoint.script = [served.never]
    np.testing.assert_array_equal(embedder(timeout_s=1).embed(["a"]), expected("a"))
    assert len(endpoint.requests) >= 2


def test_a_server_that_drips_is_bounded_by_the_clock(endpoint, embedder):
    endpoint.script = [served.drip]
    started = time.monotonic()
    np.testing.assert_array_equal(embedder(timeout_s=1).embed(["a"]), expected("a"))
    assert time.monotonic() - started > 0.95
    assert len(endpoint.requests) >= 2


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (served.status(400, "bad\n input"), "the endpoint refuses: status 400, 'bad input'"),
        (served.status(404, "no such model"), "the endpoint refuses: status 404, 'no such model'"),
        (served.status(422), "the endpoint refuses: status 422"),
        (served.status(307, location="http://elsewhere.example/v1"), "the endpoint refuses: status 307"),
        (served.status(401, f"Incorrect API key provided: {KEY}"), "the endpoint refuses the key: status 401"),
        (served.status(429, "You exceeded", "insufficient_quota"), "the endpoint refuses: status 429, 'You exceeded'"),
    ],
    ids=["400", "404", "422", "redirect", "401", "quota"],
)
def test_a_refusal_is_not_tried_again(endpoint, embedder, failure, told):
    endpoint.script = [failure]
    with pytest.raises(PluginError) as refused:
        embedder().embed(["a"])
    assert refused.value.problems[0].what == told
    assert len(endpoint.requests) == 1


def test_tries_come_to_an_end_and_the_last_fault_is_told(endpoint, embedder):
    endpoint.script = [served.status(500, "on fire")] * 9
    with pytest.raises(PluginError) as refused:
        embedder(attempts=3).embed(["a"])
    assert refused.value.problems[0].what == "the endpoint gave no embeddings after 3 tries: status 500, 'on fire'"
    assert len(endpoint.requests) == 3


def test_a_port_where_nobody_listens_is_told_as_such(endpoint, embedder):
    endpoint.close()
    with pytest.raises(PluginError, match=r"after 2 tries: the connection failed \(ConnectError\)"):
        embedder(attempts=2).embed(["a"])
    endpoint.close = lambda: None


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_retry_after_is_honoured(endpoint, embedder, as_date):
    def later(handler, body):
        # a date has whole seconds: two from now is more than one
        asked = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        served.status(429, retry_after=asked)(handler, body)

    endpoint.script = [later]
    embedder().embed(["a"])
    first, second = (at for *_, at in endpoint.requests)
    assert second - first >= 0.9


@pytest.mark.parametrize("asked", ["soon", "", "-5", "nan"])
def test_a_retry_after_that_says_nothing_is_no_wait(endpoint, embedder, waits, asked):
    endpoint.script = [served.status(429, retry_after=asked)]
    np.testing.assert_array_equal(embedder(backoff_s=0.01).embed(["a"]), expected("a"))
    (wait,) = waits
    assert wait <= 0.01


def test_a_wait_beyond_the_deadline_is_not_begun(endpoint, embedder, waits):
    endpoint.script = [served.status(429, retry_after="3600")]
    with pytest.raises(PluginError, match="within deadline_s, 200 s: status 429; it asks to wait 3600 s"):
        embedder().embed(["a"])
    assert waits == []


def test_the_deadline_is_of_all_requests_together(endpoint, embedder):
    endpoint.script = [served.slow(0.2)] * 50
    with pytest.raises(PluginError, match=r"within deadline_s, 0\.7 s"):
        embedder(batch_texts=1, deadline_s=0.7).embed([str(number) for number in range(50)])
    assert len(endpoint.requests) <= 4  # each takes at least 0.2 s


def test_waits_are_random_and_grow(endpoint, embedder, waits):
    endpoint.script = [served.status(500)] * 40
    with pytest.raises(PluginError):
        embedder(attempts=40, backoff_s=0.001, deadline_s=4000).embed(["a"])
    assert len(set(waits)) == len(waits) == 39
    assert all(wait <= min(0.001 * 2**n, 30) for n, wait in enumerate(waits))
    assert sum(waits[-16:]) / 16 > 5  # up to 30 each, 15 on average


# --- what is answered -------------------------------------------------------------------------------------------------


def test_vectors_come_back_in_the_order_of_the_texts_however_they_are_shuffled(endpoint, embedder):
    texts = [str(number) for number in range(20)]
    order = np.random.default_rng(0).permutation(20)
    endpoint.script = [served.changed(lambda items: [items[i] for i in order])]
    np.testing.assert_array_equal(embedder().embed(texts), expected(*texts))


def with_vector(held):
    return served.changed(lambda items: [*items[:1], {**items[1], "embedding": held}, *items[2:]])


def with_index(value):
    return served.changed(lambda items: [*items[:1], {**items[1], "index": value}, *items[2:]])


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (served.changed(lambda items: items[:2]), "the endpoint gave 2 vectors for 3 texts"),
        (served.changed(lambda items: items + items[:1]), "the endpoint gave 4 vectors for 3 texts"),
        (with_index(0), "the endpoint does not say, by 'index' from 0 to 2, which vector is whose"),
        (with_index(None), "the endpoint does not say, by 'index' from 0 to 2, which vector is whose"),
        (with_index(True), "the endpoint does not say, by 'index' from 0 to 2, which vector is whose"),
        (with_vector([float("nan")] * 6), "the endpoint gave vectors that are not finite, for 1 of 3 texts"),
        (with_vector([float("inf")] + [0.0] * 5), "the endpoint gave vectors that are not finite, for 1 of 3 texts"),
        (with_vector([0.0] * 6), "the endpoint gave vectors of zeros, for 1 of 3 texts"),
        (with_vector([None] * 6), "the endpoint gave a vector that holds other things than numbers"),
        (with_vector(["1.0"] * 6), "the endpoint gave a vector that holds other things than numbers"),
        (with_vector([10**400] * 6), "the endpoint gave a number too large for any float"),
        (with_vector([1.0] * 5), "the endpoint gave vectors of different lengths: 5 and 6"),
        (with_vector("AACAPwAAgD8="), "the endpoint gave str where a list of numbers belongs"),
        (with_vector([]), "the endpoint gave list where a list of numbers belongs"),
        (with_vector([1e300] * 6), "the endpoint gave numbers whose square is not a float32"),
        (lambda handler, body: handler.answer(b"[]"), "the endpoint's answer has no list 'data' of objects"),
        (lambda handler, body: handler.answer(b'{"data": [1]}'), "the endpoint's answer has no list 'data' of objects"),
    ],
)
def test_an_answer_that_is_wrong_is_refused_at_once(endpoint, embedder, behaviour, told):
    endpoint.script = [behaviour]
    with pytest.raises(PluginError) as refused:
        embedder().embed(["a", "b", "c"])
    assert refused.value.problems[0].what == told
    assert len(endpoint.requests) == 1


def test_one_dimension_for_ever(endpoint, embedder):
    shorter = served.changed(lambda items: [{**item, "embedding": item["embedding"][:4]} for item in items])
    endpoint.script = [served.good, shorter]
    part = embedder(batch_texts=1)
    with pytest.raises(PluginError, match="vectors of length 4; expected 6"):
        part.embed(["a", "b"])
    endpoint.script = [shorter]
    with pytest.raises(PluginError, match="vectors of length 4; expected 6"):
        part.embed(["c"])
    endpoint.script = [shorter]
    with pytest.raises(PluginError, match="vectors of length 4; expected 5"):
        embedder(dimensions=5).embed(["a"])


def test_normalised_vectors_have_length_one(endpoint, embedder):
    longer = served.changed(lambda items: [{**i, "embedding": [7 * v for v in i["embedding"]]} for i in items])
    endpoint.script = [longer, longer]
    np.testing.assert_allclose(embedder(normalize=True).embed(["a", "b"]), expected("a", "b"), atol=1e-6)
    np.testing.assert_allclose(embedder().embed(["a", "b"]), 7 * expected("a", "b"), atol=1e-5)


def test_an_endless_answer_is_not_read_to_its_end(endpoint, embedder, monkeypatch):
    monkeypatch.setattr("tracer_spec_openai.client._ANSWER_BYTES_PER_TEXT", 1000)

    def endless(handler, body):
        try:
            handler.answer(b" " * 10_000_000)
        except OSError:
            handler.close_connection = True

    endpoint.script = [endless]
    with pytest.raises(PluginError, match="longer than 1,000 bytes"):
        embedder().embed(["a"])


# --- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "  \n", None])
def test_a_key_that_is_not_set_is_named_and_nothing_is_sent(endpoint, embedder, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("OPENAI_API_KEY")
    else:
        monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(PluginError) as refused:
        embedder().embed(["a"])
    assert "OPENAI_API_KEY" in refused.value.problems[0].what
    assert endpoint.requests == []


@pytest.mark.parametrize("bad", [f"{KEY}\r\nx: y", f"{KEY}é", f"{KEY} {KEY}"])
def test_a_key_that_no_header_can_hold_is_not_shown(endpoint, embedder, monkeypatch, bad):
    monkeypatch.setenv("OPENAI_API_KEY", bad)
    with pytest.raises(PluginError) as refused:
        embedder().embed(["a"])
    assert KEY not in str(refused.value)
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "behaviour",
    [
        served.status(400, f"you sent {KEY}"),
        served.status(401, f"Incorrect API key provided: {KEY}"),
        served.status(403, f"{KEY} may not"),
        served.status(500, f"{KEY}"),
        served.dropped,
    ],
)
def test_the_key_is_in_no_error_and_in_nothing_that_is_printed(endpoint, embedder, behaviour):
    import traceback

    endpoint.script = [behaviour] * 2
    part = embedder(attempts=2)
    with pytest.raises(PluginError) as refused:
        part.embed(["a"])
    assert KEY not in "".join(traceback.format_exception(refused.value)) + repr(part) + repr(vars(part))
    assert KEY not in repr(part._client.begin())


@pytest.mark.parametrize("behaviour", [served.good, served.status(500, f"{KEY}"), served.dropped, served.half_json])
def test_the_key_is_in_no_log_at_any_level(endpoint, embedder, behaviour, caplog):
    caplog.set_level(1)
    endpoint.script = [behaviour] * 2
    with contextlib.suppress(PluginError):
        embedder(attempts=2).embed(["a"])
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert {"httpx", "httpcore"} & names  # those who speak to the endpoint do log
    assert KEY not in caplog.text + "".join(repr(vars(record)) for record in caplog.records)


def test_a_build_that_is_refused_prints_the_reason_and_no_key(endpoint, tmp_path):
    endpoint.script = [served.status(400, f"you sent {KEY}, too long")] * 100
    rows = [{"id": str(i), "input": f"text {i}", "teacher": f"t{i % 2}"} for i in range(100)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "router.yaml").write_text(SPEC.replace("KEY", "base_url").replace("VALUE", endpoint.url))
    command = [sys.executable, "-m", "tracer_spec", "build", "router.yaml", "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "the endpoint refuses: status 400, 'you sent ***, too long'" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in done.stdout + done.stderr
    assert KEY.encode() not in left


SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: {use: openai, with: {model: m, KEY: "VALUE"}}
zoo: [logreg]
target: {agreement: 0.9}
"""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("base_url", "ftp://secret/v1"),
        ("base_url", "secret:8000"),
        ("base_url", "http://"),
        ("base_url", "http://[secret"),
        ("base_url", "https://user:secret@host/v1"),
        ("base_url", "https://host/v1?key=secret"),
        ("api_key_env", "sk-secret"),
    ],
)
def test_an_option_that_may_hold_a_secret_is_refused_without_showing_it(tmp_path, option, value):
    (tmp_path / "router.yaml").write_text(SPEC.replace("KEY", option).replace("VALUE", value))
    with pytest.raises(SpecError) as refused:
        make_plan(load_spec(tmp_path / "router.yaml"), find_plugins())
    (problem,) = refused.value.problems
    assert (problem.address, problem.where.rpartition("router.yaml")[2][:3]) == ("embedder.with", ":4:")
    assert option in problem.what
    assert "secret" not in str(refused.value)


def test_the_address_is_the_official_client_s_variable_where_no_option_gives_it(endpoint, monkeypatch):
    part = OpenAIEmbedder(OpenAIOptions(model="m", attempts=1))
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    part.embed(["a"])
    assert endpoint.requests[0][0] == "/v1/embeddings"
    monkeypatch.setenv("OPENAI_BASE_URL", "https://user:secret@host/v1")
    with pytest.raises(PluginError, match="variable OPENAI_BASE_URL holds a user, a password or a query") as refused:
        part.embed(["a"])
    assert "secret" not in str(refused.value)
    assert len(endpoint.requests) == 1


def test_what_does_not_decide_the_vectors_is_the_app_s_to_give():
    decides = {"model", "dimensions", "prefix", "max_chars", "normalize"}
    assert set(OpenAIOptions.model_fields) - OpenAIOptions.deployment_options() == decides


def test_an_address_may_end_in_a_slash(endpoint, embedder):
    embedder(base_url=f"{endpoint.url}/").embed(["a"])
    assert endpoint.requests[0][0] == "/v1/embeddings"


def test_a_build_asks_the_endpoint_and_the_bundle_asks_it_again(endpoint, tmp_path):
    def near(handler, body):
        """Give texts of one word's kind vectors that lie together."""
        rows = [[1.0, 0.1 * len(text), 0] if "card" in text else [0, 0.1 * len(text), 1.0] for text in body["input"]]
        items = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
        handler.answer(json.dumps({"data": items}).encode())

    endpoint.script = [near] * 100
    rows = [
        {"id": str(i), "input": f"{'card' if i % 2 else 'loan'} {i % 50}", "teacher": f"t{i % 2}"} for i in range(600)
    ]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}, "repeats": "traffic"},
        "embedder": {"use": "openai", "with": {"model": "m", "base_url": endpoint.url}},
        "zoo": ["logreg"],
        "target": {"agreement": 0.9},
    }
    result = tracer_spec.build(spec, out=tmp_path / "small.tracer", workers=1)
    assert result.status == "certified"
    sent = len(endpoint.requests)
    with pytest.raises(BundleError, match=r"needs the embedder 'openai' .*, and only the bundle itself says so"):
        tracer_spec.load(tmp_path / "small.tracer")
    assert len(endpoint.requests) == sent
    place = {"base_url": endpoint.url}
    router = tracer_spec.load(tmp_path / "small.tracer", embedder="openai", embedder_options=place)
    decision = router.route("card 7")
    assert (decision.label, decision.handled) == ("t1", True)
    assert KEY.encode() not in (tmp_path / "small.tracer").read_bytes()
    assert endpoint.url not in str(router.manifest) + str(router.manifest.embedder.options)
    assert router.manifest.embedder.options["model"] == "m"
    # what was paid for is not paid again
    sent = len(endpoint.requests)
    tracer_spec.build(spec, out=tmp_path / "again.tracer", workers=1)
    assert len(endpoint.requests) == sent
    # the endpoint now serves another model under the same name
    endpoint.script = []
    router = tracer_spec.load(tmp_path / "small.tracer", embedder="openai", embedder_options=place)
    assert router.route("card 7").reason == "unavailable"
    with pytest.raises(BundleError, match="gives the probe texts vectors of shape"):
        router.check_embedder()
    # and then nobody is there, while the app starts
    endpoint.script = [near] * 100
    sent = len(endpoint.requests)
    nowhere = place | {"base_url": "http://127.0.0.1:9/v1", "attempts": 1}
    router = tracer_spec.load(tmp_path / "small.tracer", embedder="openai", embedder_options=nowhere)
    assert router.route("card 7").reason == "unavailable"
    assert len(endpoint.requests) == sent
