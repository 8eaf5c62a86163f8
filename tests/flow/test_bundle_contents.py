"""What is put into a bundle: a third party's embedder that breaks its contract, and the form of a router's answers."""

import json

import pytest

import tracer_spec as ts
from tracer_spec.errors import PluginError
from tracer_spec.flow.certify_rows import EmbeddedRows
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
import hashlib
import numpy as np
from tracer_spec.plugin import Plugin, hookimpl

class Stateless:
    def embed(self, texts):
        digests = [hashlib.sha256(text.split()[0].encode()).digest()[:16] for text in texts]
        return np.array([list(digest) for digest in digests], np.float32) / 255

    def fingerprint(self):
        return "stateless 1"

class Listed(Stateless):
    def state(self):
        return [b"weights"]

class Kept(Stateless):
    def __init__(self, state):
        self.kept = state

    def state(self):
        return self.kept

class Forgetful(Kept):
    def restore(self, state):
        back = Forgetful(state)
        back.fingerprint = lambda: "another"
        return back

class Unsigned(Kept):
    def fingerprint(self):
        return None

class Restless(Kept):
    calls = -1

    def fingerprint(self):
        self.calls += 1
        return str(self.calls)

class Unkept(Kept):
    def fit(self, texts, *, seed):
        fitted = Unkept({})
        fitted.fingerprint = lambda: "learned"
        return fitted

class Leaves(Kept):
    def embed(self, texts):
        raise SystemExit(3)

class PanicException(BaseException):  # what a library in Rust raises where it panics: no Exception
    pass

class Panics(Kept):
    def embed(self, texts):
        raise PanicException("index out of bounds")

@hookimpl
def tracer_spec_embedders():
    yield Plugin("written", "has a state of text", lambda options: Kept({"w.npy": "weights"}))
    yield Plugin("astray", "has a state beside its folder", lambda options: Kept({"../w.npy": b"weights"}))
    yield Plugin("kept", "has a state that nothing restores", lambda options: Kept({"w.npy": b"weights"}))
    yield Plugin("forgetful", "comes back as another", lambda options: Forgetful({"w.npy": b"weights"}))
    yield Plugin("unsigned", "has no fingerprint", lambda options: Unsigned({}))
    yield Plugin("restless", "has another fingerprint each time", lambda options: Restless({}))
    yield Plugin("unkept", "learns, and has no state", lambda options: Unkept({}))
    yield Plugin("leaves", "ends the process", lambda options: Leaves({}))
    yield Plugin("panics", "panics", lambda options: Panics({}))
    yield Plugin("stateless", "has no state()", lambda options: Stateless())
    yield Plugin("listed", "has a state that is a list", lambda options: Listed())
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """Install the embedders above, and return a spec that is certified in a second."""
    site = tmp_path / "site"
    put_distribution(site, "third-party", "3", {"third": "third_party_plugin"}, third_party_plugin=PLUGIN)
    monkeypatch.syspath_prepend(site)
    rows = [{"id": f"e{n}", "input": f"{'ab'[n % 2]} {n}", "teacher": "ab"[n % 2]} for n in range(400)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "zoo": ["logreg"],
        "families": ["global"],
        "target": {"agreement": 0.9},
    }


