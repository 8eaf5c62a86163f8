"""Candidates tested at ranks: as many certify rows as were fixed before, those that each is surest of."""

from dataclasses import replace

import numpy as np
import pytest

from tests.validity.worlds import Rows
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.flow.certifying.ranks import at_ranks, ranks
from tracer_spec.plugin import Candidate, LabelTarget, Model, Stage, Target
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.stats.binomial import critical_count
from tracer_spec.testing.small_workshop import small_workshop

TARGET = Target(0.3, 0.9)


def chain_of(family):
    plugin = find_plugins().get("family", family).plugin
    return next(iter(plugin.make(plugin.options()).propose(small_workshop()))).candidates


def certify_rows(seed=7, *, twice=False):
    """Return rows near those of the workshop, and their classes; ``twice`` each, so that every score is shared."""
    rows, rng = small_workshop().rows, np.random.default_rng(seed)
    X = rows.X[::2] + rng.normal(scale=0.02, size=rows.X[::2].shape).astype(np.float32)
    chosen = np.repeat(np.arange(len(X)), 2) if twice else np.arange(len(X))
    return X[chosen], rows.y[::2][chosen]


def opened(X, y):
    return OpenedRows(Blocks([X]), y, np.zeros(small_workshop().rows.n_classes, bool))


def allowed(n):
    return n - critical_count(n, TARGET.level, TARGET.delta)


def handled_of(tested, rows):
    return [rows.count(each.policy)[0] for each in tested]


@pytest.mark.parametrize("family", ["l2d", "rsb"])
def test_each_is_tested_on_the_fewest_rows_that_allow_as_many_errors_as_those_predicted(family):
    chain, rows = chain_of(family), opened(*certify_rows())
    sizes = ranks(chain, len(rows), TARGET)
    assert sizes[-1] is None
    for candidate, size in zip(chain[:-1], sizes[:-1], strict=True):
        predicted = round(candidate.coverage * len(rows))
        assert allowed(size) == allowed(predicted)
        assert size == predicted or (size < predicted and allowed(size - 1) < allowed(size))
    tested = at_ranks(chain, rows, TARGET)[0]
    handled = handled_of(tested, rows)
    # some rows are so alike that they share a step of scores, and a rank among them handles those above them
    wanted = {size for size in sizes if size and size < handled[-1]}
    assert len(wanted & set(handled)) > 0.8 * len(wanted)
    assert all(size in handled or size - 1 in handled or size - 2 in handled for size in wanted)
    assert tested[-1] == chain[-1]
    # the build estimates moved thresholds anew (test_certify.py): here they bring what was said of the frozen ones
    assert {(each.n_handled, each.n_agree) for each in tested} <= {(each.n_handled, each.n_agree) for each in chain}
    assert {len(each.policy) for each in tested} == {len(each.policy) for each in chain}


def test_scores_alone_move_thresholds_and_labels_may_end_the_order():
    X, y = certify_rows(twice=True)
    policies = [each.policy for each in at_ranks(chain_of("l2d"), opened(X, y), TARGET)[0]]
    wrong = [each.policy for each in at_ranks(chain_of("l2d"), opened(X, (y + 1) % 4), TARGET)[0]]
    assert wrong == policies[: len(wrong)]
    assert len(wrong) < len(policies)


def test_a_rank_within_rows_of_one_score_handles_those_above_it():
    rows, chain = opened(*certify_rows(twice=True)), chain_of("l2d")
    handled = handled_of(at_ranks(chain, rows, TARGET)[0], rows)
    odd = [size for size in ranks(chain, len(rows), TARGET) if size and size % 2 and size < handled[-1]]
    assert odd
    assert not [n for n in handled if n % 2]
    assert all(any(size - 6 < n < size for n in handled) for size in odd)
    assert handled == sorted(handled)


