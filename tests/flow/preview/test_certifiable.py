"""The outlook: ceilings by brute force, numbers of rows by their formulas, and not a word of the certify rows."""

import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tracer_spec.flow.documents.lock import LockDocument, Series
from tracer_spec.flow.lock.file import lock_path, write_lock
from tracer_spec.flow.lock.ledger import sketch
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.preview.certifiable import preview, self_agreement
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec


def outlook_of(tmp_path, rows, *, as_file=False, **changes):
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "embedder": {"use": "lsa"},
        "target": {"agreement": 0.9},
    } | changes
    if as_file:
        (tmp_path / "router.yaml").write_text(json.dumps(spec))
    plan = make_plan(load_spec(tmp_path / "router.yaml" if as_file else spec), find_plugins())
    traces = read_traces(plan)
    return preview(
        plan.spec,
        traces,
        part(traces, plan.spec.split),
        target=plan.target,
        allowed_labels=plan.allowed_labels,
        makes_a_test=plan.makes_a_test,
        lock=lock_path(plan.loaded.file),
    )


def rows(n, label=lambda i: "ab"[i % 2]):
    return [{"id": f"e{i}", "input": f"text {i}", "teacher": label(i)} for i in range(n)]


# --- repeated rows read as copies ---------------------------------------------------------------------------------------


def twice(n, **ids):
    return [
        {"input": f"text {i}", "teacher": "ab"[i % 2]} | {k: f"{v}{i}" for k, v in ids.items()} for i in range(n)
    ] * 2


def test_of_calls_that_stand_twice_those_certify_whose_copies_are_all_certify_rows(tmp_path):
    outlook = outlook_of(tmp_path, twice(1000))
    assert outlook.n_own == pytest.approx(1000 * 0.4**2, abs=60)
    assert f"read as copies, repeated rows leave about {outlook.n_own:,} of the" in " ".join(outlook.notes)


def test_where_copies_leave_too_few_certify_rows_it_is_said_how_many_a_test_needs(tmp_path):
    notes = " ".join(outlook_of(tmp_path, rows(30, lambda _: "a") + twice(30) * 8).notes)
    assert "repeated rows leave about" in notes
    assert "certify rows to pass the test on: it needs 29 at the least" in notes


@pytest.mark.parametrize("traces", [rows(400), rows(400) + rows(400)], ids=["no text repeats", "ids tell copies"])
def test_where_no_row_is_unclear_no_other_reading_is_told(tmp_path, traces):
    outlook = outlook_of(tmp_path, traces)
    assert outlook.n_own is None
    assert "read as copies" not in " ".join(outlook.notes)


# --- the ceiling -------------------------------------------------------------------------------------------------------


class Fit:
    def __init__(self, pairs):
        self.pairs = pairs
        self.labels = tuple(label for _, label in pairs)

    def contents(self):
        return (text.encode() for text, _ in self.pairs)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abo")), min_size=1, max_size=12))
def test_the_ceiling_is_the_agreement_of_the_best_function_of_the_text(pairs):
    texts = sorted({text for text, _ in pairs})
    best = max(
        sum(dict(zip(texts, answer, strict=True))[text] == label for text, label in pairs)
        for answer in itertools.product("ab", repeat=len(texts))
    )
    ceiling = self_agreement(Fit(pairs), frozenset("ab"))  # 'o' is off the list
    assert (ceiling.n, ceiling.k, ceiling.share) == (len(pairs), best, best / len(pairs))
    repeated = [pair for pair in pairs if sum(text == pair[0] for text, _ in pairs) > 1]
    again = self_agreement(Fit(repeated), frozenset("ab"))
    assert (ceiling.n_repeated, ceiling.k_repeated) == (again.n, again.k)
    conflicting = {text for text in texts if len({label for other, label in pairs if other == text}) > 1}
    assert (ceiling.n_texts, ceiling.n_conflicting) == (len({text for text, _ in repeated}), len(conflicting))


