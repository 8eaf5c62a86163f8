import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.errors import PluginError
from tracer_spec.flow.certifying.pareto import pareto_front, propose
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Candidate, Chain, Options, Plugin
from tracer_spec.plugin.contracts import Provided

counts = st.integers(0, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def chain(*pairs, family="f"):
    return Chain(family, ("s",), tuple(Candidate(family, (), 30, n, k) for n, k in pairs))


def dominates(a, b):
    at_least = a.coverage >= b.coverage and a.agreement >= b.agreement
    return at_least and (a.coverage > b.coverage or a.agreement > b.agreement)


@given(st.lists(st.lists(counts, max_size=6), max_size=5))
def test_the_front_is_what_no_candidate_dominates(pairs):
    chains = [chain(*each) for each in pairs]
    everything = [candidate for each in chains for candidate in each.candidates]
    front = pareto_front(chains)
    undominated = {
        (c.coverage, c.agreement) for c in everything if not any(dominates(other, c) for other in everything)
    }
    assert {(c.coverage, c.agreement) for c in front} == undominated
    assert len(front) == len(undominated)


@given(st.lists(counts, max_size=20))
def test_along_the_front_coverage_rises_and_agreement_falls(pairs):
    front = pareto_front([chain(*pairs)])
    for before, after in itertools.pairwise(front):
        assert before.coverage < after.coverage
        assert before.agreement > after.agreement


class Proposes:
    """A family that proposes what it was told to."""

    def __init__(self, *chains):
        self.chains = chains

    def propose(self, workshop):
        return self.chains


def resolved(family):
    plugin = Plugin("told", "proposes what it was told to", lambda _: family)
    return Resolved("told", Provided("family", plugin, "acme", "1"), Options())


def test_chains_come_in_the_order_of_the_families_without_candidates_that_handle_nothing():
    first = Proposes(chain((0, 0), (3, 2), family="a"))
    second = Proposes(chain((0, 0), family="b"), chain((5, 5), family="c"))
    chains = propose([resolved(first), resolved(second)], workshop=None)
    assert [(each.family, [c.n_handled for c in each.candidates]) for each in chains] == [("a", [3]), ("c", [5])]


def test_a_family_that_fails_is_named_with_who_ships_it():
    class Fails:
        def propose(self, workshop):
            raise ZeroDivisionError("by nought")

    with pytest.raises(PluginError) as caught:
        propose([resolved(Fails())], workshop=None)
    (problem,) = caught.value.problems
    assert problem.what == "the family 'told' of acme 1 failed: ZeroDivisionError: by nought"
    assert problem.hint == "this is a fault of acme"