def test_a_rank_within_rows_of_one_score_is_tested_as_if_those_that_err_came_first():
    """Twenty rows score higher and twenty as the rank of 30: ten of these are in it, and any that err."""
    stage = Stage(Model("s", b""), Model("a", b""), 0.5)
    rising = [Candidate("l2d", (replace(stage, threshold=at),), 100, n, n) for at, n in ((0.6, 30), (0.2, 80))]
    scores = np.repeat(np.float32([0.9, 0.5, 0.1]), [20, 20, 60])

    target = Target(0.6, 0.9, min_coverage=0.3)

    def ends(errors):
        agrees = np.ones(100, bool)
        agrees[20 : 20 + errors] = False
        tested, failed = at_ranks(rising, Rows({"s": scores}, {"s": agrees}), target)
        return len(tested), failed and (failed.n, failed.k, failed.passed)

    assert ranks(rising, 100, target)[0] == 30
    most = 30 - critical_count(30, 0.6, 0.1)
    assert most < 10
    assert [ends(most), ends(most + 1)] == [(2, None), (0, (30, 30 - most - 1, False))]


@pytest.mark.parametrize(
    ("score", "above", "handled"),
    [
        (0.5, 2.0**-19, 29),
        (0.5, 2.0**-18, 30),
        (0.75, 2.0**-20, 29),
        (0.75, 2.0**-19, 30),
        (0.96875, 2.0**-23, 29),
        (0.96875, 2.0**-22, 30),
        (0.96875 - 2.0**-21, 2.0**-21, 30),
        (2.0**20, 0.125, 30),
    ],
)
def test_the_surer_rows_are_the_nearer_may_their_scores_be(score, above, handled):
    """The rank of 30 lies between two scores, which count as one where rounding could change their order."""
    stage = Stage(Model("s", b""), Model("a", b""), 0.5)
    rising = [Candidate("l2d", (replace(stage, threshold=at),), 100, n, n) for at, n in ((0.4, 30), (0.2, 80))]
    scores = np.repeat(np.float32([score + 1, score + above, score, 0.1]), [29, 1, 1, 69])
    rows = Rows({"s": scores}, {"s": np.ones(100, bool)})
    assert ranks(rising, 100, Target(0.6, 0.9))[0] == 30
    tested = at_ranks(rising, rows, Target(0.6, 0.9, min_coverage=0.3))[0]
    assert rows.count(tested[0].policy)[0] == handled


def test_a_candidate_of_no_rows_has_no_rank():
    chain = chain_of("l2d")
    nothing = replace(chain[0], n_handled=0, n_agree=0)
    assert at_ranks((nothing, *chain[1:]), opened(*certify_rows()), TARGET)[0][-1] == chain[-1]


def test_no_rank_handles_less_than_the_least_coverage():
    chain = [each for each in chain_of("l2d") if each.coverage >= 0.41]
    sizes = ranks(chain, 300, Target(0.8, 0.9, min_coverage=0.41))
    assert min(size for size in sizes if size) >= 0.41 * 300


@pytest.mark.parametrize(
    "target",
    [
        Target(0.8, 0.9, labels=(LabelTarget("fraud", "missed", 0.1),)),
        Target(None, 0.9, end_to_end=0.8),
    ],
)
def test_claims_beside_the_agreement_of_all_are_tested_at_thresholds(target):
    rows, chain = opened(*certify_rows()), chain_of("l2d")
    assert at_ranks(chain, rows, target) == (tuple(chain), None)


@pytest.mark.parametrize(
    "order",
    [
        lambda l2d, rsb: l2d[::-1],
        lambda l2d, rsb: (*l2d[:-1], rsb[-1]),
        lambda l2d, rsb: (l2d[-1],),
        lambda l2d, rsb: (l2d[-1], *l2d[:-1]),
        lambda l2d, rsb: (replace(l2d[0], policy=rsb[-2].policy), *l2d[1:]),
        lambda l2d, rsb: (),
    ],
)
def test_an_order_whose_candidates_do_not_hold_one_another_is_tested_at_thresholds(order):
    candidates = order(chain_of("l2d"), chain_of("rsb"))
    assert at_ranks(candidates, opened(*certify_rows()), TARGET) == (tuple(candidates), None)
