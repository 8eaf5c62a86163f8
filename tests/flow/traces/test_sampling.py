"""Which rows may certify: those that chance chose, and where there is doubt, none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tracer_spec.builtin.formats import PRESETS, compile_format, custom_format
from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.collect import collect
from tracer_spec.flow.traces.dealt import Dealt
from tracer_spec.flow.traces.fit_weights import fit_weights
from tracer_spec.flow.traces.sampling import rate_of, sampled
from tracer_spec.flow.traces.several_sources import SourceOfTraces, collect_several
from tracer_spec.flow.traces.splits import split
from tracer_spec.plugin import Record
from tracer_spec.text_steps.labels import LabelCleaner

DECISIONS, NATIVE = PRESETS["decisions"], PRESETS["native"]
DEPLOYED = 1.8e9


def line(number, *, handled=True, audit=False, served="teacher", rate=0.1, routed=True, **more):
    """Return a line of a log of decisions."""
    answered = "refund" if served == "teacher" else None
    story = {"handled": handled, "audit": audit, "audit_rate": rate, "served": served} if routed else None
    head = {"id": f"r{number}", "time": DEPLOYED + number, "input": f"text {number}", "teacher_raw": answered}
    return {**head, "model": "m", "router": story, **more}


def old(number, **more):
    return {
        "id": f"o{number}",
        "timestamp": DEPLOYED - 1000 + number,
        "input": f"old {number}",
        "teacher": "refund",
        **more,
    }


class Lines:
    def __init__(self, rows):
        self.rows = rows

    def records(self):
        return iter([Record(f"a:{number}", row) for number, row in enumerate(self.rows, 1)])


def source(rows, layout=DECISIONS, where=None):
    return SourceOfTraces(lambda: Lines(rows), compile_format(layout, where).traces, LabelCleaner())


def read(rows, layout=DECISIONS, where=None):
    return collect(Lines(rows).records(), compile_format(layout, where).traces, LabelCleaner())


def may(traces):
    return dict(zip(traces.ids, sampled(traces.sampling, traces.times).tolist(), strict=True))


def test_audited_rows_and_those_without_a_bundle_may_certify_and_deferred_ones_may_not():
    traces = read(
        [
            line(0, audit=True),
            line(1, handled=False, audit=True),
            line(2, handled=False),
            line(3, routed=False),
            line(4, served="router"),
            line(5, served="nobody"),
        ]
    )
    assert may(traces) == {"r0": True, "r1": True, "r2": False, "r3": True}
    assert traces.accounting.dropped == {"nobody answered": 1, "not asked": 1}
    assert traces.sampling.is_deferred.tolist() == [False, True, True, False]
    assert traces.sampling.rates.tolist() == [0.1, 0.1, 0.1, 1.0]


@pytest.mark.parametrize("rate", [0, -0.1, 1.5, "0.1", math.nan, True])
def test_a_rate_that_is_none_lets_nothing_certify(rate):
    assert rate_of(rate) == 0
    traces = read([line(0, audit=True, rate=rate), line(1, audit=True)])
    assert may(traces) == {"r0": False, "r1": True}
    assert traces.sampling.speaks.tolist() == [False, True]


@pytest.mark.parametrize("first", [0, 1], ids=["audited first", "deferred first"])
def test_an_event_of_which_one_record_may_not_certify_does_not(first):
    both = [line(0, audit=True), line(0, handled=False)]
    traces = read([both[first], both[1 - first], line(1, audit=True)])
    assert may(traces) == {"r0": False, "r1": True}


@pytest.mark.parametrize("served", ["router", "nobody"])
@pytest.mark.parametrize("first", [0, 1])
def test_an_event_that_the_coin_passed_over_once_does_not_certify(served, first):
    """Who asks again until the coin falls is in the sample more often than others."""
    both = [line(0, audit=True), line(0, served=served)]
    assert may(read([both[first], both[1 - first], line(1, audit=True)])) == {"r0": False, "r1": True}


def test_a_log_read_twice_keeps_its_right():
    assert may(read([line(0, audit=True), line(0, audit=True)])) == {"r0": True}


@pytest.mark.parametrize("first", [0, 1])
def test_an_event_that_stands_in_two_sources_certifies_only_where_both_let_it(first):
    same = {"id": "r0", "timestamp": DEPLOYED, "input": "text 0", "teacher": "refund"}
    sources = [source([old(1), same], NATIVE), source([line(0, handled=False), line(2, audit=True)])]
    traces = collect_several([sources[first], sources[1 - first]])
    assert may(traces) == {"o1": True, "r0": False, "r2": True}


def test_a_log_that_knows_no_coin_is_believed_until_a_router_was_there():
    after = old(2000, timestamp=DEPLOYED + 5)
    traces = collect_several([source([old(0), after, old(1, timestamp=None)], NATIVE), source([line(1, audit=True)])])
    assert may(traces) == {"o0": True, "o2000": False, "o1": False, "r1": True}
    told = custom_format({"certify": "`true`"}, NATIVE)
    assert all(may(collect_several([source([after], told), source([line(1, audit=True)])])).values())


@pytest.mark.parametrize("when", [0, "1970-01-01", "0001-01-01T00:00:00Z", -1, None])
@pytest.mark.parametrize("strategy", ["random", "fresh"])
def test_one_absurd_date_of_a_routers_record_is_told_with_the_traces_that_it_keeps_from_certifying(when, strategy):
    logs = [source([old(n) for n in range(200)], NATIVE)]
    audited = [line(n, audit=True) for n in range(1, 99)]
    traces = collect_several([*logs, source([line(0, audit=True, time=when), *audited])])
    (said,) = split(traces, certify=0.4, strategy=strategy).bound_notes
    assert said == (
        "a record of a router's log is dated before the year 2000, or has no time: 200 traces of other logs count as newer "
        "than the router, and cannot certify. Look at 'traces.format.time' before a build, since router.lock keeps that time; "
        "where these are a sample of the traffic all the same, their format says so: 'certify: \"`true`\"'"
    )
    deferred = collect_several([*logs, source([line(0, handled=False, time=when)])])
    with pytest.raises(DataError, match="none of 201 traces may certify") as refusal:
        split(deferred, certify=0.4, strategy=strategy)
    assert refusal.value.problems[0].hint.startswith(f"{said}; or certify on requests that chance chose")
    assert split(collect_several([*logs, source(audited)]), certify=0.4, strategy=strategy).bound_notes == ()
    certified = custom_format({"certify": "`true`"}, NATIVE)
    told = [source([old(n) for n in range(200)], certified), source([line(0, audit=True, time=when), *audited])]
    assert split(collect_several(told), certify=0.4, strategy=strategy).bound_notes == ()


def test_what_the_router_answered_tells_when_it_was_first_there_although_it_is_no_trace():
    traces = collect_several(
        [source([old(0, timestamp=DEPLOYED + 1)], NATIVE), source([line(0, served="router"), line(9, audit=True)])]
    )
    assert may(traces) == {"o0": False, "r9": True}


def test_a_log_of_a_shadow_or_without_a_bundle_takes_no_right_from_others():
    shadow = [line(0, audit=True, rate=1.0), line(1, routed=False)]
    traces = collect_several([source([old(0, timestamp=None)], NATIVE), source(shadow)])
    assert traces.sampling is None


def test_certify_where_takes_the_right_and_gives_none():
    traces = read([line(0, audit=True), line(1, audit=True, model="n"), line(2, handled=False)], where="model == 'm'")
    assert may(traces) == {"r0": True, "r1": False, "r2": False}
    plain = read([old(0), old(1, kind="a")], NATIVE, where="kind == 'a'")
    assert may(plain) == {"o0": False, "o1": True}
    assert read([old(0), old(1)], NATIVE, where="`true`").sampling is None


@pytest.mark.parametrize(
    "where", ["router.handled", "teacher == router.label", "!(router.score < `0.5`)", "router | stage"]
)
def test_certify_where_does_not_read_what_the_router_decided(where):
    """What it leaves out is hard, or easy: the rest certified a policy that answers both, at .95 where .80 was true."""
    with pytest.raises(
        SpecError, match="which the router decided: the rows that are left are no sample of the traffic"
    ):
        read([line(0, audit=True)], where=where)
    with pytest.raises(SpecError, match="which the router decided"):
        read([line(0, audit=True)], custom_format({"where": where}, DECISIONS))
    assert may(read([old(0)], NATIVE, where=where)).keys() == {"o0"}  # another log's 'router' is another thing
    chance = "router && router.mode == 'live' && router.audit"
    assert may(read([line(0, audit=True)], where=chance)).keys() == {"r0"}


@pytest.mark.parametrize("where", ["teacher == 'refund'", "contains(['a'], teacher_raw.intent)", "!(teacher)"])
def test_certify_where_does_not_read_what_the_teacher_answered(where):
    with pytest.raises(
        SpecError, match="which the teacher answered: the rows that are left are no sample of the traffic"
    ):
        read([line(0, audit=True)], where=where)
    assert may(read([line(0, audit=True)], where="contains(input, 'teacher')")).keys() == {"r0"}


def test_what_may_certify_is_part_of_what_traces_are():
    rows = [line(0, audit=True), line(1, audit=True)]
    digests = {read(rows, where=where).digest for where in (None, "id == 'r0'", "id == 'r1'")}
    assert len(digests) == 3


def test_rows_without_the_right_train_and_never_certify_in_any_split():
    rng = np.random.default_rng(0)
    audited = rng.uniform(size=600) < 0.3
    rows = [line(n, handled=bool(n % 3), audit=bool(audited[n])) for n in range(600) if audited[n] or not n % 3]
    traces = read(
        [{**row, "group": f"g{n // 2}"} for n, row in enumerate(rows)], custom_format({"group": "group"}, DECISIONS)
    )
    chance = sampled(traces.sampling, traces.times)
    for strategy in ("random", "temporal", "fresh", "grouped"):
        sides = split(traces, certify=0.4, strategy=strategy, key="group" if strategy == "grouped" else None)
        assert chance[sides.certify].all()
        assert len(sides.certify) > 20
        assert sides.share == pytest.approx(len(sides.certify) / chance.sum())
    sides = split(traces, certify=0.4)
    assert sorted([*sides.fit, *sides.certify]) == list(range(len(traces)))


def test_deferred_rows_alone_are_refused_with_what_to_do():
    with pytest.raises(DataError) as caught:
        split(read([line(n, handled=False) for n in range(50)]), certify=0.4)
    (problem,) = caught.value.problems
    assert problem.what == (
        "none of 50 traces may certify: 50 of them are requests that a router deferred, the hard ones of the traffic"
    )
    assert "audit=0.02" in problem.hint


def test_older_traces_do_not_certify_what_a_router_answers_unseen():
    both = collect_several(
        [source([old(n) for n in range(80)], NATIVE), source([line(n, handled=False) for n in range(20)])]
    )
    with pytest.raises(DataError, match="20 of 100 traces are from behind a router, and chance chose none of them"):
        split(both, certify=0.4)


def test_rows_of_equal_chance_have_no_weights():
    traces = read([old(n) for n in range(50)], NATIVE)
    assert fit_weights(traces, split(traces, certify=0.4)) is None
    audited = read([line(n, audit=True) for n in range(50)])
    assert fit_weights(audited, split(audited, certify=0.4)) is None


def test_rows_that_are_no_sample_of_what_certifies_train_and_count_in_no_estimate():
    rows = [old(n, kind="ab"[n % 2]) for n in range(200)]
    traces = read(rows, NATIVE, where="kind == 'a'")
    sides = split(traces, certify=0.4)
    weights = fit_weights(traces, sides)
    is_wanted = traces.take(sides.fit).sampling.may_certify
    assert (weights.counting[~is_wanted] == 0).all()
    assert (weights.counting[is_wanted] > 0).all()
    assert (weights.learning > 0).all()
    assert weights.n_effective == pytest.approx(is_wanted.sum())
    assert f"{(~is_wanted).sum()} of them count in no estimate" in weights.notes[0]


def test_where_all_audited_rows_since_a_time_certify_deferred_ones_since_then_count_in_no_estimate():
    """No fit row stands for what the router handled since: the deferred ones alone would be the hard part of that traffic."""
    recorded = [line(n - 100, routed=False) for n in range(100)]
    since = [line(n, handled=n % 2 == 0, audit=n % 10 < 2, served="teacher") for n in range(100)]
    traces = read([*recorded, *(each for each in since if each["router"]["audit"] or not each["router"]["handled"])])
    sides = split(traces, certify=0.4, strategy="fresh", dealt=Dealt(looked_until=DEPLOYED - 0.5))
    weights, is_new = fit_weights(traces, sides), traces.take(sides.fit).times >= DEPLOYED
    assert is_new.sum() == 40
    assert (weights.counting[is_new] == 0).all()
    assert np.ptp(weights.counting[~is_new]) == 0 < weights.counting[~is_new][0]
    assert weights.n_effective == pytest.approx(100)


def test_where_a_new_teacher_certifies_alone_rows_of_the_old_one_are_what_estimates_come_from():
    recorded = [line(n - 100, routed=False, model="old") for n in range(100)]
    since = [line(n, handled=n % 2 == 0, audit=n % 10 < 2, model="new") for n in range(100)]
    traces = read(
        recorded + [each for each in since if each["router"]["audit"] or not each["router"]["handled"]],
        where="model == 'new'",
    )
    sides = split(traces, certify=0.4, strategy="fresh", dealt=Dealt(looked_until=DEPLOYED - 0.5))
    weights, is_new = fit_weights(traces, sides), traces.take(sides.fit).times >= DEPLOYED
    assert len(sides.certify) == 20
    assert (weights.counting[is_new] == 0).all()
    assert weights.n_effective == pytest.approx(100)


def test_audited_rows_older_than_the_cut_stand_for_all_that_was_handled_then():
    """None of those certifies, so a handled one stands for 1 / rate requests, and a deferred one for itself."""
    rows = [line(n, handled=n % 2 == 0, audit=n % 10 < 2) for n in range(200)]
    traces = read([each for each in rows if each["router"]["audit"] or not each["router"]["handled"]])
    sides = split(traces, certify=0.4, strategy="fresh", dealt=Dealt(looked_until=DEPLOYED + 99.5))
    weights, fit = fit_weights(traces, sides), traces.take(sides.fit)
    is_old, is_deferred = fit.times < DEPLOYED + 100, fit.sampling.is_deferred
    handled, deferred = weights.counting[is_old & ~is_deferred], weights.counting[is_old & is_deferred]
    assert handled == pytest.approx(np.full(10, handled[0]))
    assert handled[0] / deferred == pytest.approx(np.full(50, 10.0))


def test_the_file_may_hold_other_words_for_the_same():
    """A log of another product: its own keys, told by the format."""
    other = custom_format(
        {
            "text": "q",
            "label": "llm",
            "id": "id",
            "unlabelled": {"served by cache": "!llm"},
            "certify": "sampled",
            "rate": "p",
            "deferred": "unsure",
        }
    )
    rows = [
        {"id": 1, "q": "a", "llm": "x", "sampled": True, "p": 0.2},
        {"id": 2, "q": "b", "llm": "x", "sampled": False, "p": 0.2, "unsure": True},
        {"id": 3, "q": "c", "llm": None, "sampled": False, "p": 0.2},
    ]
    traces = read(json.loads(json.dumps(rows)), other)
    assert may(traces) == {"1": True, "2": False}
    assert traces.accounting.dropped == {"served by cache": 1}
