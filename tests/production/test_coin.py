"""The coin: its rate, its independence, and the same fate for the same id."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest, chi2_contingency

from tracer_spec.production.coin import Coin


@pytest.mark.parametrize("secret", [None, b"secret"])
def test_it_falls_as_often_as_asked(secret):
    coin = Coin(0.02, secret)
    n = sum(coin.falls(f"r{number}") for number in range(100_000))
    assert binomtest(n, 100_000, 0.02).pvalue > 1e-6


@pytest.mark.parametrize("secret", [None, b"secret"])
def test_it_knows_nothing_of_the_request(secret):
    """Ids that come with the kind of request: the counts of the coin by kind are those of chance."""
    coin = Coin(0.3, secret)
    table = [[0, 0] for _ in range(10)]
    for number in range(100_000):
        table[number % 10][coin.falls(f"kind {number % 10}/{number}")] += 1
    assert chi2_contingency(table).pvalue > 1e-6


def test_with_a_secret_a_retry_has_the_same_fate_and_another_secret_another():
    ids = [f"r{number}" for number in range(1000)]
    first, same, other = (Coin(0.5, secret) for secret in (b"a", b"a", b"b"))
    fate = [first.falls(each) for each in ids]
    assert fate == [same.falls(each) for each in ids]
    assert 300 < sum(a != other.falls(each) for a, each in zip(fate, ids, strict=True)) < 700


def test_without_a_secret_each_draw_is_its_own():
    coin = Coin(0.5)
    assert 300 < sum(coin.falls("same") for _ in range(1000)) < 700


def test_the_ends_are_exact():
    assert not any(Coin(0.0, secret).falls(str(n)) for secret in (None, b"s") for n in range(100))
    assert all(Coin(1.0, secret).falls(str(n)) for secret in (None, b"s") for n in range(100))


@pytest.mark.parametrize(("rate", "secret"), [(-0.1, None), (1.1, None), (float("nan"), None), (0.1, b"")])
def test_what_is_no_rate_or_no_secret_is_refused(rate, secret):
    with pytest.raises(ValueError, match=r"audit rate must be|secret of the audit is empty"):
        Coin(rate, secret)
