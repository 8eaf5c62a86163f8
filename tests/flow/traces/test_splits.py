import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from tests.flow.trace_sets import trace_set
from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces.folds import fold_keys, folds
from tracer_spec.flow.traces.splits import split

PINNED_BY_ID = [5, 9, 10, 12, 13, 14]
PINNED_BY_TEXT = [4, 5, 10, 11, 16]


def traces(texts=None, *, n=None, ids=None, times=None, groups=None, labels=None, vectors=None):
    n = next(len(column) for column in (texts, ids, times, groups, vectors, range(n or 0)) if column is not None)
    if texts is None:
        texts = [f"text {i}" for i in range(n)] if vectors is None else [""] * n
    return trace_set(texts, labels, ids=ids, times=times, groups=groups, vectors=vectors)


def sides(given, **settings):
    """Return for each row whether it certifies; every row is on one side."""
    parts = split(given, **{"certify": 0.4, **settings})
    assert sorted([*parts.fit, *parts.certify]) == list(range(len(given)))
    assert (np.diff(parts.fit) > 0).all()
    assert (np.diff(parts.certify) > 0).all()
    return np.isin(np.arange(len(given)), parts.certify)


# --- random


@pytest.mark.parametrize("share", [0.1, 0.4, 0.75])
def test_the_share_of_certify_rows_is_that_of_a_fair_coin(share):
    n_certify = int(sides(traces(n=20_000), certify=share).sum())
    assert binomtest(n_certify, 20_000, share).pvalue > 1e-4


def test_requests_that_repeat_fall_independently():
    is_certify = sides(traces(["where is my card?"] * 20_000))
    assert binomtest(int(is_certify.sum()), 20_000, 0.4).pvalue > 1e-4
    followed = Counter(zip(is_certify[:-1].tolist(), is_certify[1:].tolist(), strict=True))
    assert binomtest(followed[True, True], int(is_certify[:-1].sum()), 0.4).pvalue > 1e-4


def test_membership_is_pinned_for_all_time():
    # certificates and ledgers of earlier builds rest on it
    assert np.flatnonzero(sides(traces(ids=[f"event-{i}" for i in range(20)]))).tolist() == PINNED_BY_ID
    assert np.flatnonzero(sides(traces(n=20))).tolist() == PINNED_BY_TEXT


few = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12)


def or_nothing_to_fit(given, **settings):
    try:
        return sides(given, **settings)
    except DataError:
        return np.ones(len(given), dtype=bool)


@settings(max_examples=150, deadline=None)
@given(few, few, st.booleans(), st.floats(0.05, 0.95))
def test_more_rows_at_the_end_move_no_row_to_the_other_side(before, more, has_ids, share):
    def given(texts):
        ids = [f"{text}{i}" for i, text in enumerate(texts)] if has_ids else None
        return traces(texts, ids=ids)

    small = or_nothing_to_fit(given(before), certify=share)
    large = or_nothing_to_fit(given(before + more), certify=share)
    assert large[: len(before)].tolist() == small.tolist()


@settings(max_examples=150, deadline=None)
@given(few, few, st.floats(0.05, 0.95), st.randoms(use_true_random=False))
def test_rows_added_anywhere_only_add_to_what_each_content_has_on_each_side(before, more, share, random):
    def by_side(texts):
        is_certify = or_nothing_to_fit(traces(texts), certify=share)
        return Counter(zip(texts, is_certify.tolist(), strict=True))

    mixed = before + more
    random.shuffle(mixed)
    assert by_side(before) <= by_side(mixed)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=3), min_size=1, max_size=15, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part(keys, random):
    shuffled = list(keys)
    random.shuffle(shuffled)
    for column in ("texts", "ids"):
        prefixed = {name: [f"k{key}" for key in each] for name, each in {"a": keys, "b": shuffled}.items()}
        a = or_nothing_to_fit(traces(**{column: prefixed["a"]}))
        b = or_nothing_to_fit(traces(**{column: prefixed["b"]}))
        assert dict(zip(keys, a.tolist(), strict=True)) == dict(zip(shuffled, b.tolist(), strict=True))


