"""Vectors that were paid for once: only new texts are embedded, and never beside vectors of another vintage."""

import json

import numpy as np
import pytest

import tracer_spec as ts
from tests.zygote import call
from tracer_spec.flow.cache.store import Entry, Store
from tracer_spec.flow.cache.text_vectors import BATCH, PROBES, KnownVectors
from tracer_spec.flow.progress import StepDone
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
import hashlib, os
from pathlib import Path
import numpy as np
from tracer_spec.plugin import Plugin, hookimpl

class Paid:
    is_service = True

    def embed(self, texts):
        with Path(os.environ["BILL"]).open("a") as bill:
            bill.writelines(text.replace(chr(10), " ") + chr(10) for text in texts)
        X = np.zeros((len(texts), 24), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                X[row, hashlib.sha256(word.encode()).digest()[0] % 24] += 1
        return X + np.float32(0.125)

    def fingerprint(self):
        return "paid 1"

    def state(self):
        return {}

def make(options):
    return Paid()

@hookimpl
def tracer_spec_embedders():
    yield Plugin("paid", "counts what it is asked", make)
"""


class Counting:
    """Embeds by a formula, and counts the texts; dies at a number of them."""

    def __init__(self, dies_at=None, moved=0.0):
        self.seen, self._dies_at, self._moved = [], dies_at, moved

    def __call__(self, texts):
        if self._dies_at is not None and len(self.seen) + len(texts) > self._dies_at:
            raise ConnectionError("gone")
        self.seen += texts
        return np.array([[len(text), sum(map(ord, text)) % 97 + self._moved, 1] for text in texts], np.float32)


def embed(store, counting, texts):
    return KnownVectors(store, counting, "fp").vectors(texts, lambda n: None)


@pytest.fixture
def store(tmp_path):
    one = Store(tmp_path)
    yield one
    one.close()


TEXTS = [f"text {n}" for n in range(1300)]


def test_vectors_are_the_same_with_a_cache_cold_or_warm_and_without(store):
    bare, cold, warm = Counting(), Counting(), Counting()
    want = np.array([[len(text), sum(map(ord, text)) % 97, 1] for text in TEXTS], np.float32)
    for counting, where in ((bare, Store(None)), (cold, store), (warm, store)):
        assert embed(where, counting, TEXTS).tobytes() == want.tobytes()
    assert warm.seen == []
    assert bare.seen == cold.seen == [*PROBES, *TEXTS]


def test_only_new_texts_are_embedded_each_once(store):
    embed(store, Counting(), TEXTS[:700])
    more = Counting()
    X = embed(store, more, [*TEXTS[:710], "text 705", "text 1"])
    assert more.seen == [*PROBES, *TEXTS[700:710]]
    assert X.shape == (712, 3)
    assert (X[710] == X[705]).all()
    assert (X[711] == X[1]).all()


@pytest.mark.parametrize("value", [b"", b"odd", b"\0" * 16])
def test_probes_that_are_none_begin_a_vintage(store, value):
    embedder = KnownVectors(store, Counting(), "fp")
    store.put(embedder._probe_key(), "probes", Entry(value))
    assert embedder.count(["where is my card?"]) == 0
    assert embedder.probes().shape[0] == len(PROBES)


def test_another_fingerprint_shares_nothing(store):
    embed(store, Counting(), TEXTS[:3])
    other = Counting()
    KnownVectors(store, other, "fp 2").vectors(TEXTS[:3], lambda n: None)
    assert other.seen == [*PROBES, *TEXTS[:3]]


def test_what_was_embedded_before_it_died_is_kept(store):
    with pytest.raises(ConnectionError):
        embed(store, Counting(dies_at=len(PROBES) + 2 * BATCH), TEXTS)
    again = Counting()
    embed(store, again, TEXTS)
    assert again.seen == [*PROBES, *TEXTS[2 * BATCH :]]


def test_new_texts_never_join_vectors_of_a_model_that_changed_under_its_name(store):
    embed(store, Counting(), TEXTS[:5])
    moved = Counting(moved=1.0)
    known = KnownVectors(store, moved, "fp")
    X = known.vectors(TEXTS[:6], lambda n: None)
    assert moved.seen == [*PROBES, *TEXTS[:6]]
    assert X[:, 1].tolist() == [sum(map(ord, text)) % 97 + 1 for text in TEXTS[:6]]
    assert known.probes()[0, 1] == sum(map(ord, PROBES[0])) % 97 + 1
    assert "gives other vectors" in store.notes[0]
    after = Counting(moved=1.0)
    embed(store, after, TEXTS[:6])
    assert after.seen == []


def test_where_nothing_is_new_the_probes_are_those_of_the_vectors(store):
    embed(store, Counting(), TEXTS[:5])
    moved = Counting(moved=1.0)
    known = KnownVectors(store, moved, "fp")
    assert known.vectors(TEXTS[:5], lambda n: None)[0, 1] == sum(map(ord, TEXTS[0])) % 97
    assert known.probes()[0, 1] == sum(map(ord, PROBES[0])) % 97
    assert moved.seen == []


@pytest.fixture
def paid(tmp_path, monkeypatch):
    """Install an embedder that writes down every text it is asked for, and return how to build with it."""
    site = tmp_path / "site"
    put_distribution(site, "paid", "1", {"paid": "paid_plugin"}, paid_plugin=PLUGIN)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("BILL", str(tmp_path / "bill"))
    monkeypatch.setenv("TRACER_SPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACER_SPEC_CACHE_MB", raising=False)
    rng = np.random.default_rng(0)
    words = {"card": ["card", "chip", "plastic"], "loan": ["loan", "borrow", "interest"], "fee": ["fee", "charge"]}
    rows = []
    for n in range(400):
        label = sorted(words)[rng.integers(3)]
        rows.append({"id": f"e{n}", "input": f"{rng.choice(words[label])} {n}", "teacher": label})
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "version": 1,
        "name": "paid",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "embedder": "paid",
        "zoo": ["logreg"],
        "target": {"agreement": 0.9},
    }

    def build(**options):
        (tmp_path / "bill").write_text("")
        result = ts.build(spec, out=tmp_path / "out.tracer", workers=1, **options)
        return result, len((tmp_path / "bill").read_text().splitlines())

    return build


def test_a_rebuild_calls_no_paid_service_and_comes_to_the_same(paid):
    steps = []
    first, asked = paid(observe=steps.append)
    assert asked == 400 + len(PROBES)
    told = [each.step for each in steps if isinstance(each, StepDone) and "embedded" in each.step]
    assert any(f"{first.n_fit} of {first.n_fit} texts embedded" in step for step in told)
    second, asked = paid()
    assert asked == 0
    without, asked = paid(cache=False)
    assert asked == 400 + len(PROBES)
    assert first.sha256 == second.sha256 == without.sha256 != ""


def test_a_draft_pays_for_no_certify_row(paid):
    draft, asked = paid(draft=True)
    assert asked == draft.n_fit + len(PROBES)
    certified, asked = paid()
    assert asked == certified.n_certify + len(PROBES)


def test_texts_never_go_into_the_cache(paid, tmp_path):
    paid()
    held = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert len(held) > 50_000
    assert b"borrow" not in held
    assert b"interest" not in held


def test_cache_info_and_clear_tell_what_there_is(paid, tmp_path):
    paid()

    def told(*args):
        done = call("cache", *args, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    document = json.loads(told("info", "--json"))
    assert document["path"] == str(tmp_path / "cache" / "cache-v1.sqlite")
    assert document["entries"]["vector"] == {"n": 400, "bytes": 400 * 24 * 4}
    assert "400 vectors of texts (38.4 kB)" in told("info")
    assert told("clear").startswith("removed ")
    assert "holds nothing" in told("clear")
