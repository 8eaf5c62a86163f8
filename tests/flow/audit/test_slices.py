from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import binomtest

from tracer_spec.flow.audit.regions import find_regions, n_regions
from tracer_spec.flow.audit.rows import without_trimmings
from tracer_spec.flow.audit.slices import by_label, by_length, by_region, by_time


def at(*moments):
    return np.array(
        [np.nan if each is None else datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() for each in moments]
    )


def names(found):
    return [part.name for part in found.parts]


def test_a_label_has_its_counts_and_the_exact_interval_of_its_agreement(by_hand):
    rows = by_hand(y=[0] * 9 + [1] * 3 + [-1], handled=[1] * 8 + [0] * 5, predicted=[0] * 7 + [1] * 6)
    card, loan, app = by_label(rows)
    low, high = binomtest(7, 8).proportion_ci(0.95, method="exact")
    assert card.interval == pytest.approx([low, high], abs=1e-4)
    assert (card.label, card.n, card.handled, card.agree) == ("card", 9, 8, 7)
    assert loan.document() == {"label": "loan", "n": 3, "handled": 0, "agree": 0, "interval": None}
    assert app.n == 0


def test_lengths_are_cut_into_even_parts_that_are_named_by_what_occurs(by_hand):
    lengths = [1, 1, 2, 3, 5, 8, 9, 13, 40, 90]
    rows = by_hand(10, texts=tuple("x" * length for length in lengths))
    assert names(by_length(rows)) == [
        "1 character",
        "2-3 characters",
        "5-8 characters",
        "9-13 characters",
        "40-90 characters",
    ]
    assert [part.n for part in by_length(rows).parts] == [2, 2, 2, 2, 2]


def test_a_length_is_in_one_part_however_common_it_is(by_hand):
    rows = by_hand(100, texts=tuple("x" * (7 if row < 90 else row) for row in range(100)))
    assert names(by_length(rows)) == ["7 characters", "90-99 characters"]
    assert [part.n for part in by_length(rows).parts] == [90, 10]


def test_rows_without_a_text_are_a_part_of_their_own_and_texts_of_one_length_are_no_slice(by_hand):
    assert names(by_length(by_hand(4, texts=("", "ab", "ab", "abc")))) == ["2 characters", "3 characters", "no text"]
    assert by_length(by_hand(4, texts=("ab",) * 4)) is None
    assert by_length(by_hand(4, texts=("",) * 4)) is None


def test_times_are_cut_by_utc_date(by_hand):
    times = at("2026-02-27T23:59:59", "2026-02-28T00:00", "2026-02-28T23:59", "2026-03-01T00:00", None)
    assert names(by_time(by_hand(5, times=times))) == ["2026-02-27", "2026-02-28", "2026-03-01", "no time"]


def test_many_dates_are_joined_into_even_periods(by_hand):
    times = at(*(f"2026-01-{day:02}T12:00" for day in range(1, 31)))
    found = by_time(by_hand(30, times=times))
    assert names(found)[0] == "2026-01-01 to 2026-01-05"
    assert [part.n for part in found.parts] == [5] * 6


def test_one_date_is_cut_by_the_hour_and_one_hour_not_at_all(by_hand):
    times = at("2026-02-28T09:10", "2026-02-28T09:50", "2026-02-28T23:00")
    assert names(by_time(by_hand(3, times=times))) == ["2026-02-28 09:00", "2026-02-28 23:00"]
    assert by_time(by_hand(2, times=times[:2])) is None
    assert by_time(by_hand(2)) is None


def test_dates_before_1970_are_dates(by_hand):
    assert names(by_time(by_hand(2, times=at("1969-12-31T23:00", "1970-01-01T01:00")))) == ["1969-12-31", "1970-01-01"]


def clusters(by_hand, **columns):
    """Make 600 rows around six directions, and return them with the direction of each."""
    chance = np.random.default_rng(3)
    which = chance.integers(6, size=600)
    X = 5 * np.eye(6)[which] * chance.uniform(0.5, 2, (600, 1)) + 0.1 * chance.normal(size=(600, 6))
    return by_hand(X=X.astype(np.float32), y=which % 3, **columns), which


def test_regions_are_the_directions_that_requests_lie_in_largest_first(by_hand):
    rows, which = clusters(by_hand)
    regions = find_regions(rows)
    assert regions.n == n_regions(600) == 6
    found = [set(which[regions.of_row == region].tolist()) for region in range(6)]
    assert sorted(map(tuple, found)) == [(direction,) for direction in range(6)]
    sizes = [part.n for part in by_region(rows, regions).parts]
    assert sizes == sorted(np.bincount(which).tolist(), reverse=True)
    for region, part in enumerate(by_region(rows, regions).parts):
        assert part.labels == (rows.labels[which[regions.of_row == region][0] % 3],)
        assert part.texts is None


def test_a_region_tells_the_texts_nearest_to_its_centre_where_texts_may_be_told(by_hand):
    rows, _ = clusters(by_hand, tells_text=True)
    regions = find_regions(rows)
    for region, part in enumerate(by_region(rows, regions).parts):
        here = np.flatnonzero(regions.of_row == region)
        centre = rows.unit[here].mean(axis=0)
        cosines = rows.unit @ centre / np.linalg.norm(centre)
        assert len(part.texts) == 3
        for text in part.texts:
            row = rows.traces.texts.index(text)
            assert row in here
            assert (cosines[here] > cosines[row] + 1e-4).sum() < 3


def test_rows_that_are_all_the_same_are_one_region_and_no_slice(by_hand):
    rows = by_hand(500, X=np.ones((500, 4), np.float32))
    assert by_region(rows, find_regions(rows)) is None
    assert by_region(by_hand(150), find_regions(by_hand(150))) is None
    nothing = by_hand(300, X=np.zeros((300, 4), np.float32))
    assert find_regions(nothing).n == 1


def test_many_rows_are_clustered_by_a_sample_and_all_of_them_placed(by_hand, monkeypatch):
    rows, which = clusters(by_hand)
    monkeypatch.setattr("tracer_spec.flow.audit.regions._MOST_CLUSTERED", 120)
    regions = find_regions(rows)
    assert [len(set(which[regions.of_row == region].tolist())) for region in range(regions.n)] == [1] * 6


@pytest.mark.parametrize(
    ("one", "other"), [("Has my top-up gone?", "has my TOP up  gone"), ("Straße!", "STRASSE"), ("naïve", "NAÏVE.")]
)
def test_texts_are_the_same_but_for_case_punctuation_and_space(one, other):
    assert without_trimmings(one) == without_trimmings(other)
    assert without_trimmings(one) != without_trimmings(f"not {one}")
