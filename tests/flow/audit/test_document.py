"""The whole audit of a real training, in a world with planted faults: it finds those, and tells no text."""

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tracer_spec.flow.documents.audit import AuditDocument

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def kinds(world):
    """Return what each fit row was planted as."""
    return np.array([event.partition("-")[0] for event in world.prepared.fit_traces.ids])


@pytest.fixture(scope="module")
def document(world):
    return world.audit(world.policy("l2d", 0.5)).document()


def parts(document, by):
    (found,) = (each for each in document["slices"] if each["by"] == by)
    return found["parts"]


def rate(part):
    return part["agree"] / part["handled"]


def test_the_label_that_cannot_be_learned_is_handled_least_and_agreed_with_least(document):
    fog, denied = (next(row for row in document["labels"] if row["label"] == label) for label in ("fog", "app"))
    assert denied["agree"] == 0  # no surrogate may answer it
    others = [row for row in document["labels"] if row["label"] in ("card", "loan")]
    assert fog["n"] > 50
    assert fog["agree"] <= 0.05 * fog["n"]
    assert min(rate(row) for row in others) > 0.9
    assert {row["teacher"] for row in document["confusions"] if row["surrogate"] != "fog"} >= {"fog"}


def test_suspects_are_exactly_the_planted_near_duplicates_whose_twin_is_a_fit_row_too(world, document, traces):
    fit = set(world.prepared.fit_traces.ids)
    place = {row["id"]: position for position, row in enumerate(traces)}
    expected = {
        (place[row["copied"]], place[row["id"]])
        for row in traces
        if "copied" in row and {row["copied"], row["id"]} <= fit
    }
    assert len(expected) >= 5
    found = {tuple(sorted((pair["a"]["row"], pair["b"]["row"]))) for pair in document["suspects"]}
    assert found == expected
    assert document["n_suspects"] == len(expected)
    assert all(pair["similarity"] > 0.99 for pair in document["suspects"])


def test_the_planted_slice_is_the_worst_by_length_and_by_time(document, kinds):
    by_length, by_time = parts(document, "length"), parts(document, "time")
    for found in (by_length, by_time):
        assert sum(part["n"] for part in found) == document["n"] == len(kinds)
        assert sum(part["handled"] for part in found) == document["handled"]
        assert sum(part["agree"] for part in found) == document["agree"]
        rates = [rate(part) for part in found]
        assert min(rates) == rates[-1] < min(rates[:-1]) - 0.2
    assert by_time[0]["name"].startswith("2025-09-01 to ")
    assert by_time[-1]["name"].endswith(" to 2025-10-01")


def test_a_guard_refuses_every_planted_outlier_and_the_rest_hardly_ever(world, document, kinds):
    (guard,) = document["guards"]
    aliens = next(row for row in guard["labels"] if row["label"] == "(off the list)")
    assert aliens == {"label": "(off the list)", "refused": int((kinds == "alien").sum()), "would_agree": 0}
    assert document["reasons"]["out_of_distribution"] == guard["refused"]
    assert guard["refused"] - aliens["refused"] < 0.06 * len(kinds)
    assert document["n_unknown_labels"] == (kinds == "alien").sum()


def test_counts_add_up(world, document):
    n = document["n"]
    assert sum(document["reasons"].values()) == sum(link["n"] for link in document["flow"]) == n
    assert document["reasons"]["handled"] == document["handled"] > 0
    assert document["reasons"]["denied_label"] > 0
    assert sum(row["n"] for row in document["labels"]) + document["n_unknown_labels"] == n
    assert sum(link["agree"] or 0 for link in document["flow"]) == document["agree"]
    assert document["cost"] == {"teacher_usd_per_1k": 2.5, "requests_per_day": 800.0}
    assert world.prepared.fit_traces.rows.tolist() == sorted(world.prepared.fit_traces.rows.tolist())


@pytest.mark.parametrize(("family", "coverage"), [("global", 1.0), ("l2d", 0.5), ("rsb", 0.6), ("l2d", 0.0)])
@pytest.mark.parametrize("told", [False, True])
def test_every_audit_fits_the_schema_and_tells_texts_only_where_it_may(world, traces, family, coverage, told):
    written = world.audit(world.policy(family, coverage), tells_text=told).to_json()
    document = json.loads(written)
    jsonschema.validate(document, AuditDocument.schema_document())
    assert set(document) == set(AuditDocument.schema_document()["properties"]) - {"n_fit"}
    words = {word for row in traces for word in (*row["input"].split()[1:], *row["teacher"].split(", ")[1:])}
    assert any(f" {word}" in written.decode() for word in words) == told
    assert ("no idea" in written.decode()) == told
    assert all(row["id"] not in written.decode() for row in traces)
    assert {len(stage["scores"]["edges"]) for stage in document["stages"]} == {41}
    assert len(document["stages"]) == (2 if family == "rsb" else 1)


def strings(value):
    """Yield every string of a document, keys aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def test_without_texts_every_string_is_a_label_a_name_of_the_spec_or_a_word_of_ours(world, document):
    known = {*world.prepared.labels.labels, "(off the list)", "logreg", "logistic", "prototypes", "fit, out of fold"}
    known |= {"length", "time", "region", "teacher", "stage 1", "typical", "highest score", "lowest score"}
    named = re.compile(r"region \d+|\d+(-\d+)? characters|2025-\d\d-\d\d( to 2025-\d\d-\d\d)?")
    assert {each for each in strings(document) if each not in known and not named.fullmatch(each)} == set()


def test_the_audit_is_the_same_again(world, document):
    again = world.audit(world.policy("l2d", 0.5))
    assert again.document() == document
    assert again.to_json() == AuditDocument.read(again.to_json()).to_json()


def test_a_key_that_is_missing_or_that_no_audit_has_does_not_fit(document):
    valid = jsonschema.Draft202012Validator(AuditDocument.schema_document())
    assert valid.is_valid(document)
    for key in document:
        assert not valid.is_valid({name: value for name, value in document.items() if name != key}), key
    for change in ({"extra": 1}, {"rows": "certify"}, {"n": -1}, {"stages": []}, {"schema_version": 2}):
        assert not valid.is_valid(document | change), change
