"""Where a run means to run every test, as CI does, a test that skips has failed."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

MEANT = "TRACER_SPEC_TEST_ALL"
"""The environment variable under which only the skips below are skips."""

ALLOWED = {
    r"\.\./shared/data": "the real traces are too large for the repository",
    r"\.\./shared/models": "no model file lies in the repository",
    "its certificate makes no confidence statement": "a calibrator that claims nothing has no claim to test",
    r"all tests skipped by \+SKIP option": "an example of the documentation that shows a call and has no file to make it on",
}
"""Reasons to skip, as regular expressions, and why each may be."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test, and what it was set up with."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a file that skips as a whole."""
    return _judged((yield))


def _judged(report: Report) -> Report:
    """Turn a skip that is not allowed into a failure."""
    if os.environ.get(MEANT) and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(re.search(each, reason) for each in ALLOWED):
            report.outcome = "failed"
            report.longrepr = (
                f"{report.nodeid} was meant to run, and skipped: {reason}\nconftest.py lists the skips that are allowed"
            )
    return report
