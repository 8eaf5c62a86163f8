"""Flow, confusions, guards and scores, against counts made one row at a time."""

from collections import Counter

import numpy as np
import pytest

from tracer_spec.flow.audit.counts import confusions, flow, guards, histogram, reliability, stages


def test_the_flow_says_where_every_row_of_every_label_goes(by_hand):
    chance = np.random.default_rng(1)
    stage_of = chance.integers(-1, 2, size=200)
    rows = by_hand(y=chance.integers(-1, 3, size=200), stages=stage_of, handled=stage_of >= 0)
    n, agree = Counter(), Counter()
    for y, predicted, stage in zip(rows.y, rows.decided.predicted, stage_of, strict=True):
        key = ("(off the list)" if y < 0 else rows.labels[y], "teacher" if stage < 0 else f"stage {stage + 1}")
        n[key] += 1
        agree[key] += int(y == predicted)
    found = flow(rows)
    assert {(link.label, link.to): link.n for link in found} == n
    assert sum(link.n for link in found) == 200
    for link in found:
        key = (link.label, link.to)
        assert link.agree == (None if link.to == "teacher" else agree[key])


def test_confusions_are_the_commonest_disagreements_handled_or_not(by_hand):
    rows = by_hand(300, y=np.random.default_rng(2).integers(-1, 3, size=300))
    n, handled = Counter(), Counter()
    for y, predicted, was in zip(rows.y, rows.decided.predicted, rows.decided.handled, strict=True):
        if y != predicted:
            key = ("(off the list)" if y < 0 else rows.labels[y], rows.labels[predicted])
            n[key] += 1
            handled[key] += int(was)
    found = confusions(rows)
    assert [(row.teacher, row.surrogate) for row in found] == sorted(n, key=lambda key: -n[key]) or len(
        set(n.values())
    ) < len(n)
    assert {(row.teacher, row.surrogate): (row.n, row.handled) for row in found} == {
        key: (n[key], handled[key]) for key in n
    }
    assert [row.n for row in found] == sorted(n.values(), reverse=True)


def test_fifty_confusions_are_told(by_hand):
    labels = tuple(f"label {number}" for number in range(30))
    assert len(confusions(by_hand(600, labels=labels))) == 50


def test_a_guard_counts_what_it_refused_and_what_nothing_else_kept_back(by_hand):
    rows = by_hand(
        y=[0, 0, 1, 1, -1, 2],
        predicted=[0, 1, 1, 1, 0, 2],
        handled=[0, 0, 0, 0, 0, 1],
        sure=[1, 1, 0, 1, 1, 1],
        guards={"far": [0, 0, 0, 0, 0, 0], "odd": [1, 1, 1, 0, 1, 1]},  # the last row was handled by an earlier stage
    )
    far, odd = guards(rows)
    assert far.document() == {
        "guard": "far",
        "refused": 5,
        "would_agree": 3,
        "otherwise_handled": 3,  # but for the one not sure, and the one that the other guard refuses as well
        "otherwise_agree": 1,
        "labels": [
            {"label": "card", "refused": 2, "would_agree": 1},
            {"label": "loan", "refused": 2, "would_agree": 2},
            {"label": "(off the list)", "refused": 1, "would_agree": 0},
        ],
    }
    assert odd.document() == {
        "guard": "odd",
        "refused": 1,
        "would_agree": 1,
        "otherwise_handled": 0,
        "otherwise_agree": 0,
        "labels": [{"label": "loan", "refused": 1, "would_agree": 1}],
    }
    assert guards(by_hand(10)) == ()


def test_a_histogram_has_every_score_once(by_hand):
    scores = np.array([0, 0.01, 0.025, 0.51, 0.51, 1], np.float32)
    found = histogram(scores, np.array([1, 1, 0, 1, 0, 1], bool))
    assert (len(found.edges), found.edges[0], found.edges[1], found.edges[-1]) == (41, 0, 0.025, 1)
    assert {step: count for step, count in enumerate(found.agree) if count} == {0: 2, 20: 1, 39: 1}
    assert {step: count for step, count in enumerate(found.disagree) if count} == {1: 1, 20: 1}


def test_scores_beyond_0_and_1_stretch_the_histogram():
    found = histogram(np.array([-2, 0, 6], np.float32), np.ones(3, bool))
    assert (found.edges[0], found.edges[-1], sum(found.agree)) == (-2, 6, 3)


def test_reliability_bins_are_even_and_equal_scores_share_one():
    chance = np.random.default_rng(6)
    scores = chance.uniform(size=1000).astype(np.float32)
    agrees = chance.uniform(size=1000) < scores
    bins = reliability(scores, agrees)
    assert [each.n for each in bins] == [100] * 10
    for each in bins:
        inside = (scores >= each.low - 1e-4) & (scores <= each.high + 1e-4)
        assert each.mean_score == pytest.approx(scores[inside].mean(), abs=0.01)
        assert each.agree / each.n == pytest.approx(each.mean_score, abs=0.15)
    assert sum(each.agree for each in bins) == agrees.sum()
    tied = reliability(np.array([0.5] * 70 + [0.9] * 30, np.float32), np.ones(100, bool))
    assert [(each.low, each.high, each.n) for each in tied] == [(0.5, 0.5, 70), (0.9, 0.9, 30)]
    assert reliability(np.empty(0, np.float32), np.empty(0, bool)) == ()


def test_a_stage_is_measured_on_the_rows_that_reach_it(by_hand):
    stage_of = np.array([0] * 30 + [1] * 50 + [-1] * 20)
    first, second = stages(by_hand(y=np.zeros(100), stages=stage_of, handled=stage_of >= 0))
    assert [sum(each.scores.agree + each.scores.disagree) for each in (first, second)] == [100, 70]
    assert sum(each.n for each in second.reliability) == 70
    assert (first.surrogate, first.acceptor, first.threshold) == ("s", "logistic", 0.5)
