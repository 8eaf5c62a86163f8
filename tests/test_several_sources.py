"""Several sources of traces, from the spec to the bundle."""

import json
import math
from dataclasses import replace

import pytest

import tracer_spec as ts
from tracer_spec.cli import main
from tracer_spec.errors import LockError, SpecError
from tracer_spec.flow.lock.file import read_lock
from tracer_spec.flow.lock.fitted import dealt_before
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.traces.dealt import NEVER
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.report.spec_values import spec_values
from tracer_spec.runtime import read_bundle
from tracer_spec.spec import load_spec, spec_digest

WORDS = {"card": ["visa", "chip", "plastic"], "loan": ["mortgage", "borrow", "rate"]}
SPEC = """\
version: 1
name: two
traces:
  - use: jsonl
    with: {path: old.jsonl}
  - use: csv
    with: {path: new.csv}
    format: {text: question, label: answer, id: id}
    labels: {normalize: [casefold], aliases: {cards: card}}
    on_error: drop
embedder: lsa
zoo: [logreg]
target: {agreement: 0.8, min_coverage: 0}
"""


def texts(n, start=0):
    for number in range(start, start + n):
        label = ("card", "loan")[number % 2]
        yield number, f"{WORDS[label][number % 3]} {WORDS[label][number // 2 % 3]} number {number}", label


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = [json.dumps({"id": n, "input": text, "teacher": label}) for n, text, label in texts(200)]
    new = [f"{n},{text},{'CARDS' if label == 'card' else label}" for n, text, label in texts(200, 100)]
    (tmp_path / "old.jsonl").write_text("\n".join(old), encoding="utf-8")
    (tmp_path / "new.csv").write_text("\n".join(["id,question,answer", *new, "1,2"]), encoding="utf-8")
    (tmp_path / "router.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def problems(*overrides):
    with pytest.raises(SpecError) as caught:
        load_plan("router.yaml", find_plugins(), overrides=overrides)
    return [(each.address, each.what) for each in caught.value.problems]


def test_a_build_reads_all_sources_and_its_bundle_tells_the_counts_of_each(folder):
    result = ts.build("router.yaml", out="two.tracer")
    assert result.status == "certified"
    counts = result.document()["traces"]
    assert (counts["read"], counts["kept"]) == (401, 300)
    assert counts["sources"] == [
        {"source": "traces[0]", "read": 200, "kept": 200, "dropped": {}},
        {
            "source": "traces[1]",
            "read": 201,
            "kept": 100,
            "dropped": {"unreadable record": 1, "event of an earlier source": 100},
        },
    ]
    assert read_bundle("two.tracer").manifest.provenance["traces"]["sources"] == counts["sources"]
    assert sorted(result.labels) == ["card", "loan"]
    plugins = read_bundle("two.tracer").manifest.provenance["plugins"]
    assert [each["name"] for each in plugins if each["kind"] == "source"] == ["csv", "jsonl"]


def test_plan_tells_the_counts_of_each_source(folder, capsys):
    assert main(["plan", "router.yaml", "-q", "--no-curve"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "sources traces[0]: 200 read, 200 kept traces[1]: 201 read, 100 kept" in shown
    assert main(["plan", "router.yaml", "-q", "--json", "--no-curve"]) == 0
    told = json.loads(capsys.readouterr().out)["traces"]
    assert [each["kept"] for each in told["sources"]] == [200, 100]


def test_a_list_of_one_source_says_what_the_source_says(folder):
    head, tail = SPEC[: SPEC.index("traces")], SPEC[SPEC.index("embedder") :]
    source = "{use: jsonl, with: {path: old.jsonl}}"
    for name, written in (("one.yaml", f"[{source}]"), ("plain.yaml", source)):
        (folder / name).write_text(f"{head}traces: {written}\n{tail}", encoding="utf-8")
    one, plain = (load_plan(folder / name, find_plugins()) for name in ("one.yaml", "plain.yaml"))
    assert read_traces(one).digest == read_traces(plain).digest


def test_mistakes_are_told_at_the_source_that_has_them(folder):
    assert problems("traces[0].use=jsnl", "traces[1].with.pth=a", "traces[1].format.label=a[b]") == [
        ("traces[1].format.label", "'a[b]' is not a JMESPath expression: unexpected 'b' at character 3"),
        ("traces[0].use", "no source is called 'jsnl'; known: csv, json, jsonl, parquet (built in)"),
        ("traces[1].with.pth", "there is no key 'pth'; known: path, delimiter, encoding, header, max_field_chars"),
    ]
    assert problems("traces[1].labels.alowed=[a]")[0][0] == "traces[1].labels.alowed"
    assert problems("traces[1].labels.allowed=[loan]") == [
        ("traces[1].labels.aliases.cards", "'card' is not an allowed label; known: loan")
    ]
    assert problems("traces[0].format={label: a}") == [
        ("traces[0].format.text", "the format gives no text, and the embedder 'lsa' reads texts")
    ]
    assert problems("traces[0].with.path='s3://key:secret@b/a'") == [
        ("traces[0].with", "the address holds credentials, and a bundle has a copy of the spec")
    ]
    assert problems("traces=[]") == [("traces", "the list is empty; at least one source is needed")]
    assert problems("traces=5") == [("traces", "5 is not a mapping")]
    assert problems("split.strategy=temporal") == [
        ("split.strategy", "a temporal split needs the time of each trace, and traces[1].format gives none")
    ]


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("repeats", "copies", "traffic"),
        ("extract", "['after:Q: ']", "['after:A: ']"),
        ("labels.allowed", "[card, loan]", "[card]"),
        ("labels.unknown", "fail", "disagree"),
        ("labels.unanswered", "drop", "disagree"),
    ],
)
def test_what_is_said_of_the_whole_router_is_the_same_in_every_source_that_says_it(folder, key, one, other):
    assert problems(f"traces[0].{key}={one}", f"traces[1].{key}={other}") == [
        (f"traces[1].{key}", f"differs from traces[0].{key}, and a router has one {key} for all of its traces")
    ]
    first, second = f"traces[0].{key}={one}", f"traces[1].{key}={one}"
    for said in ((first,), (second,), (first, second)):
        plan = load_plan("router.yaml", find_plugins(), overrides=said)
        assert plan.spec.repeats == ("copies" if key == "repeats" else "either")
        assert plan.spec.extract == (("after:Q: ",) if key == "extract" else ())
        assert plan.allowed_labels == (("card", "loan") if key == "labels.allowed" else None)


def test_texts_of_a_source_without_steps_are_what_route_makes_of_them(folder):
    lines = [{"id": "p", "input": "Q: visa", "teacher": "card"}, {"id": "q", "input": "rate", "teacher": "loan"}]
    (folder / "old.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    cut = ("traces[1].extract=['after:number ']",)
    texts_read = read_traces(load_plan("router.yaml", find_plugins(), overrides=cut)).texts
    assert texts_read[:3] == ("Q: visa", "rate", "100")
    cut = ("traces[0].extract=['after:Q: ']", "traces[0].on_error=drop")
    assert read_traces(load_plan("router.yaml", find_plugins(), overrides=cut)).texts[:2] == (
        "visa",
        next(texts(1, 100))[1],
    )


def test_a_source_at_the_end_leaves_the_split_as_it_was_and_one_in_front_does_not(folder):
    def dealt(*order):
        blocks = {"old": SPEC[SPEC.index("  - use: jsonl") : SPEC.index("  - use: csv")]}
        blocks["new"] = SPEC[SPEC.index("  - use: csv") : SPEC.index("embedder")]
        head, tail = SPEC[: SPEC.index("  - use: jsonl")], SPEC[SPEC.index("embedder") :]
        (folder / "router.yaml").write_text(head + "".join(blocks[each] for each in order) + tail, encoding="utf-8")
        plan = load_plan("router.yaml", find_plugins())
        traces = read_traces(plan)
        return traces, plan, dealt_before(plan, traces)

    traces, plan, before = dealt("old")
    assert replace(before, now=math.inf) == NEVER
    certified = {traces.ids[row] for row in part(traces, plan.spec.split).certify}
    ts.build("router.yaml", out="one.tracer")
    traces, plan, before = dealt("old", "new")
    assert before.share == plan.spec.split.certify
    sides = part(traces, plan.spec.split, before)
    assert certified == {traces.ids[row] for row in sides.certify if traces.rows[row] < 200}
    traces, plan, before = dealt("new", "old")
    assert (before.share, before.until) == (None, float("inf"))


def answered(*args):
    """Return the exit code and the document of a command."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()):
        code = main([*args, "--json"])
    return code, json.loads(out.getvalue()) if out.getvalue().startswith("{") else out.getvalue()


def test_fresh_records_are_read_as_the_source_that_they_are_like(folder):
    ts.build("router.yaml", out="two.tracer")
    rows = [f"{n},{text},{'CARDS' if label == 'card' else label}" for n, text, label in texts(30, 1000)]
    (folder / "fresh.csv").write_text("\n".join(["id,question,answer", *rows]), encoding="utf-8")
    code, told = answered("verify", "two.tracer", "fresh.csv", "--source", "1")
    assert (code, told["measured"]["traces"]["kept"], told["measured"]["coverage"]["n"]) == (0, 30, 30)
    code, told = answered("verify", "two.tracer", "fresh.csv")
    (problem,) = told["error"]["problems"]
    assert (code, problem["what"]) == (
        2,
        "the traces of the bundle's spec come from 2 sources, which are not read alike",
    )
    assert problem["hint"] == "say which one these records are like: --source N, from 0 to 1"
    code, told = answered("verify", "two.tracer", "fresh.csv", "--source", "2")
    assert (code, told["error"]["problems"][0]["what"]) == (2, "--source 2 names none: the bundle's spec has 2 sources")
    code, told = answered("diff", "two.tracer", "two.tracer", "--traces", "fresh.csv", "--source", "1")
    assert (code, told["flips"]["n"]) == (0, 30)
    assert answered("route", "two.tracer", "fresh.csv", "--source", "1", "--out", "d.jsonl")[1]["lines"] == 30
    for args in (
        ("verify", "two.tracer"),
        ("diff", "two.tracer", "two.tracer"),
        ("route", "two.tracer", "--text", "x"),
    ):
        assert answered(*args, "--source", "1")[0] == 2


def test_a_bundle_of_one_source_is_compared_with_the_next_of_two_on_the_log_of_decisions(folder):
    lines = [
        json.dumps({"id": n, "time": 1e9 + n, "input": text, "teacher_raw": label, "router": None})
        for n, text, label in texts(30, 1000)
    ]
    (folder / "decisions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    ts.build("router.yaml", out="one.tracer", overrides=["traces={use: jsonl, with: {path: old.jsonl}}"])
    second = "{use: jsonl, with: {path: decisions.jsonl}, format: decisions, labels: {normalize: [casefold]}}"
    ts.build("router.yaml", out="two.tracer", overrides=[f"traces[1]={second}"])
    for args in (("--format", "decisions"), ("--format", "decisions", "--source", "1")):
        for pair in (("one.tracer", "two.tracer"), ("two.tracer", "one.tracer")):
            code, told = answered("diff", *pair, "--traces", "decisions.jsonl", *args)
            assert (code, told["flips"]["n"]) == (0, 30)
    code, told = answered("diff", "one.tracer", "one.tracer", "--traces", "decisions.jsonl", "--source", "1")
    assert (code, told["error"]["problems"][0]["what"]) == (
        2,
        "--source 1 names none: the bundle's spec has one source",
    )


def test_sources_that_are_read_alike_need_no_number(folder):
    second = "{use: jsonl, with: {path: old.jsonl}, on_error: drop, labels: {unanswered: drop}}"
    ts.build("router.yaml", out="two.tracer", overrides=[f"traces[1]={second}"])
    lines = [json.dumps({"id": n, "input": text, "teacher": label}) for n, text, label in texts(30, 1000)]
    (folder / "fresh.jsonl").write_text("\n".join(lines), encoding="utf-8")
    code, told = answered("verify", "two.tracer", "fresh.jsonl")
    assert (code, told["measured"]["traces"]["kept"]) == (0, 30)


def test_the_bundle_and_the_lock_tell_what_is_written_of_each_source(folder):
    second = "{use: jsonl, with: {path: old.jsonl}, on_error: drop}"
    ts.build("router.yaml", out="two.tracer", overrides=[f"traces[1]={second}"])
    told = spec_values(read_bundle("two.tracer"))
    assert (told["traces[0].with.path"], told["traces[1].with.path"], told["traces[1].on_error"]) == (
        *("old.jsonl", "old.jsonl", "drop"),
    )
    keys = read_lock(folder / "router.lock").document.build.spec.keys
    assert (keys["traces[0].use"], keys["traces[0].on_error"], keys["traces[1].on_error"]) == ("jsonl", "fail", "drop")
    assert not any(".with" in key for key in keys)
    ts.build("router.yaml", out="two.tracer", overrides=[f"traces[1]={second}"], locked=True)
    with pytest.raises(LockError, match=r"traces\[1\]\.on_error"):
        ts.build(
            "router.yaml", out="two.tracer", overrides=[f"traces[1]={second}", "traces[1].on_error=fail"], locked=True
        )


def test_where_the_traces_lie_is_not_in_the_digest_of_the_spec(folder):
    one, other = (load_spec("router.yaml", overrides=[f"traces[1].with.path={name}"]).spec for name in ("a", "b"))
    assert spec_digest(one) == spec_digest(other)
    assert spec_digest(one) != spec_digest(load_spec("router.yaml", overrides=["traces[1].use=json"]).spec)
