"""Advice where rows cannot be parted, or nothing may be answered, names what can help, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.flow.trace_sets import trace_set
from tracer_spec.errors import DataError
from tracer_spec.flow.prepare import denied_labels, part
from tracer_spec.flow.traces.label_space import label_space
from tracer_spec.spec.model import SplitSpec


def traces(texts, labels, groups=None):
    return trace_set(texts, labels, ids=map(str, range(len(texts))), groups=groups)


def refused(call, *args):
    with pytest.raises(DataError) as caught:
        call(*args)
    (problem,) = caught.value.problems
    return problem.address, problem.what, problem.hint


def test_folds_at_their_fewest_are_not_to_be_lowered():
    few, more = (traces([f"text {n}" for n in range(size)], ["a", "b"] * (size // 2)) for size in (4, 8))
    assert "split.folds" in refused(part, more, SplitSpec(folds=4))[2]
    assert "split.folds" not in refused(part, few, SplitSpec(folds=2))[2]


def test_one_text_is_a_matter_of_the_format_and_not_of_folds():
    same = traces(["now give only the label"] * 60, ["a", "b"] * 30)
    address, what, hint = refused(part, same, SplitSpec())
    assert (address, what.endswith("fit rows is the same")) == ("traces.format", True)
    assert "folds" not in hint


def test_two_texts_can_fill_two_folds_and_the_advice_says_so():
    two = traces(["yes", "no"] * 30, ["a", "b"] * 30)
    address, what, hint = refused(part, two, SplitSpec(folds=4))
    assert (address, what.startswith("2 different inputs among ")) == ("split.folds", True)
    assert hint == "give more traces, or write folds: 2"
    assert len(part(two, SplitSpec(folds=2)).fit) > 20


def test_one_group_cannot_be_parted_by_fewer_folds():
    one = traces([f"text {n}" for n in range(60)], ["a", "b"] * 30, groups=["g"] * 60)
    _, what, hint = refused(part, one, SplitSpec(strategy="grouped", key="g"))
    assert "group" in what + hint


def test_where_every_label_is_deferred_nothing_is_trained():
    space = label_space(None, np.array(["a", "b", "a"], object))
    assert denied_labels(["a"], space).tolist() == [True, False]
    address, what, hint = refused(denied_labels, ["a", "b"], space)
    assert (address, what) == (
        "defer_labels",
        "each of the 2 labels of the fit rows is deferred, so that no policy may answer anything",
    )
    assert hint == "leave out the labels that the router may answer"
