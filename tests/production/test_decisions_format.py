"""The log of a deployment as traces: a sample of all traffic, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

import pytest

import tracer_spec as ts
from tests.production.decisions import lines_in
from tracer_spec.builtin.formats import PRESETS, compile_format, custom_format
from tracer_spec.cli import main
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.production.plain_answer import unanswered
from tracer_spec.text_steps.labels import LabelCleaner


def read(wanted, lines):
    records = [Record(f"log:{number}", line) for number, line in enumerate(lines)]
    return [raw for _, raw in compile_format(wanted).traces(records)]


@pytest.fixture(scope="module")
def world():
    """Return what the teacher answers, by text."""
    from tests.production.conftest import rows

    return {row["input"]: json.dumps({"intent": row["teacher"].strip()}) for row in rows()}


@pytest.fixture(scope="module")
def lines(bundle, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    with ts.deploy(bundle, teacher=world.get, log=folder, audit=0.3, secret=b"s", model="m-1") as deployed:
        for number, text in enumerate(world):
            deployed.classify(text, id=f"r{number}")
    return lines_in(folder)


def labelled(raws):
    return [raw for raw in raws if not raw.reason and not raw.unlabelled]


def test_every_line_says_what_its_row_may_do(lines):
    found = read(PRESETS["decisions"], lines)
    assert {raw.reason for raw in found} == {""}
    audited = [line for line in lines if line["router"]["audit"]]
    kept = labelled(found)
    may = [raw for raw in kept if raw.certify]
    assert [(raw.id, raw.text, raw.label) for raw in may] == [(e["id"], e["input"], e["teacher_raw"]) for e in audited]
    assert len(audited) > 100
    deferred = [line["id"] for line in lines if line["router"]["served"] == "teacher" and not line["router"]["audit"]]
    assert [raw.id for raw in kept if not raw.certify] == deferred != []
    assert all(raw.deferred for raw in kept if not raw.certify)
    assert {(raw.model, raw.rate) for raw in kept} == {("m-1", 0.3)}
    assert all(raw.time for raw in kept)
    answered = sum(line["router"]["served"] == "router" for line in lines)
    assert Counter(raw.unlabelled for raw in found) == {"": len(kept), "not asked": answered}


def test_a_row_that_is_handled_and_asked_for_another_reason_is_no_trace(lines):
    """An app may force the teacher: nobody knows how many such requests there are."""
    served = next(line for line in lines if line["router"]["served"] == "router")
    forced = {**served, "teacher_raw": "order_status", "router": {**served["router"], "served": "teacher"}}
    (raw,) = read(PRESETS["decisions"], [forced])
    assert (raw.reason, raw.unlabelled) == ("", "handled, and asked all the same")


def test_what_was_logged_without_a_bundle_is_a_trace(world, tmp_path):
    with ts.deploy(None, teacher=world.get, log=tmp_path) as recorded:
        for text in list(world)[:5]:
            recorded.classify(text)
    found = read(PRESETS["decisions"], lines_in(tmp_path))
    assert [(raw.reason, raw.unlabelled, raw.certify, raw.rate, raw.deferred) for raw in found] == [
        ("", "", True, None, False)
    ] * 5


@pytest.mark.parametrize("with_bundle", [True, False])
def test_a_request_that_the_teacher_failed_stops_no_build(bundle, world, tmp_path, with_bundle):
    failing = set(list(world)[::7])

    def teacher(text):
        if text in failing:
            raise TimeoutError("too slow")
        return world[text]

    with ts.deploy(bundle if with_bundle else None, teacher=teacher, log=tmp_path, audit=1.0) as deployed:
        for text in list(world)[:70]:
            with suppress(TimeoutError):
                deployed.classify(text)
    reasons = Counter(raw.reason or raw.unlabelled for raw in read(PRESETS["decisions"], lines_in(tmp_path)))
    assert reasons == {"": 60, "nobody answered": 10}
    (stray,) = read(PRESETS["decisions"], [{"input": "where is it?", "teacher": "order_status"}])
    assert stray.reason == "not a line of the log"


@pytest.mark.parametrize(
    "change",
    [{"label": "router.label"}, {"skip": {"not a line of the log": None}}, {"view": "router"}, {"label": "teacher"}],
)
def test_a_spec_that_reads_the_label_elsewhere_reads_no_decision(lines, change):
    changed = custom_format(change, PRESETS["decisions"])
    assert {raw.reason for raw in read(changed, lines)} == {"a router's decision"}


def test_a_log_whose_rows_do_not_say_that_they_were_audited_certifies_nothing(lines):
    stripped = [{**line, "router": {k: v for k, v in line["router"].items() if k != "audit"}} for line in lines]
    assert not any(raw.certify for raw in read(PRESETS["decisions"], stripped))


def test_a_none_of_the_teacher_is_read_as_an_answer_that_is_no_label(bundle, world, tmp_path):
    """Also in lines that hold it as null, beside the teacher's name."""
    for given in (bundle, None):
        with ts.deploy(given, teacher=lambda text: None, log=tmp_path, audit=1.0) as deployed:
            deployed.classify("where is it?")
    told = lines_in(tmp_path)
    (routed,) = [line for line in told if line["router"]]
    found = read(PRESETS["decisions"], told)
    assert [(raw.reason, raw.unlabelled, raw.unanswered) for raw in found] == [("", "", "nothing answered")] * 2
    (raw,) = read(PRESETS["decisions"], [{**routed, "teacher_raw": None}])
    assert (raw.reason, raw.unlabelled, raw.unanswered) == ("", "", "nothing answered")