def test_labels_truths_times_and_groups_play_no_part():
    given = traces(n=500)
    other = dataclasses.replace(
        given,
        labels=tuple(f"l{i}" for i in range(500)),
        truths=tuple(f"t{i}" for i in range(500)),
        times=np.arange(500.0),
        groups=tuple(f"g{i}" for i in range(500)),
    )
    assert sides(given).tolist() == sides(other).tolist()


def test_a_row_with_an_id_counts_for_no_row_without_one():
    alone = sides(traces(["x"] * 50))
    mixed = sides(traces(["x"] * 60, ids=[f"e{i}" for i in range(10)] + [None] * 50))
    assert mixed[10:].tolist() == alone.tolist()


def test_the_text_plays_no_part_where_there_is_an_id():
    ids = [f"e{i}" for i in range(200)]
    assert sides(traces(ids=ids)).tolist() == sides(traces(["same"] * 200, ids=ids)).tolist()


def test_a_larger_share_takes_rows_only_from_fit():
    given = traces(n=1000)
    smaller, larger = sides(given, certify=0.2), sides(given, certify=0.5)
    assert (larger >= smaller).all()


def test_rows_without_text_are_told_apart_by_their_vectors():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 3)).astype(np.float32)
    given = sides(traces(vectors=list(vectors)))
    assert binomtest(int(given.sum()), 2000, 0.4).pvalue > 1e-4
    order = rng.permutation(2000)
    assert sides(traces(vectors=list(vectors[order]))).tolist() == given[order].tolist()


def test_rows_with_neither_text_nor_vector_fall_by_position():
    is_certify = sides(traces([""] * 2000))
    assert binomtest(int(is_certify.sum()), 2000, 0.4).pvalue > 1e-4
    assert len(set(fold_keys(traces([""] * 5)))) == 5


def test_nothing_left_to_fit_is_an_error():
    with pytest.raises(DataError) as caught:
        split(traces(n=2), certify=0.999999)
    assert str(caught.value) == "split.certify\n  of 2 traces none is left to fit\n  hint: give more traces"


def test_a_share_or_a_strategy_that_is_none_is_an_error():
    for share in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(SpecError, match="must be between 0 and 1"):
            split(traces(n=5), certify=share)
    with pytest.raises(SpecError) as caught:
        split(traces(n=5), certify=0.4, strategy="stratified")
    assert caught.value.problems[0].what == "'stratified' is not one of random, temporal, grouped, fresh"


# --- temporal


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=30),
    st.floats(0.1, 0.9),
    st.randoms(use_true_random=False),
)
def test_temporal_certifies_on_the_newest_share_whatever_the_order(times, share, random):
    rows = [(f"event {i}", time) for i, time in enumerate(times)]
    n_certify = round(len(times) * share)
    if n_certify == len(times):
        return
    cut = sorted(times)[len(times) - n_certify - 1]

    def certifying(rows):
        ids, moments = zip(*rows, strict=True)
        return {
            rows[i] for i in np.flatnonzero(sides(traces(ids=ids, times=moments), certify=share, strategy="temporal"))
        }

    chosen = certifying(rows)
    assert chosen == {(event, time) for event, time in rows if time > cut}  # rows of one moment are never parted
    random.shuffle(rows)
    assert certifying(rows) == chosen


def test_temporal_says_what_it_rests_on_and_where_certify_begins():
    notes = split(
        traces(n=10, times=[1_767_225_600 + 3600 * i for i in range(10)]), certify=0.4, strategy="temporal"
    ).notes
    assert notes == (
        "the certificate holds only as far as the future resembles the newest traces",
        "certify rows begin at 2026-01-01T06:00:00+00:00",
    )


def test_temporal_needs_a_time_on_every_trace():
    with pytest.raises(DataError) as caught:
        split(traces(times=[1.0, math.nan, 2.0, math.nan]), certify=0.4, strategy="temporal")
    assert str(caught.value).splitlines() == [
        "split.strategy",
        "  a split by time needs a time on every trace; 2 of 4 have none",
        "  hint: say where it is with 'traces.format.time', leave those out with 'traces.format.where', "
        "or use 'strategy: random'",
    ]


