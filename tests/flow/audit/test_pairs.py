"""Boundary pairs, suspects and examples, against a search that compares every row with every other."""

from itertools import combinations

import numpy as np
import pytest

from tracer_spec.flow.audit.examples import examples
from tracer_spec.flow.audit.pairs import NEAR_DUPLICATES, boundary, suspects
from tracer_spec.flow.audit.regions import find_regions


def cosines(rows):
    X = rows.fit.X
    return X @ X.T / np.outer(*[np.linalg.norm(X, axis=1)] * 2)


def spots(pairs, *keys):
    return [tuple(getattr(pair, key).row - 100 for key in keys) for pair in pairs]


def test_a_boundary_pair_is_the_nearest_of_its_label_among_rows_that_the_same_models_judged(by_hand):
    folds = np.random.default_rng(5).integers(3, size=120)
    rows = by_hand(120, folds=folds)
    found = boundary(rows)
    assert len(found) == 6
    similarity = cosines(rows)
    for number, label in enumerate(rows.labels):
        allowed = [
            (float(similarity[h, d]), h, d)
            for h in np.flatnonzero(rows.decided.handled & (rows.y == number))
            for d in np.flatnonzero(~rows.decided.handled & (rows.y == number))
            if folds[h] == folds[d]
        ]
        ours = [pair for pair in found if pair.label == label]
        best = max(allowed)
        assert spots(ours, "handled", "deferred")[0] == best[1:]
        assert ours[0].similarity == pytest.approx(best[0], abs=1e-4)
        first = set(best[1:])
        second = max(pair for pair in allowed if not first & set(pair[1:]))
        assert spots(ours, "handled", "deferred")[1] == second[1:]
    assert [pair.similarity for pair in found] == sorted((pair.similarity for pair in found), reverse=True)


def test_many_labels_share_thirty_boundary_pairs(by_hand):
    labels = tuple(f"label {number}" for number in range(40))
    found = boundary(by_hand(800, labels=labels))
    assert len(found) == 30
    assert max(sum(pair.label == label for pair in found) for label in labels) <= 2


def test_rows_that_are_no_neighbours_are_no_boundary_pair(by_hand):
    X = np.array([[1, 0], [0.51, np.sqrt(1 - 0.51**2)], [0, 1], [0.49, -np.sqrt(1 - 0.49**2)]], np.float32)
    found = boundary(by_hand(y=[0, 0, 1, 1], handled=[1, 0, 1, 0], X=X))
    assert spots(found, "handled", "deferred") == [(0, 1)]
    found = boundary(by_hand(y=[0, 0], handled=[1, 0], X=X[[0, 3]]))
    assert found == ()


def test_a_policy_that_handles_everything_has_no_boundary(by_hand):
    assert boundary(by_hand(50, handled=np.ones(50))) == ()


@pytest.mark.parametrize("block", [7, 1024])
def test_suspects_are_near_duplicates_with_different_labels_whatever_the_size_of_a_block(by_hand, monkeypatch, block):
    monkeypatch.setattr("tracer_spec.flow.audit.pairs._BLOCK", block)
    chance = np.random.default_rng(8)
    X = chance.normal(size=(100, 30))
    planted = {(3, 60): 0.02, (10, 11): 0.05, (40, 99): 0.1}
    for (first, second), noise in planted.items():
        X[second] = 3 * (X[first] + noise * chance.normal(size=30))
    X[70] = X[20]  # the same label: no suspect
    y = np.arange(100) % 3
    y[70], y[60], y[99] = y[20], (y[3] + 1) % 3, (y[40] + 1) % 3
    rows = by_hand(y=y, X=X.astype(np.float32))
    near = cosines(rows) >= NEAR_DUPLICATES
    assert {pair for pair in combinations(range(100), 2) if near[pair] and y[pair[0]] != y[pair[1]]} == set(planted)
    n, told = suspects(rows)
    assert (n, spots(told, "a", "b")) == (3, [(3, 60), (10, 11), (40, 99)])
    assert [pair.similarity for pair in told] == pytest.approx([cosines(rows)[pair] for pair in planted], abs=1e-4)


def test_equal_texts_with_different_labels_are_suspects_however_far_their_vectors_lie(by_hand):
    texts = ("Where is it?", "other", "where is IT", "where is it", "something else", "more")
    rows = by_hand(y=[0, 1, 1, 0, 2, 2], texts=texts, X=np.eye(6, dtype=np.float32))
    n, told = suspects(rows)
    # the commonest label first, then whoever differs
    assert (n, spots(told, "a", "b")) == (1, [(0, 2)])
    assert told[0].similarity == 0


