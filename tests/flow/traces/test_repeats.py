"""Rows that say the same: copies of one call, or requests made again."""

import math

import numpy as np
import pytest

from tests.flow.trace_sets import trace_set
from tracer_spec.errors import DataError
from tracer_spec.flow.traces.clock_shifts import clock_shifts
from tracer_spec.flow.traces.repeats import COPY, count_unclear, distinct, with_note, without_copies


def traces(*rows):
    """Return traces of (text, label, id, time, group), of which the later may be left out."""
    columns = list(zip(*((*row, *("x", None, math.nan, None)[len(row) - 1 :]) for row in rows), strict=True))
    texts, labels, ids, times, groups = columns if rows else ((), (), (), (), ())
    return trace_set(texts, labels, ids=ids, times=times, groups=groups)


def test_copies_count_once_whatever_their_ids_and_are_counted():
    kept = without_copies(traces(("a", "x", "1"), ("b",), ("a", "x", "2"), ("a", "y"), ("b",)))
    assert list(zip(kept.texts, kept.labels, strict=True)) == [("a", "x"), ("b", "x"), ("a", "y")]
    assert (kept.accounting.kept, dict(kept.accounting.dropped)) == (3, {COPY: 2})
    assert kept.accounting.read == kept.accounting.kept + sum(kept.accounting.dropped.values())


def test_a_log_without_copies_stays_as_it_is():
    given = traces(("a",), ("b",), ("a", "y"))
    assert without_copies(given) is given


def test_rows_that_say_the_same_within_moments_are_unclear_where_one_has_no_id():
    assert count_unclear(traces(("a",), ("a",), ("a",), ("b",))) == 2
    assert count_unclear(traces(("a", "x", "1"), ("a", "x", "2"))) == 0
    assert count_unclear(traces(("a", "x"), ("a", "y"))) == 0
    assert count_unclear(traces(("a", "x", None, 1.0), ("a", "x", None, 2.0), ("a", "x", None, 900.0))) == 1
    assert count_unclear(traces(("a", "x", "1", 1.0), ("a", "x", None, 1.4), ("a", "x", "2", 900.0))) == 1
    assert count_unclear(traces(("a", "x", None, 1.0), ("a", "x", "1", 1.4), ("a", "x", "2", 1.4))) == 2
    assert (
        count_unclear(traces(("a", "x", "1", 1.0), ("a",))) == count_unclear(traces(("a",), ("a", "x", "1", 1.0))) == 1
    )


def test_ids_of_their_own_tell_two_events_apart_but_not_within_moments():
    assert count_unclear(traces(("a", "x", "1", 1.0), ("a", "x", "2", 1.4), ("a", "x", "3", 900.0))) == 1
    assert count_unclear(traces(("a", "x", "1", 1.0), ("a", "y", "2", 1.4))) == 0
    assert count_unclear(traces(("a", "x", "1", 1.0), ("a", "x", "2"))) == 0  # no time is known
    fit = traces(("a", "x", "1", 1.0), ("b", "x", "2", 1.0))
    assert distinct(traces(("a", "x", "3", 1.4), ("b", "x", "4", 900.0)), fit).tolist() == [False, True]


def test_a_certify_row_is_one_of_its_own_where_neither_a_fit_row_nor_an_earlier_one_says_the_same():
    fit = traces(("a",), ("b",))
    certify = traces(("a",), ("c",), ("c",), ("d", "x", "9"), ("a", "y"), ("a", "x", "7"))
    assert distinct(certify, fit).tolist() == [False, True, False, True, True, False]


def test_a_second_source_without_ids_does_not_make_copies_rows_of_their_own():
    with_ids = traces(("a", "x", "1", 60.0), ("b", "x", "2", 900.0))
    without, coarse = traces(("a",), ("b",)), traces(("a", "x", None, 60.7), ("c", "x", None, 900.2))
    assert distinct(without, with_ids).tolist() == distinct(with_ids, without).tolist() == [False, False]
    assert distinct(coarse, with_ids).tolist() == [False, True]
    assert distinct(with_ids, coarse).tolist() == [False, True]


