"""Several acceptors, several embedders, label targets, guards and weighted logs in one build: it holds together."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tracer_spec as ts
from tracer_spec.cli import main
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

pytestmark = pytest.mark.usefixtures("letters")
WORDS = ("card", "loan", "rent")
WIDE = {"use": "lsa", "as": "wide", "with": {"dim": 16}}
JOINED = {"use": "concat", "as": "joined", "with": {"of": ["letters", {"use": "lsa", "with": {"dim": 8}}]}}
TWO, TURNED = ["logistic", "neighbours"], ["neighbours", "logistic"]
MATRIX = {
    "plugin-first": (["letters", WIDE], TWO, []),
    "built-in-first": ([WIDE, "letters"], TURNED, ["prototypes"]),
    "joined": ([JOINED, "letters", WIDE], TWO, ["prototypes"]),
}


def rows_of(n, seed=0):
    rng = np.random.default_rng(seed)
    said = [WORDS[at] for at in rng.integers(0, 3, n)]
    filler = ["please", "can", "you", "tell", "me", "about", "this", "today", "why", "when"]
    for at, each in enumerate(said):
        yield f"s{seed}-{at}", " ".join([*rng.choice(filler, 5), each, str(at)]), each


def plain(tmp_path, n=400, seed=0):
    path = tmp_path / f"t{seed}.jsonl"
    lines = (json.dumps({"id": id_, "input": text, "teacher": label}) for id_, text, label in rows_of(n, seed))
    path.write_text("\n".join(lines))
    return {"use": "jsonl", "with": {"path": str(path)}}


def log(tmp_path):
    """Write a log of decisions: one request in two is audited and may certify, the deferred ones train alone."""
    lines = []
    for at, (id_, text, label) in enumerate(rows_of(900, seed=1)):
        handled, audit = at % 3 > 0, at % 2 == 0
        asked = audit or not handled
        story = {"handled": handled, "audit": audit, "audit_rate": 0.5, "served": "teacher" if asked else "router"}
        answer = {"teacher_raw": label if asked else None, "model": "m"}
        lines.append(json.dumps({"id": id_, "time": 1.8e9 + at, "input": text, "router": story} | answer))
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(lines))
    return {"use": "jsonl", "with": {"path": str(path)}, "format": "decisions"}


def spec_of(traces, embedders, acceptors, guards, **changes):
    return {
        "version": 1,
        "name": "all",
        "traces": traces,
        "embedder": embedders,
        "zoo": ["logreg"],
        "families": ["l2d"],
        "acceptor": acceptors,
        "guards": guards,
        "target": {"agreement": 0.8, "labels": {"loan": {"missed": 0.3, "agreement": 0.7}}},
    } | changes


def built_twice(spec, tmp_path):
    first, again = (
        ts.build(spec, out=tmp_path / f"{name}.tracer", workers=1, cache=False) for name in ("first", "again")
    )
    assert (first.bundle is None, first.sha256) == (again.bundle is None, again.sha256)
    return first


def recounted(spec, result):
    """Return (n, k) of the certify rows by what the bundle answers, and by label (missed n, k) likewise."""
    plan = make_plan(load_spec(spec), find_plugins())
    traces = read_traces(plan)
    certify = traces.take(part(traces, plan.spec.split).certify)
    router = ts.load(result.bundle, embedder="letters" if uses_letters(result) else None)
    batch = router.route_batch(list(certify.texts))
    pairs = list(zip(certify.labels, batch.labels, batch.handled.tolist(), strict=True))
    handled = [(asked, given) for asked, given, is_handled in pairs if is_handled]
    called = [(asked == given) or not is_handled for asked, given, is_handled in pairs if asked == "loan"]
    given = [asked == given for asked, given in handled if given == "loan"]
    own = (len(handled), sum(asked == given for asked, given in handled))
    return [own, (len(called), sum(called)), (len(given), sum(given))]


def uses_letters(result):
    return next(each.name for each in result.embedders if each.chosen) != "wide"


def told(certificate):
    return [(each.n, each.k) for each in (certificate.chosen, *certificate.chosen.labels)]


@pytest.mark.parametrize(("embedders", "acceptors", "guards"), MATRIX.values(), ids=MATRIX)
def test_a_build_of_everything_is_certified_reproducible_and_verified(tmp_path, capsys, embedders, acceptors, guards):
    spec = spec_of(plain(tmp_path), embedders, acceptors, guards)
    result = built_twice(spec, tmp_path)
    assert (result.status, [each.chosen for each in result.embedders].count(True)) == ("certified", 1)
    assert told(result.certificate) == recounted(spec, result)
    fresh = plain(tmp_path, seed=2)["with"]["path"]
    allowed = ["--embedder", "letters"] if uses_letters(result) else []
    assert main(["verify", str(result.bundle), fresh, "--json", *allowed]) == 0
    claims = json.loads(capsys.readouterr().out)["measured"]["label_claims"]
    assert [(each["label"], each["measure"]) for each in claims] == [("loan", "missed"), ("loan", "agreement")]


def test_a_log_of_decisions_weighs_in_a_build_of_everything(tmp_path):
    spec = spec_of([plain(tmp_path), log(tmp_path)], [JOINED, "letters", WIDE], TURNED, ["prototypes"])
    result = built_twice(spec, tmp_path)
    assert result.status == "certified"
    assert any("rows of equal weight" in each for each in result.warnings)
    assert told(result.certificate) == recounted(spec, result)
