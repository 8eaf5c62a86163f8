"""docs/production.md: the numbers of what the audit costs are those of the test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scipy.stats import binom

PAGE = (Path(__file__).parents[2] / "docs" / "production.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\.\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
TARGET, LEVEL, POWER, COVERAGE = 0.92, 0.045, 0.9, 0.9


def number(text: str) -> int:
    return int(text.replace(",", ""))


def power(n: int, agreement: float) -> float:
    """Return the chance that n rows certify: that as many agree as the target gives with probability LEVEL at most."""
    fewest = next(k for k in range(n + 2) if binom.sf(k - 1, n, TARGET) <= LEVEL)
    return float(binom.sf(fewest - 1, n, agreement))


@pytest.mark.parametrize(("agreement", "rows", "at_2", "at_5"), ROWS)
def test_so_many_rows_certify_nine_times_in_ten(agreement, rows, at_2, at_5):
    n = number(rows)
    assert power(n, float(agreement)) == pytest.approx(POWER, abs=0.02)
    assert number(at_2) == pytest.approx(n / COVERAGE / 0.02, abs=50)
    assert number(at_5) == pytest.approx(n / COVERAGE / 0.05, abs=50)


def test_the_table_is_there_and_its_example_adds_up():
    assert len(ROWS) == 4
    assert round(33_000 * 0.02 * 0.9, -2) == 600
    assert "3,900 calls instead of 33,000" in PAGE
    assert pytest.approx(3_900, abs=10) == 33_000 * (0.1 + 0.9 * 0.02)
