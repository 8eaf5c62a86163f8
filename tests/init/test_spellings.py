"""Spellings of one label: the commonest is given back, and ``init`` says that they were joined."""

from __future__ import annotations

import pytest
import yaml

from tracer_spec.init.inspect_traces import look_at
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.text_steps.labels import LabelCleaner

pytestmark = pytest.mark.usefixtures("no_curve")
SPELT = {"delivery": "Where_is_it", "invoice": "Wrong_Invoice", "login": "login", "praise": "PRAISE"}


def log(calls, spell, times=3):
    return [
        {
            "id": f"{call.n}-{again}",
            "input": f"{call.text} {again}",
            "teacher": spell(SPELT[call.label], call.n + again),
        }
        for again in range(times)
        for call in calls
    ]


def plan_of(path):
    return make_plan(load_spec(path), find_plugins())


def cleaner_of(plan):
    labels = plan.spec.sources[0].labels
    return LabelCleaner(labels.normalize, labels.aliases, plan.allowed_labels)


@pytest.mark.parametrize("rare", [str.upper, str.lower, str.title, lambda label: f"{label} "])
def test_the_commonest_spelling_of_a_label_is_the_one_given_back(init, calls, tmp_path, rare):
    outcome = init({"log.jsonl": log(calls, lambda label, n: rare(label) if n % 9 == 4 else label)})
    assert outcome.code == 0, outcome.err
    assert {*outcome.labels} == {*SPELT.values()}
    plan = plan_of(tmp_path / "app" / "router.yaml")
    for label in SPELT.values():
        assert cleaner_of(plan).clean(rare(label)) == cleaner_of(plan).clean(label) == (label, "")


def test_the_spellings_that_were_joined_are_told(init, calls, tmp_path):
    rows = log(calls, lambda label, n: label.lower() if n % 9 == 4 else label)
    outcome = init({"log.jsonl": rows})
    assert "3 labels were spelt in several ways: " in outcome.out
    assert " is now 'Wrong_Invoice'" in outcome.out
    assert "Where_is_it " in outcome.out.split("fit rows of each: ")[1].splitlines()[0]
    written = " ".join((tmp_path / "app" / "router.yaml").read_text().split())
    assert "# 3 labels were spelt in several ways: " in written
    assert outcome.spec["traces"]["labels"]["allowed"] == "labels.txt"
    told = (tmp_path / "app" / "labels.txt").read_text().splitlines()
    assert [line for line in told if line and line[0] != "#"] == sorted(SPELT.values())
    assert not [line for line in told if "made up" in line]


def test_blanks_and_quotes_that_were_joined_are_told_too(init, calls):
    outcome = init({"log.jsonl": log(calls, lambda label, n: label.replace("_", " ") if n % 9 == 4 else label)})
    assert {*outcome.labels} == {*SPELT.values()}
    assert "2 labels were spelt in several ways: " in outcome.out
    assert "'Wrong Invoice' " in outcome.out


@pytest.mark.parametrize("is_folded", [False, True])
def test_a_label_that_is_mostly_written_with_blanks_is_given_back_so(init, calls, tmp_path, is_folded):
    usual = {**SPELT, "delivery": "Where is it"}

    def rare(label):
        return label.replace(" ", "_").upper() if is_folded else label.replace(" ", "_")

    rows = log(calls, lambda label, n: label)
    for n, row in enumerate(rows):
        label = row["teacher"].replace("Where_is_it", "Where is it")
        row["teacher"] = rare(label) if n % 9 == 4 else label
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert {*outcome.labels} == {*usual.values()}
    cleaner = cleaner_of(plan_of(tmp_path / "app" / "router.yaml"))
    for label in usual.values():
        assert cleaner.clean(rare(label)) == cleaner.clean(label) == (label, "")


def test_labels_that_are_spelt_in_one_way_are_inferred_and_nothing_is_told(init, calls):
    outcome = init({"log.jsonl": log(calls, lambda label, n: label)})
    assert {*outcome.labels} == {*SPELT.values()}
    assert outcome.spec["traces"]["labels"]["allowed"] == "infer"
    assert "several ways" not in outcome.out


def test_labels_that_are_usually_in_lower_case_are_inferred(init, calls):
    outcome = init({"log.jsonl": log(calls, lambda label, n: label.upper() if n % 9 == 4 else label.lower())})
    assert {*outcome.labels} == {label.lower() for label in SPELT.values()}
    assert outcome.spec["traces"]["labels"]["allowed"] == "infer"
    assert "4 labels were spelt in several ways: " in outcome.out


def test_labels_that_no_line_of_a_file_can_hold_are_listed_in_the_spec(init, calls, tmp_path):
    rows = log(calls, lambda label, n: label if n % 9 else label.lower())
    for row in rows:
        row["teacher"] = f"# {row['teacher']}"
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["labels"]["allowed"] == sorted(f"# {label}" for label in SPELT.values())
    assert not (tmp_path / "app" / "labels.txt").exists()


def test_a_label_that_humans_alone_gave_keeps_their_spelling(init, calls, tmp_path):
    rows = log(calls, lambda label, n: label.lower() if n % 9 == 4 else label)
    for n, row in enumerate(rows):
        row["truth"] = "Other_Topic" if n % 20 == 0 else row["teacher"].upper()
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    listed = {line for line in (tmp_path / "app" / "labels.txt").read_text().splitlines() if line and line[0] != "#"}
    assert listed == {*SPELT.values(), "Other_Topic"}


def test_certify_rows_say_nothing_of_how_a_label_is_spelt(init, calls, tmp_path):
    rows = log(calls, lambda label, n: label.lower() if n % 9 == 4 else label)
    init({"log.jsonl": rows})
    app = tmp_path / "app"
    before = (app / "labels.txt").read_bytes(), yaml.safe_load((app / "router.yaml").read_text())
    from tracer_spec.flow.prepare import part, read_traces

    plan = plan_of(app / "router.yaml")
    traces = read_traces(plan)
    certify = {traces.ids[at] for at in part(traces, plan.spec.split).certify}
    for row in rows:
        if row["id"] in certify:
            row["teacher"] = row["teacher"].swapcase()
    assert len(certify) > 50
    init({"log.jsonl": rows}, "--force")
    assert ((app / "labels.txt").read_bytes(), yaml.safe_load((app / "router.yaml").read_text())) == before
    assert look_at(str(tmp_path / "log.jsonl")).spellings.of("praise") == "PRAISE"