@pytest.mark.parametrize(
    ("embedder", "said"),
    [
        ("stateless", "failed: AttributeError: 'Stateless' object has no attribute 'state'"),
        ("listed", "has a state of the type list; a mapping of names to bytes is wanted"),
        ("written", "has 'w.npy' in its state as str; bytes are wanted"),
        ("astray", "has '../w.npy' in its state; a file of letters, digits, '.', '_' and '-' is wanted"),
        ("kept", "has a state, and no restore() that would bring it back from w.npy"),
        (
            "forgetful",
            "has the fingerprint 'stateless 1', and 'another' when it comes back from its state",
        ),
        ("unsigned", "has the fingerprint None; a text of 1 to 200 characters is wanted"),
        ("restless", "has the fingerprint '0', and '1' when asked again: no app could load its bundle"),
        (
            "unkept",
            "has the fingerprint 'learned', and 'stateless 1' as an app makes it: what it learned is in no state",
        ),
        ("leaves", "failed: SystemExit: 3"),
        ("panics", "failed: PanicException: index out of bounds"),
    ],
)
def test_an_embedder_that_no_bundle_could_bring_back_is_named_before_a_certify_row_is_opened(
    spec, tmp_path, monkeypatch, embedder, said
):
    def opened(*given, **named):
        raise AssertionError("a certify row was opened")

    monkeypatch.setattr(EmbeddedRows, "open", opened)
    with pytest.raises(PluginError) as caught:
        ts.build(spec | {"embedder": embedder}, out=tmp_path / "out.tracer", workers=1, cache=False)
    (problem,) = caught.value.problems
    assert problem.what == f"the embedder '{embedder}' of third-party 3 {said}"
    assert problem.address == "embedder"
    assert problem.hint == "this is a fault of third-party"
    assert not (tmp_path / "out.tracer").exists()


def spec_of(tmp_path, answers, normalize, **more):
    """Return a spec of 400 traces, ``answers(n)`` being the teacher's answer to the n-th."""
    rows = [{"id": f"e{n}", "input": f"{'ab'[n % 2]} {n}", "teacher": answers(n)} for n in range(400)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}, "labels": {"normalize": normalize}}
    spec = {"version": 1, "name": "small", "traces": source, "embedder": {"use": "lsa", "with": {"dim": 4}}}
    return spec | {"zoo": ["logreg"], "families": ["global"], "target": {"agreement": 0.9}, **more}


def served(tmp_path, *args, **more):
    """Build, and return the bundle's ``serve``."""
    ts.build(spec_of(tmp_path, *args, **more), out=tmp_path / "out.tracer", workers=1, cache=False)
    return ts.load(tmp_path / "out.tracer").manifest.serve


@pytest.mark.parametrize(
    ("rare", "normalize"),
    [
        ("Label: {}", ["strip", "prefix:Label:", "strip"]),
        ('{{"label": "{}"}}', ["json?:label", "strip"]),
        ('Answer: {{"label": "{}"}}', ["prefix:Answer:", "json?:label", "strip"]),
    ],
)
def test_a_router_answers_in_the_form_of_most_fit_rows(tmp_path, rare, normalize):
    serve = served(tmp_path, lambda n: (rare if n % 30 == 0 else "{}").format("ab"[n % 2]), normalize)
    assert serve.answer == "{label}"
    serve = served(tmp_path, lambda n: ("{}" if n % 30 == 0 else rare).format("ab"[n % 2]), normalize)
    assert serve is None  # all that the steps take off


def test_a_spec_says_how_a_router_answers_whatever_most_rows_do(tmp_path):
    steps = ["strip", "prefix:It is "]
    serve = served(tmp_path, lambda n: "ab"[n % 2], steps, serve={"match": "input", "answer": "It is {label}"})
    assert (serve.match, serve.answer) == ("input", "It is {label}")
    serve = served(tmp_path, lambda n: "ab"[n % 2], steps, serve={"match": "input"})
    assert (serve.match, serve.answer) == ("input", "{label}")


def test_the_form_of_answers_to_certify_rows_is_under_seal(tmp_path):
    steps = ["strip", "prefix:Label:", "strip"]
    plan = make_plan(load_spec(spec_of(tmp_path, lambda n: "ab"[n % 2], steps)), find_plugins())
    traces = read_traces(plan)
    certify = {traces.ids[row] for row in part(traces, plan.spec.split).certify}

    def answer(n):
        return f"Label: {'ab'[n % 2]}" if f"e{n}" in certify or n % 3 == 0 else "ab"[n % 2]

    assert sum(answer(n).startswith("Label") for n in range(400)) > 220
    assert served(tmp_path, answer, steps).answer == "{label}"