def test_a_ceiling_under_the_target_is_a_warning(tmp_path):
    given = [{"id": f"e{i}", "input": f"text {i // 10}", "teacher": "ab"[i % 10 < 2]} for i in range(1000)]
    told = outlook_of(tmp_path, given)
    assert 0.75 < told.ceiling.share < 0.85
    assert any(
        f"at most {told.ceiling.share:.3f} on all traffic, under the target of 0.9" in each for each in told.warnings
    )
    assert not outlook_of(tmp_path, given, target={"agreement": 0.7}).warnings


def test_repeats_warn_only_where_they_are_enough_to_tell(tmp_path):
    def with_repeats(n):
        return rows(1000) + [{"id": f"r{i}", "input": f"again {i // 4}", "teacher": "ab"[i % 4 < 2]} for i in range(n)]

    (warning,) = outlook_of(tmp_path, with_repeats(100)).warnings
    assert warning.startswith("where texts repeat, the teacher's answers allow an agreement of at most 0.")
    assert not outlook_of(tmp_path, with_repeats(4)).warnings


def test_labels_off_the_list_lower_the_ceiling_and_are_counted_among_fit_rows_alone(tmp_path):
    given = rows(1000, lambda i: ["a", "b", "made_up", "a"][i % 4])
    told = outlook_of(
        tmp_path,
        given,
        traces={
            "use": "jsonl",
            "with": {"path": str(tmp_path / "traces.jsonl")},
            "labels": {"allowed": ["a", "b", "c"]},
        },
    )
    n_fit = told.n_fit
    assert told.n_unknown == told.unknown_labels["made_up"] == pytest.approx(n_fit / 4, abs=40)
    assert told.ceiling.k == n_fit - told.n_unknown
    assert told.labels["a"] + told.labels["b"] + told.n_unknown == n_fit
    assert told.labels["c"] == 0
    assert any("no fit row has the label c" in warning for warning in told.warnings)


# --- the number of rows ------------------------------------------------------------------------------------------------


def test_the_smallest_coverage_is_the_fewest_trials_over_the_certify_rows(tmp_path):
    able = outlook_of(
        tmp_path, rows(1000), target={"agreement": 0.95, "confidence": 0.9, "min_coverage": 0.01}
    ).certifiable
    assert able.fewest == math.ceil(math.log(0.1) / math.log(0.95)) == 45
    assert able.smallest_coverage == 45 / able.n_certify
    assert (able.status, able.traces_missing, able.look) == ("certifiable", 0, None)
    wide = outlook_of(
        tmp_path, rows(1000), target={"agreement": 0.95, "confidence": 0.9, "min_coverage": 0.5}
    ).certifiable
    assert wide.smallest_coverage == 0.5


def test_the_level_is_that_of_the_next_look_where_looks_are_counted(tmp_path):
    able = outlook_of(tmp_path, rows(1000), as_file=True).certifiable
    assert (able.look, able.level) == (1, pytest.approx(0.05 * 0.9))
    assert able.fewest == math.ceil(math.log(able.level) / math.log(0.9))


def test_looks_of_a_copy_of_the_spec_are_told(tmp_path):
    told = outlook_of(tmp_path, rows(1000), as_file=True)
    assert not any("error budget" in note for note in told.notes)
    sealed = sketch((f"e{n}".encode() for n in range(1000)), ())
    write_lock(tmp_path / "copy.lock", LockDocument(looks=(Series(builds=("a", "b"), sketch=sealed),)))
    notes = outlook_of(tmp_path, rows(1000), as_file=True).notes
    assert [note for note in notes if note.startswith("copy.lock, beside ") and "holds 2 looks" in note]


def test_with_too_few_rows_it_says_how_many_more_it_takes_and_that_is_enough(tmp_path):
    few = outlook_of(tmp_path, rows(60), target={"agreement": 0.95})
    able = few.certifiable
    assert (able.status, able.smallest_coverage, able.fewest) == ("uncertifiable", None, 59)
    assert able.traces_missing == math.ceil(59 / 0.4) - 60
    enough = outlook_of(tmp_path, rows(60 + able.traces_missing + 25), target={"agreement": 0.95})
    assert enough.certifiable.status == "certifiable"


