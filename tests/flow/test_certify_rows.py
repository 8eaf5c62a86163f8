"""Counts on certify rows, against the frozen graph of each candidate run on its own."""

import numpy as np
import pytest

from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.flow.compile import compile_policy
from tracer_spec.graph import Scorer
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.testing.small_workshop import small_workshop


def frozen(policy, X, y, denied):
    """Run what would ship."""
    graph = compile_policy(policy, dimension=X.shape[1], denied=denied).SerializeToString(deterministic=True)
    label, handled, score = Scorer(graph).run({"embedding": X}, outputs=["label", "handled", "score"])
    return (int(handled.sum()), int((handled & (label == y)).sum())), score


@pytest.mark.parametrize("family", ["global", "l2d", "rsb"])
def test_one_run_for_a_chain_counts_what_each_frozen_graph_would(family):
    workshop = small_workshop()
    plugin = find_plugins().get("family", family).plugin
    chain = next(iter(plugin.make(plugin.options()).propose(workshop)))
    rng = np.random.default_rng(5)
    X = np.concatenate([workshop.rows.X[::2], rng.normal(size=(40, workshop.rows.X.shape[1])).astype(np.float32)])
    X[7] = np.nan
    y = np.concatenate([workshop.rows.y[::2], np.full(40, -1)])
    denied = np.array([False, True, *[False] * (workshop.rows.n_classes - 2)])
    opened = OpenedRows(Blocks([X[:100], X[100:]]), y, denied)
    # the walk goes back and forth between starts: neighbours, the two ends, and a policy of other stages in between
    tested = [each.policy for each in (*chain.candidates[::7], chain.candidates[-1], chain.candidates[0])]
    counts = [opened.count(policy) for policy in tested]
    assert counts == [frozen(policy, X, y, denied)[0] for policy in tested]
    if family == "rsb":
        assert {len(policy) for policy in tested} == {1, 2}
    if family != "global":
        assert len({n for n, _ in counts}) > 5
    # quantiles of 340 rows, of which the largest 256 or fewer are kept, hold the extremes
    _, score = frozen(tested[0], X, y, denied)
    quantiles = opened.score_quantiles(tested[0])
    assert (quantiles[0], quantiles[-1]) == (score.min(), score.max())
