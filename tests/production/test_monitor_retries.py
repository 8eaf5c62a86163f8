"""A request that is made again: whoever measures a log counts it once, and all count the same."""

from __future__ import annotations

import json
import random

import jsonschema
import pytest

import tracer_spec as ts
from tests.production.conftest import rows
from tests.production.decisions import line, reference, traffic, watched, written
from tracer_spec.cli import main
from tracer_spec.cli.text.outcome import Outcome
from tracer_spec.flow.documents.monitor import MonitorState, monitor_schema
from tracer_spec.production.monitoring.events import N_AUDITED, N_DAYS, N_OTHERS
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import state_document
from tracer_spec.report.monitor_facts import monitor_facts

MINUTES_OF_A_DAY = 24 * 60


def test_one_wrong_request_that_is_sent_twenty_times_does_not_refute_a_claim():
    good = [line(number, audit=True, teacher="a") for number in range(60)]
    bad = line(60, audit=True, teacher="b")
    monitor = watched([*good, *[bad] * 20])
    assert (monitor.verdict, monitor.agreement.n, monitor.agreement.k) == ("holds", 61, 60)
    assert (monitor.tally.rows, monitor.tally.audited) == (61, 61)
    assert monitor.tally.passed_over == {"duplicate id": 19}


def test_a_retry_brings_the_answer_that_the_first_try_did_not_get():
    lost = line(0, audit=True, served="nobody")
    monitor = watched([lost, lost, line(0, audit=True, teacher="b"), line(0, audit=True, teacher="a")])
    tally = monitor.tally
    assert (monitor.agreement.n, monitor.agreement.k) == (1, 0)
    assert (tally.rows, tally.audited, tally.unanswered, tally.failed) == (1, 1, 0, 0)
    assert (tally.answers.latest, tally.answers.last) == ("+", tally.last)
    assert monitor.tally.teachers.keys() == {"unnamed"}


def test_a_request_counts_as_audited_where_all_of_its_rows_are():
    """Without a secret each try draws a coin of its own: what tries were audited for must not be chosen by what they gave."""
    not_first = watched([line(0), line(0, audit=True, teacher="b")])
    assert (not_first.tally.audited, not_first.agreement.n) == (0, 0)
    not_second = watched(
        [
            line(0, audit=True, served="nobody"),
            line(0, served="nobody"),
            line(0, audit=True, teacher="b"),
        ]
    )
    assert (not_second.tally.unanswered, not_second.tally.failed, not_second.agreement.n) == (1, 0, 0)


@pytest.mark.parametrize("nameless", [{"id": ""}, {"id": " "}, {"id": None}, {"id": ["r1"]}])
def test_lines_without_ids_count_once_where_all_of_them_is_the_same_and_they_have_a_time(nameless):
    copies = watched([{**line(0), **nameless}] * 3).tally
    assert (copies.rows, copies.passed_over) == (1, {"copy of another line": 2})
    assert watched([{**line(number), **nameless, "input": "one text"} for number in range(3)]).tally.rows == 3
    assert watched([{**line(0), **nameless, "time": None}] * 3).tally.rows == 3


def test_ids_of_other_bundles_are_not_ones_of_this_bundle():
    assert watched([line(0, version="other"), line(0), {**line(0), "router": None}]).tally.rows == 1


@pytest.mark.parametrize(("story", "most"), [({"audit": True, "teacher": "a"}, N_AUDITED), ({}, N_OTHERS)])
def test_what_is_remembered_is_bounded_by_number(story, most):
    monitor = watched(line(number, minutes=0.01, **story) for number in range(most))
    monitor.add(line(0, **story))
    assert monitor.tally.rows == most
    monitor.add(line(most, **story))
    monitor.add(line(0, **story))
    assert monitor.tally.rows == most + 2
    assert len(json.dumps(monitor.tally.events.document())) < 12 * most


def test_what_is_remembered_is_bounded_by_days():
    first = line(0, audit=True, teacher="a", minutes=MINUTES_OF_A_DAY)
    later = [line(day, minutes=MINUTES_OF_A_DAY) for day in range(1, N_DAYS)]
    monitor = watched([first, *later, first])
    assert monitor.tally.rows == N_DAYS
    for each in (line(N_DAYS, minutes=MINUTES_OF_A_DAY), first):
        monitor.add(each)
    assert monitor.tally.rows == N_DAYS + 2