def test_copies_are_what_the_refusal_of_a_doubled_log_calls_so():
    for log in (doubled(50), doubled(50, gap=9000.0, group=lambda i, k: f"trace {i}")):
        assert len(without_copies(log)) == 50
    assert len(without_copies(doubled(50, gap=3600.0))) == 100


def test_where_nothing_is_unclear_there_is_no_second_reading():
    assert distinct(traces(("c",), ("d",)), traces(("a",), ("a",))) is None
    assert (
        distinct(
            traces(
                ("a", "x", "1"),
            ),
            traces(("a", "x", "2")),
        )
        is None
    )


def doubled(n, times=2, gap=0.5, **changes):
    rows = [
        (f"text {i}", "x", f"{i}-{k}", 1000.0 * i + gap * k, changes.get("group", lambda i, k: None)(i, k))
        for i in range(n)
        for k in range(times)
    ]
    return traces(*rows)


@pytest.mark.parametrize("times", [2, 3])
def test_a_log_in_which_every_call_stands_several_times_is_refused_with_what_to_do(times):
    with pytest.raises(DataError) as refusal:
        with_note(doubled(50, times))
    (problem,) = refusal.value.problems
    assert problem.address == "traces.repeats"
    assert f"50 texts stand exactly {times} times each" in problem.what
    assert all(remedy in problem.hint for remedy in ("repeats: copies", "strategy: grouped", "repeats: traffic"))


def test_the_two_spans_of_one_call_are_known_by_their_trace():
    with pytest.raises(DataError):
        with_note(doubled(50, gap=9000.0, group=lambda i, k: f"trace {i}"))
    with_note(doubled(50, group=lambda i, k: f"customer {i} {k}"))


def test_requests_made_again_are_no_copies():
    with_note(doubled(50, gap=3600.0))  # an hour apart
    zipf = [(f"text {min(i % 97, i % 7)}", "x", str(i), float(i)) for i in range(400)]
    with_note(traces(*zipf))
    with_note(traces(*[(f"text {i // 2}", "xy"[i % 2], str(i), float(i)) for i in range(100)]))  # two labels
    with_note(traces(*[(f"text {i}", "x", str(i)) for i in range(50)]))
    with_note(traces(*[(f"text {i // 2}",) for i in range(50)]))  # without ids they are read both ways


@pytest.mark.parametrize(
    "twin", ["Where is it? \n", "where  is it", " Where\tis it?", "WHERE IS IT?", "\uff37here is it?"]
)
def test_near_copies_say_the_same(twin):
    assert count_unclear(traces(("Where is it?",), (twin,))) == 1
    fit = traces(("Where is it?", "x", "1", 1.0))
    certify = traces((twin, "x", "2", 1.4), ("Where is he?", "x", "3", 1.4))
    assert distinct(certify, fit).tolist() == [False, True]
    assert len(without_copies(traces(("Where is it?",), (twin,)))) == 1
    log = [(text, "x", f"{i}{k}", 900.0 * i) for i in range(50) for k, text in enumerate((f"{i} A", f"{i} a\n"))]
    with pytest.raises(DataError):
        with_note(traces(*log))


def logged_twice(n, shift, every=3):
    rows = [(f"text {i}", "x", f"a{i}", 600.0 * i) for i in range(n)]
    twins = [(text, label, f"b{event}", time + shift) for text, label, event, time in rows[::every]]
    return rows, twins


@pytest.mark.parametrize("shift", [7200.5, -7200.5, 19800.0, 20700.0, 3600.0])
def test_within_moments_is_meant_of_clocks_in_two_zones_too(shift):
    rows, twins = logged_twice(90, shift)
    assert (~distinct(traces(*twins), traces(*rows))).sum() == len(twins)
    noted = with_note(traces(*rows, *twins)).accounting.notes
    assert f"or {round(abs(shift) / 900) / 4:g} h from it, as by another clock" in noted[0]