# --- grouped


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcdefghij"), min_size=3, max_size=40), st.floats(0.1, 0.8))
def test_grouped_keeps_a_group_on_one_side_and_certifies_on_one_row_of_each(groups, share):
    given = traces(n=len(groups), groups=groups)
    try:
        parts = split(given, certify=share, strategy="grouped")
    except DataError:
        return
    fit, certify = [groups[i] for i in parts.fit], [groups[i] for i in parts.certify]
    assert not set(fit) & set(certify)
    assert len(certify) == len(set(certify))
    assert set(fit) | set(certify) == set(groups)
    assert f"their other {len(groups) - len(fit) - len(certify)} rows are left out" in parts.notes[0]
    assert len(fit) == sum(group in set(fit) for group in groups)


def test_grouped_splits_groups_by_a_fair_coin_and_picks_any_of_their_rows_alike():
    n_groups, size = 5000, 4
    groups = [f"user {i // size}" for i in range(n_groups * size)]
    parts = split(traces(n=len(groups), groups=groups), certify=0.4, strategy="grouped")
    assert binomtest(len(parts.certify), n_groups, 0.4).pvalue > 1e-4
    assert chisquare(np.bincount(parts.certify % size, minlength=size)).pvalue > 1e-4
    assert parts.notes == (
        f"one row of each of {len(parts.certify):,} certify groups certifies, "
        f"their other {len(groups) - len(parts.fit) - len(parts.certify):,} rows are left out: the claim is per group",
    )


def test_grouped_moves_no_group_when_rows_are_added():
    groups = [f"user {i % 50}" for i in range(200)]
    few_rows = split(traces(n=200, groups=groups), certify=0.4, strategy="grouped")
    many = split(traces(n=400, groups=groups + [f"user {i}" for i in range(200)]), certify=0.4, strategy="grouped")
    assert set(few_rows.fit) <= set(many.fit)
    assert {groups[i] for i in few_rows.certify} == {groups[i % 200] for i in many.certify if i < 200} | {
        f"user {i - 200}" for i in many.certify if 200 <= i < 250
    }


def test_grouped_needs_a_group_on_every_trace():
    with pytest.raises(DataError) as caught:
        split(traces(n=4, groups=["a", None, "b", "c"]), certify=0.4, strategy="grouped")
    assert str(caught.value).splitlines() == [
        "split.key",
        "  a grouped split needs a group on every trace; 1 of 4 have none",
        "  hint: look at 'split.key', or leave those out with 'traces.format.where'",
    ]


# --- folds


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=2), min_size=1, max_size=60), st.integers(2, 5), st.integers(0, 3))
def test_equal_keys_share_a_fold_and_folds_are_as_even_as_the_largest_set_allows(keys, n_folds, seed):
    if len(set(keys)) < n_folds:
        with pytest.raises(DataError, match="cannot fill"):
            folds(keys, n_folds, seed=seed)
        return
    dealt = folds(keys, n_folds, seed=seed)
    assert dealt.dtype == np.int64
    assert len({*zip(keys, dealt.tolist(), strict=True)}) == len(set(keys))
    sizes = np.bincount(dealt, minlength=n_folds)
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= max(Counter(keys).values())


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=2), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order_of_rows(keys, random):
    if len(set(keys)) < 2:
        return
    shuffled = list(keys)
    random.shuffle(shuffled)
    wanted = dict(zip(keys, folds(keys, 2, seed=1).tolist(), strict=True))
    assert dict(zip(shuffled, folds(shuffled, 2, seed=1).tolist(), strict=True)) == wanted


def test_folds_of_different_keys_differ_by_one_row_at_most_and_by_seed():
    keys = fold_keys(traces(n=1003))
    first, same, other = (folds(keys, 4, seed=seed) for seed in (0, 0, 1))
    assert sorted(np.bincount(first)) == [250, 251, 251, 251]
    assert first.tolist() == same.tolist()
    assert binomtest(int((first == other).sum()), 1003, 0.25).pvalue > 1e-4


def test_folds_keep_texts_together_whatever_their_ids_and_groups_together_under_grouped():
    given = traces(["x", "y", "x", "z"], ids=["1", "2", "3", "4"], groups=["g", "g", "h", "i"])
    by_text, by_group = fold_keys(given), fold_keys(given, "grouped")
    assert by_text[0] == by_text[2] != by_text[1]
    assert by_group[0] == by_group[1] != by_group[2]
    assert len(set(by_text)) == len(set(by_group)) == 3


