"""The champion among chains: by what they promise, and by their cost where acceptors promise the same."""

from __future__ import annotations

from tracer_spec.builtin.calibrators.champion import Promise, champion
from tracer_spec.plugin import Candidate, Chain, Model, Stage


def promise(surrogate: str, acceptor: str | None, utility: float, cost: float = 0.0, n: int = 1000) -> Promise:
    """Return what a chain of one candidate promises: half of n fit rows handled, so a noise of sqrt(.25 / n)."""
    stage = Stage(Model(surrogate, b""), Model(acceptor, b"") if acceptor else None, 0.5 if acceptor else 0.0)
    candidate = Candidate("l2d", (stage,), n, n / 2, n / 2, cost=cost)
    return Promise(Chain("l2d", (surrogate,), (candidate,)), candidate, utility)


def test_of_one_acceptor_the_first_of_the_greatest_utility_is_taken_whatever_it_costs() -> None:
    dear, cheap = promise("a", "x", 0.5, cost=9), promise("b", "x", 0.49, cost=1)
    assert champion([dear, cheap]) is champion([cheap, dear]) is dear
    first, second = promise("a", "x", 0.5), promise("b", "x", 0.5)
    assert champion([first, second]) is first
    free = promise("a", None, 0.499, cost=1)
    assert champion([free, dear]) is dear


def test_of_acceptors_within_noise_the_cheaper_is_taken_and_beyond_it_the_better() -> None:
    # one standard error is sqrt(.5 * .5 / 1000) = .0158
    cheap = promise("a", "x", 0.5, cost=1)
    assert champion([promise("a", "y", 0.515, cost=2), cheap]) is cheap
    better = promise("a", "y", 0.517, cost=2)
    assert champion([cheap, better]) is better
    alike = promise("a", "y", 0.505, cost=1)
    assert champion([cheap, alike]) is alike


def test_an_acceptor_competes_by_its_best_chain() -> None:
    chains = [promise("a", "x", 0.45, cost=1), promise("b", "x", 0.5, cost=3), promise("a", "y", 0.51, cost=4)]
    assert champion(chains) is chains[1]


def test_where_nothing_is_promised_nothing_is_tested() -> None:
    assert champion([]) is None
    assert champion([promise("a", "x", 0.0)]) is None
