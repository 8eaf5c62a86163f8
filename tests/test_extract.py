"""A router built on texts taken out of their prompts: one decision on the prompt and on the text alone, wherever it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tracer_spec as ts
from tests.zygote import call
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.traces.row_hashes import KnownRows
from tracer_spec.flow.verify import NO_MATCH, SAME_EVENT, verify
from tracer_spec.runtime import read_bundle

QUICKSTART = Path(__file__).parents[1] / "specs" / "quickstart" / "traces.jsonl"
PROMPT = (
    "You classify requests of customers.\nLabels: order_status, refund_status.\n\nRequest: {}\n\nGive the label only."
)
STEP = "between:\nRequest: ...\n\nGive the label only."


def rows():
    return [json.loads(line) for line in QUICKSTART.read_text().splitlines()]


def spec(folder, records, **traces):
    folder.mkdir(exist_ok=True)
    (folder / "traces.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    document = {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}, "on_error": "drop"} | traces,
        "embedder": {"use": "lsa", "with": {"dim": 48}},
        "zoo": ["logreg"],
        "families": ["global", "l2d"],
        "target": {"agreement": 0.85},
    }
    (folder / "router.yaml").write_text(json.dumps(document))
    return folder / "router.yaml"


def prompts(records):
    return [record | {"input": PROMPT.format(record["input"])} for record in records]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two builds: one of texts alone, one of the same texts in their prompts, among other prompts."""
    base = tmp_path_factory.mktemp("extract")
    labels = {"normalize": ["strip", "first-line"]}
    others = [{"id": f"o{n}", "input": f"Summarise page {n}.", "teacher": "a summary"} for n in range(50)]
    alone = ts.build(spec(base / "alone", rows(), labels=labels), out=base / "alone.tracer")
    path = spec(base / "cut", prompts(rows()) + others, labels=labels, extract=[STEP])
    cut = ts.build(path, out=base / "cut.tracer")
    return base, alone, cut


def test_what_is_trained_and_certified_is_the_text_alone(folders):
    base, alone, cut = folders
    assert (alone.status, cut.status) == ("certified", "certified")
    one, other = (read_bundle(base / name) for name in ("alone.tracer", "cut.tracer"))
    assert one.members["policy.onnx"] == other.members["policy.onnx"]
    assert one.members["rows.hashes"] == other.members["rows.hashes"]
    assert (one.manifest.format, one.manifest.extract) == (2, ())
    assert (other.manifest.format, other.manifest.extract) == (2, (STEP,))
    assert other.manifest.provenance["traces"]["dropped"]["no match"] == 50
    assert any("50 texts that 'traces.extract' does not match" in warning for warning in cut.warnings)


def test_python_route_and_a_batch_decide_alike_on_the_prompt_and_on_the_text(folders):
    base, *_ = folders
    texts = [record["input"] for record in rows()[:60]]
    whole = [PROMPT.format(text) for text in texts]
    expected = list(ts.load(base / "alone.tracer").route_batch(texts))
    router = ts.load(base / "cut.tracer")
    for asked in (texts, whole):
        assert list(router.route_batch(asked)) == expected
        assert [router.route(text)[:2] for text in asked] == [decision[:2] for decision in expected]
        lines = "".join(json.dumps({"input": text}) + "\n" for text in asked)
        done = call("route", "cut.tracer", "-", cwd=base, stdin=lines)
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(answer["label"], answer["handled"]) for answer in answers] == [each[:2] for each in expected]


def measured(base, records):
    """Verify the bundle on records, as the command line does."""
    from tracer_spec.fresh.fresh_traces import read_fresh_traces

    (base / "fresh.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    bundle = read_bundle(base / "cut.tracer")
    claim = CertificateDocument.of_bundle(bundle).claimed("certified")
    fresh = read_fresh_traces(bundle, str(base / "fresh.jsonl"), None)
    known = KnownRows.read(bundle.members, bundle.manifest.provenance)
    return verify(ts.load(base / "cut.tracer"), claim, fresh.traces, known=known)


def test_verify_measures_prompts_and_texts_alone_alike_and_leaves_other_prompts_out(folders):
    base, *_ = folders
    fresh = [record | {"id": f"new-{at}"} for at, record in enumerate(rows())]
    others = [{"input": f"Summarise chapter {n}.", "teacher": "a summary"} for n in range(30)]
    alone, whole = measured(base, fresh), measured(base, prompts(fresh))
    assert alone.agreement == whole.agreement
    assert alone.coverage == whole.coverage
    assert alone.n_repeats == whole.n_repeats == alone.coverage.n
    mixed = measured(base, prompts(fresh) + others)
    assert (mixed.agreement, mixed.left_out) == (whole.agreement, {NO_MATCH: 30})


def test_verify_knows_the_rows_of_the_build_in_their_prompts_and_alone(folders):
    base, *_ = folders
    fresh = [record | {"id": f"new-{at}"} for at, record in enumerate(rows()[:100])]
    for form in (prompts, list):
        found = measured(base, form(rows()[:200] + fresh))
        assert found.coverage.n == 100
        assert found.left_out[SAME_EVENT] >= 100


def test_inspect_tells_the_steps(folders):
    base, *_ = folders
    told = call("inspect", "cut.tracer", "-v", cwd=base).stdout
    assert f"out of their prompts: {json.dumps(STEP)}" in " ".join(told.split())
    document = json.loads(call("inspect", "cut.tracer", "--json", cwd=base).stdout)
    assert document["manifest"]["extract"] == [STEP]