@pytest.mark.parametrize("shift", [7700.0, 40 * 3600.0])
def test_requests_made_again_at_no_difference_of_zones_stay_events_of_their_own(shift):
    rows, twins = logged_twice(90, shift)
    assert distinct(traces(*twins), traces(*rows)) is None


def test_requests_that_people_make_again_have_no_clock():
    rng = np.random.default_rng(0)
    for n_texts in (20, 300, 3000):
        rows = [(f"text {rng.zipf(1.3) % n_texts}", "x", str(i), t) for i, t in enumerate(rng.random(6000) * 7 * 86400)]
        assert clock_shifts([row[0].encode() for row in rows], np.array([row[3] for row in rows]), 60.0) == ()


WORDS = ("card", "refund", "parcel", "login", "invoice", "limit", "address", "voucher")
TEMPLATES = (
    "Date: 2026-03-{day:02d} 10:{at:02d}:11\nTicket: {text}",
    "Today is {name}, {day} March.\n{text}",
    "[req {token:016x}] {text}",
    "{text} (trace 7f-{token})",
    "<p>{text}</p> {token}",
    "<div class='n{day}'>{text}</div><br/>",
)


def asked_again(template, times=2, n=64, ids=True, label=lambda i, k: "x"):
    """Return requests, each asked several times, days apart, in a prompt that is written anew each time."""
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    rows = []
    for i in range(n):
        text = f"my {WORDS[i % 8]} and my {WORDS[i // 8]} are gone"
        for k in range(times):
            prompt = template.format(
                text=text, day=k + 1, name=names[k], at=i % 60, token=2654435761 * (times * i + k + 1)
            )
            rows.append((prompt, label(i, k), f"{i}-{k}" if ids else None, 86_400.0 * 1.37 * k + 60 * i))
    return traces(*rows)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("ids", [True, False])
def test_a_log_of_requests_asked_again_under_another_date_or_id_is_refused_with_what_to_do(template, ids):
    with pytest.raises(DataError) as refusal:
        with_note(asked_again(template, ids=ids))
    (problem,) = refusal.value.problems
    assert problem.address == "traces.repeats"
    assert (
        "64 texts stand exactly 2 times each, with one label, but for numbers, dates, ids, markup or a prompt in them"
        in problem.what
    )
    assert all(remedy in problem.hint for remedy in ("traces.extract", "strategy: grouped", "repeats: traffic"))


def test_templates_of_a_programme_and_other_answers_are_no_request_asked_again():
    with_note(traces(*[(f"disk {i} of web-{i % 7} is full", "x", str(i)) for i in range(400)]))
    hosts = [(f"{WORDS[min(i % 61, i % 8)]} {i} is full", "x", str(i)) for i in range(400)]
    with_note(traces(*hosts))
    with_note(asked_again(TEMPLATES[0], label=lambda i, k: "xy"[k]))
    with_note(asked_again(TEMPLATES[0], n=40))
    with_note(
        asked_again("{text}")
    )  # said alike, days apart: folds keep them together, and so the second net sees them


def test_requests_asked_again_now_and_then_are_named_with_what_to_do():
    n_times = [1 + (i * i) % 5 for i in range(64)]
    rows = [
        (
            f"Date: 2026-03-{k + 1:02d}\nmy {WORDS[i % 8]} and my {WORDS[i // 8]} are gone",
            "x",
            f"{i}-{k}",
            1e5 * k + 60 * i,
        )
        for i, n in enumerate(n_times)
        for k in range(n)
    ]
    log = traces(*rows)
    with_note(log)
    (note,) = with_note(log).accounting.notes
    assert note.startswith(
        f"{len(rows) - 64} of {len(rows)} rows say what another one says, but for numbers, dates, ids"
    )
    assert with_note(traces(*rows[:40])).accounting.notes == ()