def test_a_retry_of_the_next_night_is_known_again_by_the_state(nightly):
    lines = traffic(300, 0.9, audit=0.5)
    lines[7]["router"] |= {"served": "nobody", "audit": True}
    again = [line(7, audit=True, teacher="c"), *lines[:200]]
    (nightly.log / "1.jsonl").write_bytes(written(lines))
    nightly.run()
    (nightly.log / "2.jsonl").write_bytes(written(again))
    monitor = nightly.run()
    assert nightly.rows == 300
    assert state_document(monitor, []) == state_document(watched([*lines, *again]), [])
    document = json.loads(nightly.state.read_text())
    jsonschema.validate(document, monitor_schema())
    MonitorState.model_validate(document)


@pytest.mark.parametrize("broken", ["AAAA", "?", 7])
def test_a_state_whose_ids_are_none_is_refused(nightly, broken):
    from tracer_spec.errors import DataError

    (nightly.log / "1.jsonl").write_bytes(written([line(0)]))
    nightly.run()
    document = json.loads(nightly.state.read_text())
    document["events"]["open"] = broken
    nightly.state.write_text(json.dumps(document))
    with pytest.raises(DataError, match="no state of a monitor"):
        nightly.run()


# --- the same numbers of one log ---------------------------------------------------------------------------------------


def log_with_retries(bundle, folder, mode: str, seed: int) -> None:
    """Log requests whose teacher fails now and then, each made again up to four times, at once or later."""
    draw = random.Random(seed)
    world = {f"{row['input']} please, thank you": row["teacher"].strip() for row in rows()[:500]}

    def teacher(text: str) -> str | None:
        if draw.random() < 0.15:
            raise TimeoutError
        if draw.random() < 0.1:
            return None
        return json.dumps({"intent": world[text] if draw.random() < 0.9 else "other"})

    tries = [(number, text) for number, text in enumerate(world) for _ in range(draw.choice([1, 1, 1, 2, 4]))]
    with ts.deploy(bundle, teacher=teacher, log=folder, audit=0.4, mode=mode, secret=b"s") as deployed:
        for number, text in sorted(tries, key=lambda each: each[0] + draw.choice([0, 0, 60])):
            try:
                deployed.classify(text, id=f"r{number}")
            except TimeoutError:
                continue


@pytest.mark.parametrize(("mode", "seed"), [("live", 1), ("live", 2), ("shadow", 3), ("canary:0.5", 4)])
def test_monitor_and_verify_tell_the_same_of_a_log_with_retries(bundle, tmp_path, capsys, mode, seed):
    log_with_retries(bundle, tmp_path / "log", mode, seed)
    main(["monitor", str(bundle), str(tmp_path / "log"), "--json"])
    monitored = json.loads(capsys.readouterr().out)
    main(["verify", str(bundle), str(tmp_path / "log"), "--format", "decisions", "--json", "-q"])
    measured = json.loads(capsys.readouterr().out)["measured"]
    for rate in ("agreement", "coverage"):
        assert {key: monitored[rate][key] for key in "nk"} == {key: measured[rate][key] for key in "nk"}
    assert measured["traces"]["dropped"] == monitored["log"]["passed_over"]
    assert measured["traces"]["dropped"].keys() == {"duplicate id"}


@pytest.mark.parametrize(("n_each", "is_told"), [(1, False), (5, True)])
def test_an_id_that_many_requests_share_is_told_since_only_the_first_ones_count(n_each, is_told):
    """With the id of a conversation the later requests, on which the router may do worse, are read as retries."""
    monitor = Monitor(reference())
    for number, each in enumerate(traffic(1000, 0.97)):
        monitor.add({**each, "id": f"conversation-{number // n_each}"})
    for number in range(200):  # a retry now and then
        monitor.add({**line(number), "id": f"conversation-{number // n_each}"})
    told = {each.name: each for each in monitor_facts(monitor, Reading((), 1200, ()))}
    assert ("ids" in told) == is_told
    if is_told:
        text, level = told["ids"].text, told["ids"].level
        assert text.startswith("WARNING: 1,000 lines repeat the id of another and tell nothing; 200 rows are left\n")
        assert level == "warning"
        assert "ids" in Outcome(monitor.verdict, "small", list(told.values())).text(brief=True)
