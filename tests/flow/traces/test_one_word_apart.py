"""Texts of one label that differ in one word."""

import numpy as np
import pytest

from tests.flow.trace_sets import trace_set
from tracer_spec.errors import DataError
from tracer_spec.flow.traces.one_word_apart import one_word_apart
from tracer_spec.flow.traces.repeats import distinct, rows_a_call, with_note

NAMES = ("Anna", "Ben", "Carla", "Dmitri", "Elena", "Farid")
THINGS = ("card", "refund", "parcel", "login", "invoice", "limit", "address", "voucher", "meter", "ticket")


def request(number):
    """Return a text of which two words are no other's."""
    code = "abcdefghij"[number % 10] + "klmnopqrst"[number // 10]
    return f"where is the {code}ing of my {code}er which I lost"


def asked_by(names, numbers, template="Hi {name}, {text}", labels=lambda number, k: "x", start=0):
    """Return requests, each asked by some, days apart, under ids of their own."""
    rows = [
        (
            template.format(name=name, text=request(number)),
            labels(number, k),
            f"{start}-{number}-{k}",
            1e5 * k + 60.0 * number,
        )
        for number in numbers
        for k, name in enumerate(names(number))
    ]
    texts, said, ids, times = zip(*rows, strict=True)
    return trace_set(texts, said, ids=ids, times=times)


def text(words):
    return b"text\0" + words.encode()


def test_steps_of_one_word_join_texts_of_one_label():
    far, near, between = (text(f"hello {each} where is my parcel") for each in ("anna dear", "ben friend", "ben dear"))
    assert one_word_apart([far, near], "xx") == [far, near]
    assert one_word_apart([far, near, between, far], "xxxx") == [far] * 4
    assert one_word_apart([far, near, between], "xxy") == [far, near, between]


@pytest.mark.parametrize(
    "pair",
    [
        ("cancel my card right now", "cancel my loan right now"),
        ("hi where is my parcel please", "hi anna where is my parcel please"),
        ("is my card or parcel lost", "my is card or parcel lost"),
        ("x my card is lost again", "my card is lost again x"),
    ],
)
def test_few_words_another_number_of_words_and_another_order_are_no_step(pair):
    contents = [text(each) for each in pair]
    assert one_word_apart(contents, "xx") == contents


def test_what_is_no_text_stays():
    assert one_word_apart([b"vector\0a b c d e f g", b"vector\0a b c d e f h"], "xx")[1] == b"vector\0a b c d e f h"
    assert one_word_apart([], []) == []


def test_it_joins_what_comparing_all_pairs_joins():
    rng = np.random.default_rng(5)
    texts = list(dict.fromkeys(text(" ".join(rng.choice(list("abc"), 7))) for _ in range(60)))
    roots = list(range(len(texts)))

    def root(i):
        return i if roots[i] == i else root(roots[i])

    for i, one in enumerate(texts):
        for j in range(i):
            if sum(a != b for a, b in zip(one.split(), texts[j].split(), strict=True)) == 1:
                low, high = sorted((root(i), root(j)))
                roots[high] = low
    assert one_word_apart(texts, ["x"] * len(texts)) == [texts[root(i)] for i in range(len(texts))]
    assert 1 < len({root(i) for i in range(len(texts))}) < len(texts)


@pytest.mark.parametrize("template", ["Hi {name}, {text}", "{text}. Regards, {name}", "<p>Dear {name}</p> {text}"])
def test_a_log_of_requests_that_several_people_made_alike_is_refused_with_what_to_do(template):
    with pytest.raises(DataError) as refusal:
        with_note(asked_by(lambda number: (NAMES[number % 6], NAMES[(number + 1) % 6]), range(100), template))
    (problem,) = refusal.value.problems
    assert problem.address == "traces.repeats"
    assert (
        "100 texts stand exactly 2 times each, with one label, but for one word in them: 200 of 200 rows"
        in problem.what
    )
    assert all(remedy in problem.hint for remedy in ("and name", "strategy: grouped", "repeats: traffic"))


def test_requests_that_some_people_made_alike_are_named_and_certify_once():
    by_some = lambda number: NAMES[: 1 + number * number % 5]  # noqa: E731
    fit, certify = asked_by(by_some, range(100)), asked_by(lambda _: NAMES[5:], range(100), start=1)
    (note,) = with_note(fit).accounting.notes
    assert f"{len(fit) - 100} of {len(fit)} rows say what another one says, but for one word in them" in note
    assert not distinct(certify, fit).any()
    assert sorted(rows_a_call(fit)) == sorted(1 + number * number % 5 for number in range(100))


@pytest.mark.parametrize(
    "log",
    [
        asked_by(lambda number: NAMES[:1], range(100)),
        asked_by(lambda number: NAMES[: 1 + (number % 5 == 0)], range(100)),  # a sixth of the rows
        asked_by(lambda number: NAMES[:2], range(100), labels=lambda number, k: "xy"[k]),
        asked_by(lambda number: NAMES[: 2 + number % 3], range(40)),  # too few to tell
    ],
)
def test_other_logs_have_no_note(log):
    assert with_note(log).accounting.notes == ()


def test_a_template_of_a_programme_with_words_to_fill_in_is_one_request_and_no_many():
    texts = [
        f"the {one} and the {other} of host {third} are gone" for one in THINGS for other in THINGS for third in NAMES
    ]
    assert (
        with_note(trace_set(texts, ["x"] * len(texts), ids=[str(i) for i in range(len(texts))])).accounting.notes == ()
    )