def test_an_end_to_end_target_needs_rows_and_no_coverage(tmp_path):
    target = {"end_to_end": 0.95, "calibrator": "risk-control", "min_coverage": 0.0}
    able = outlook_of(tmp_path, rows(400), target=target).certifiable
    assert (able.status, able.fewest, able.smallest_coverage) == ("certifiable", 59, 0.0)
    assert outlook_of(tmp_path, rows(60), target=target).certifiable.status == "uncertifiable"


def test_a_calibrator_that_tests_nothing_needs_no_rows(tmp_path):
    able = outlook_of(tmp_path, rows(60), target={"agreement": 0.95, "calibrator": "empirical"}).certifiable
    assert (able.status, able.fewest, able.traces_missing) == ("untested", None, 0)


# --- nothing of the certify rows ---------------------------------------------------------------------------------------


def test_certify_rows_replaced_whole_change_nothing_that_is_told(tmp_path):
    given = [{"id": f"e{i}", "input": f"text {i // 3}", "teacher": "abc"[i * 7 % 3]} for i in range(600)]
    before = outlook_of(tmp_path, given)
    plan = make_plan(
        load_spec(
            {
                "version": 1,
                "name": "small",
                "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
                "embedder": {"use": "lsa"},
                "target": {"agreement": 0.9},
            }
        ),
        find_plugins(),
    )
    traces = read_traces(plan)
    certify = {traces.ids[i] for i in part(traces, plan.spec.split).certify}
    changed = [{**row, "input": "other words", "teacher": "unheard"} if row["id"] in certify else row for row in given]
    after = outlook_of(tmp_path, changed)
    assert before == after
    assert before.ceiling.n_conflicting > 0
    fit_changed = [{**row, "teacher": "unheard"} if row["id"] not in certify else row for row in given]
    assert outlook_of(tmp_path, fit_changed) != before


# --- targets of single labels ------------------------------------------------------------------------------------------


def test_the_rows_that_the_test_of_a_label_needs_follow_from_the_level_and_those_expected_from_the_fit_rows(tmp_path):
    traces = rows(1000, lambda i: "rare" if i % 10 == 0 else "ab"[i % 2])
    target = {"agreement": 0.9, "labels": {"rare": {"missed": 0.1, "agreement": 0.95}, "a": {"missed": 0.2}}}
    outlook = outlook_of(tmp_path, traces, target=target)
    able, found = outlook.certifiable, {(each.asked.label, each.asked.measure): each for each in outlook.label_targets}
    for (label, _), each in found.items():
        assert each.fewest == math.ceil(math.log(able.level) / math.log(each.asked.level))
        assert each.expected == round(outlook.labels[label] / outlook.n_fit * able.n_certify)
    assert not found["rare", "missed"].is_hopeless
    assert found["rare", "agreement"].chance == pytest.approx(
        binom.sf(found["rare", "agreement"].fewest - 1, able.n_certify, outlook.labels["rare"] / outlook.n_fit)
    )


def test_a_label_too_rare_for_its_test_makes_the_plan_uncertifiable_and_tells_how_many_traces_it_takes(tmp_path):
    traces = rows(1000, lambda i: "rare" if i % 100 == 0 else "ab"[i % 2])
    outlook = outlook_of(tmp_path, traces, target={"agreement": 0.9, "labels": {"rare": {"missed": 0.01}}})
    (rare,) = outlook.label_targets
    assert (outlook.status, outlook.certifiable.status, rare.is_hopeless) == ("uncertifiable", "certifiable", True)
    share = outlook.labels["rare"] / outlook.n_fit * outlook.certifiable.n_certify / 1000
    assert rare.traces_missing == math.ceil(rare.fewest / share) - 1000
    listed = {
        "use": "jsonl",
        "with": {"path": str(tmp_path / "traces.jsonl")},
        "labels": {"allowed": ["a", "b", "rare", "x"]},
    }
    never = outlook_of(tmp_path, traces, traces=listed, target={"agreement": 0.9, "labels": {"x": {"missed": 0.5}}})
    assert (never.status, never.label_targets[0].expected, never.label_targets[0].traces_missing) == (
        "uncertifiable",
        0,
        0,
    )