@pytest.mark.parametrize(("logged", "reason"), [("truncated", "truncated"), ("refused", "refusal")])
def test_an_answer_cut_short_or_refused_is_read_by_the_reason_that_other_formats_give(lines, logged, reason):
    (raw,) = read(PRESETS["decisions"], [{**lines[0], "teacher_raw": unanswered(logged, "ref")}])
    assert raw.unanswered == reason


@pytest.mark.parametrize("with_bundle", [True, False])
def test_a_request_without_text_stops_no_build_on_the_log(bundle, tmp_path, with_bundle):
    with ts.deploy(
        bundle if with_bundle else None, teacher=lambda text: "refund", log=tmp_path, audit=0.5, secret=b"s"
    ) as app:
        for number, text in enumerate(["where is it?", "", " \n", "\ud83d", "where is it now?"]):
            app.classify(text, id=f"r{number}")
    found = read(PRESETS["decisions"], lines_in(tmp_path))
    assert [raw.reason for raw in found] == ["", *["request without text"] * 3, ""]
    traces = collect(
        [Record(f"log:{number}", line) for number, line in enumerate(lines_in(tmp_path))],
        compile_format(PRESETS["decisions"]).traces,
        LabelCleaner(),
    )
    assert traces.accounting.dropped["request without text"] == 3
    assert traces.accounting.kept >= 1


def asked_again(lines):
    """Return the lines with texts that the build never saw."""
    return [{**line, "input": line["input"] + " please, thank you"} for line in lines]


def verified(bundle, lines, folder, *options):
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return main(["verify", str(bundle), str(folder / "log.jsonl"), "--format", "decisions", "-q", *options])


def test_verify_counts_agreement_on_audited_rows_and_coverage_on_all(bundle, lines, tmp_path, capsys):
    code = verified(bundle, asked_again(lines), tmp_path, "--json")
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert code in (0, 4)
    assert measured["coverage"]["n"] == len(lines)
    assert measured["end_to_end"]["n"] == sum(line["router"]["audit"] for line in lines)
    assert measured["traces"]["dropped"] == {}
    assert measured["unlabelled"] == sum(line["router"]["served"] == "router" for line in lines)
    assert (measured["coverage_of"], measured["audit_rates"]) == ("all rows", [0.3, 0.3])


def test_verify_measures_a_log_without_what_the_router_answered_on_its_audited_rows(bundle, lines, tmp_path, capsys):
    asked = [line for line in asked_again(lines) if line["router"]["served"] == "teacher"]
    assert verified(bundle, asked, tmp_path, "--json") in (0, 4)
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert measured["coverage_of"] == "audited rows"
    assert measured["coverage"]["n"] == sum(line["router"]["audit"] for line in lines)
    verified(bundle, asked, tmp_path)
    assert "the log does not hold all requests" in capsys.readouterr().out


def test_what_was_recorded_for_the_build_takes_nothing_from_what_the_log_says_of_the_traffic_since(
    bundle, lines, tmp_path, capsys
):
    """One folder holds both where an app records, builds and deploys."""
    from tests.production.conftest import rows

    recorded = [
        {
            "id": row["id"],
            "time": row["timestamp"],
            "input": row["input"],
            "teacher_raw": row["teacher"],
            "router": None,
        }
        for row in rows()
    ]
    assert verified(bundle, [*recorded, *asked_again(lines)], tmp_path, "--json") in (0, 4)
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert measured["left_out"]["known to the build by id and text"] > 1000
    assert (measured["coverage_of"], measured["coverage"]["n"]) == ("all rows", len(lines))


def test_a_log_of_which_the_build_saw_the_labelled_rows_is_measured_on_its_audited_rows(
    bundle, lines, tmp_path, capsys
):
    from tests.production.conftest import rows

    new = asked_again(lines)
    at, known = next(at for at, line in enumerate(new) if line["router"]["audit"]), rows()[0]
    new[at] = {**new[at], "id": known["id"], "input": known["input"]}
    assert verified(bundle, new, tmp_path, "--json") in (0, 4)
    assert json.loads(capsys.readouterr().out)["measured"]["coverage_of"] == "audited rows"


def test_verify_on_unlabelled_traffic_gives_coverage_and_drift(bundle, lines, tmp_path, capsys):
    answered = [line for line in asked_again(lines) if line["router"]["served"] == "router"]
    assert verified(bundle, [{"input": line["input"]} for line in answered], tmp_path, "--format", "native") == 0
    said = capsys.readouterr().out
    assert said.startswith("agreement not measured  ")
    assert "no row has a teacher's label" in said
    assert "drift" in said


def test_verify_says_what_to_do_with_digests(bundle, world, tmp_path, capsys):
    with ts.deploy(bundle, teacher=world.get, log=tmp_path, audit=1.0, texts=False) as deployed:
        for text in list(world)[:20]:
            deployed.classify(text)
    assert verified(bundle, lines_in(tmp_path), tmp_path / "..") == 1
    assert "these lines hold digests of texts" in capsys.readouterr().err


def test_verify_refuses_a_log_of_deferred_rows_alone(bundle, lines, tmp_path, capsys):
    deferred = [line for line in lines if line["router"]["served"] == "teacher" and not line["router"]["audit"]]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in deferred))
    code = main(["verify", str(bundle), str(tmp_path / "log.jsonl"), "--format", "decisions", "-q"])
    assert code == 1
    said = capsys.readouterr().err
    assert f"none of the {len(deferred)} rows with a teacher's label was audited" in said
    assert "audit=0.02" in said