def test_too_few_different_inputs_for_the_folds_is_an_error():
    with pytest.raises(DataError) as caught:
        folds([b"a", b"a", b"b"], 3, seed=0)
    assert str(caught.value).splitlines() == [
        "split.folds",
        "  2 different inputs among 3 fit rows cannot fill 3 folds",
        "  hint: give more traces, or write folds: 2",
    ]
    with pytest.raises(SpecError, match="1 is not a number of folds: it must be at least 2"):
        folds([b"a", b"b"], 1, seed=0)


# --- a bound on what trains


@pytest.mark.parametrize(
    "settings",
    [{"strategy": "random"}, {"strategy": "temporal"}, {"strategy": "grouped"}],
    ids=lambda settings: settings["strategy"],
)
def test_a_bound_takes_fit_rows_from_training_and_leaves_certify_rows_alone(settings):
    given = traces(n=2_000, times=list(range(2_000)), groups=[f"g{i % 700}" for i in range(2_000)])
    free, bound = (split(given, certify=0.4, max_fit=most, **settings) for most in (None, 300))
    assert bound.certify.tolist() == free.certify.tolist()
    assert len(bound.fit) == 300
    assert set(bound.fit.tolist()) < set(free.fit.tolist())
    assert (np.diff(bound.fit) > 0).all()
    assert bound.n_spare == len(free.fit) - 300
    assert bound.notes == free.notes, "how many rows train is nothing that the certificate rests on"


def test_a_bound_that_is_not_reached_changes_nothing():
    free, bound = (split(traces(n=500), certify=0.4, max_fit=most) for most in (None, 500))
    assert bound.fit.tolist() == free.fit.tolist()
    assert (bound.n_spare, bound.bound_notes) == (0, ())


def test_which_rows_train_does_not_depend_on_certify_rows():
    """Replaced whole, texts included: by copies of fit rows even, which would shift their occurrence numbers."""
    texts = [f"text {i % 400}" for i in range(2_000)]
    ids = [f"id {i}" for i in range(2_000)]
    before = split(traces(texts, ids=ids), certify=0.4, max_fit=300)
    for row in before.certify:
        texts[row] = texts[before.fit[0]]
    after = split(traces(texts, ids=ids), certify=0.4, max_fit=300)
    assert after.certify.tolist() == before.certify.tolist()
    assert after.fit.tolist() == before.fit.tolist()


def test_a_bound_draws_evenly_over_time_and_moves_few_rows_when_traces_arrive():
    bound = split(traces(n=20_000), certify=0.4, max_fit=3_000)
    assert binomtest(int((bound.fit < 10_000).sum()), 3_000, 0.5).pvalue > 1e-4
    later = split(traces(n=22_000), certify=0.4, max_fit=3_000)
    kept = len(set(bound.fit.tolist()) & set(later.fit.tolist()))
    # of the smallest hashes among 10 % more rows, a share of 1/1.1 is old
    assert binomtest(kept, 3_000, 1 / 1.1).pvalue > 1e-4


def test_a_bound_tells_how_many_train():
    (told,) = split(traces(n=1_000), certify=0.4, max_fit=100).bound_notes
    assert told == (
        f"100 of {int((~sides(traces(n=1_000))).sum()):,} fit rows train, chosen by hash (split.max_fit); the others neither "
        "train nor certify: a larger split.certify would put them to use"
    )


@pytest.mark.parametrize(
    ("times", "remedy"),
    [
        (None, "no row to come can be told from these, of which some have no time"),
        (range(200), "add newer traces (with"),
    ],
)
def test_where_every_row_was_fitted_by_several_splits_the_remedy_is_one_that_helps(times, remedy):
    rows = trace_set([f"text {i}" for i in range(200)], groups=[f"g{i}" for i in range(200)], times=times)
    random = split(rows, certify=0.4, draft=True)
    grouped = split(rows, certify=0.4, strategy="grouped", key="g", dealt=random.dealt, draft=True)
    with pytest.raises(DataError, match="no trace may certify") as refusal:
        split(rows, certify=0.4, dealt=grouped.dealt)
    assert refusal.value.problems[0].hint.startswith(remedy)