def test_what_the_teacher_made_up_is_suspect_beside_a_real_label_alone(by_hand):
    X = np.array([[1, 0], [1, 0.01], [0, 1], [0.01, 1], [-1, 0], [-1, 0.01]], np.float32)
    answers = ("card", "cards?", "huh", "what", "loan", "")
    rows = by_hand(y=[0, -1, -1, -1, 1, -1], answers=answers, X=X, texts=("",) * 6)
    n, told = suspects(rows)
    assert (n, spots(told, "a", "b")) == (1, [(0, 1)])
    assert told[0].b.label == "(off the list)"


def test_a_row_is_in_one_suspect_pair_and_no_more_than_fifty_are_told(by_hand):
    X = np.eye(70, dtype=np.float32).repeat(3, axis=0)
    n, told = suspects(by_hand(y=[0, 1, 2] * 70, X=X, texts=("",) * 210))
    assert n == 70
    assert len(told) == 50
    rows = [row for pair in spots(told, "a", "b") for row in pair]
    assert len(set(rows)) == 100


def test_of_very_many_rows_a_sample_is_searched_and_equal_texts_are_found_in_all(by_hand, monkeypatch):
    monkeypatch.setattr("tracer_spec.flow.audit.rows.MOST_SEARCHED", 30)
    X = np.eye(100, dtype=np.float32).repeat(2, axis=0)
    texts = tuple(f"text {row // 2}" if row < 10 else f"request {row}" for row in range(200))
    rows = by_hand(y=[0, 1] * 100, X=X, texts=texts)
    n, told = suspects(rows)
    assert len(rows.searched) == 30
    assert spots(told, "a", "b")[:5] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
    both = {row // 2 for row in rows.searched.tolist() if row % 2 == 0 and row + 1 in rows.searched}
    assert n == 5 + len(both - set(range(5)))


def test_examples_are_of_different_labels_typical_ones_and_the_surest_and_least_sure(by_hand):
    labels = tuple(f"label {number}" for number in range(20))
    rows = by_hand(400, labels=labels)
    found = examples(rows, find_regions(rows))
    handled = rows.decided.handled
    for side, among in (("handled", handled), ("deferred", ~handled)):
        kinds = [each.kind for each in getattr(found, side)]
        assert kinds == ["typical"] * 12 + ["highest score"] * 3 + ["lowest score"] * 3
        assert all(among[each.row - 100] for each in getattr(found, side))
        assert len({each.label for each in getattr(found, side)[:12]}) == 12
        assert len({each.row for each in getattr(found, side)}) == 18
        shown = {each.row - 100 for each in getattr(found, side)[:12]}
        rest = [row for row in np.flatnonzero(among) if row not in shown]
        assert getattr(found, side)[12].score == pytest.approx(rows.decided.scores[rest].max(), abs=1e-4)
        assert getattr(found, side)[15].score == pytest.approx(rows.decided.scores[rest].min(), abs=1e-4)


def test_a_few_rows_are_all_examples_once(by_hand):
    rows = by_hand(y=[0, 0, 0], handled=[1, 1, 0])
    found = examples(rows, find_regions(rows))
    assert sorted(each.row for each in found.handled) == [100, 101]
    assert [each.row for each in found.deferred] == [102]


def test_a_long_text_is_cut(by_hand):
    texts = ("y" * 300, "x" * 301)
    rows = by_hand(y=[0, 1], texts=texts, tells_text=True)
    assert rows.described(0).text == "y" * 300
    assert rows.described(1).text == "x" * 299 + "…"
    rambling = by_hand(y=[-1], answers=("z" * 10_000,), tells_text=True)
    assert rambling.described(0).label == "z" * 299 + "…"


def test_what_the_teacher_made_up_is_told_with_the_texts_alone(by_hand):
    for tells_text, label in ((True, "made up"), (False, "(off the list)")):
        told = by_hand(y=[-1, 0], tells_text=tells_text).described(0)
        assert (told.label, told.text is not None) == (label, tells_text)
    taken = by_hand(y=[-1], labels=("(off the list)", "card"))
    assert taken.described(0).label == "((off the list))"