def test_a_certify_row_that_is_asked_again_under_another_date_is_none_of_its_own_where_many_are():
    fit = asked_again(TEMPLATES[0], times=1)
    other = asked_again("Date: 2026-04-{day:02d}\nTicket: {text}", times=1)
    certify = traces(*zip(other.texts, other.labels, other.ids, [each + 1e6 for each in other.times], strict=True))
    fresh = ("is there a branch near me?", "x", "fresh", 5e6)
    assert distinct(certify, fit) is not None
    assert not distinct(certify, fit).any()
    rows = [*zip(certify.texts, certify.labels, certify.ids, certify.times, strict=True), fresh]
    assert distinct(traces(*rows), fit).tolist() == [False] * 64 + [True]
    assert distinct(certify.take(np.arange(40)), fit.take(np.arange(40))) is None  # too few to tell


PROMPTS = (
    "You are a helpful assistant of a bank. Answer with one label.\n\nMessage: {text}",
    "Message: {text}",
    "{text}\n\nLabel:",
    "<prompt>Classify what the customer says.</prompt><message>{text}</message>Answer in JSON.",
    "Customer {name}, who has {n} cards of the kind {kind}, writes to us: {text}. What is it about?",
)


def logged_with_prompt(prompt, label=lambda i, k: "x"):
    """Return requests that one logger writes bare, and another in their prompt, without ids."""
    rows = []
    for i in range(64):
        bare = f"my {WORDS[i % 8]} and my {WORDS[i // 8]} are gone"
        names = {"name": f"{WORDS[i // 8]} {WORDS[i % 8]}", "n": i, "kind": WORDS[(3 * i) % 8]}
        texts = (bare, prompt.format(text=bare, **names))
        rows += [(text, label(i, k), None, 60.0 * i + 0.2 * k) for k, text in enumerate(texts)]
    return rows


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_log_of_calls_that_one_logger_writes_bare_and_another_in_their_prompt_is_refused(prompt):
    with pytest.raises(
        DataError, match=r"64 texts stand exactly 2 times .* a prompt in them: 128 of 128 rows"
    ) as refusal:
        with_note(traces(*logged_with_prompt(prompt)))
    (problem,) = refusal.value.problems
    assert problem.address == "traces.repeats"
    assert "traces.format.where" in problem.hint
    (note,) = with_note(traces(*logged_with_prompt(prompt)), grouped=True).accounting.notes
    assert note.startswith("64 of 128 rows say what another one says")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_certify_row_is_none_of_its_own_where_a_fit_row_holds_it_in_its_prompt(prompt):
    rows = logged_with_prompt(prompt)
    for certify, fit in ((rows[::2], rows[1::2]), (rows[1::2], rows[::2])):
        assert not distinct(traces(*certify), traces(*fit)).any()
        fresh = ("is there a branch near me?", "x", "fresh", 5e6)
        assert distinct(traces(*certify, fresh), traces(*fit)).tolist() == [False] * 64 + [True]


def test_some_calls_in_their_prompts_are_read_both_ways_and_two_answers_are_two_requests():
    words = [f"{a * 3} {b * 3}" for a in "abcdefghijk" for b in "lmnopqrstu"]
    alone = [(f"where is the {each} of mine", "x", None, 1e6 + 600.0 * i) for i, each in enumerate(words)]
    (note,) = with_note(traces(*logged_with_prompt(PROMPTS[0])[:100], *alone)).accounting.notes
    assert note.startswith("50 of 210 rows say what another one says, but for numbers, dates, ids, markup or a prompt")
    assert with_note(traces(*logged_with_prompt(PROMPTS[0], label=lambda i, k: "xy"[k]))).accounting.notes == ()
