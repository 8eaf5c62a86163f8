"""``--brief``: the verdict, the claim, the numbers and the file, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer_spec.cli.text.outcome import fact_lines
from tracer_spec.report.facts import Fact


@pytest.fixture
def calls(bundle, built):
    """Return a call of each verb that can be brief, in the folder of the build."""
    return {
        "inspect": ["inspect", str(bundle)],
        "verify": ["verify", str(bundle)],
        "diff": ["diff", str(bundle), str(bundle)],
        "plan": ["plan", str(Path(built.args[-1]) / "router.yaml"), "-q"],
        "build": ["build", str(Path(built.args[-1]) / "router.yaml"), "-q", "--draft", "--out", "brief.tracer"],
    }


def names(text: str) -> list[str]:
    """Return the names of the facts of an outcome."""
    return [line[2:12].strip() for line in text.splitlines() if line.startswith("  ") and line[2] != " "]


@pytest.mark.parametrize(
    ("verb", "kept"),
    [
        ("inspect", ["claim", "estimate", "test", "traces", "file", "sha256"]),
        ("verify", ["file", "sha256", "claim"]),
        ("diff", []),
        ("plan", ["target", "traces", "test"]),
        ("build", ["claim", "estimate", "traces", "file", "sha256"]),
    ],
)
def test_a_brief_outcome_keeps_its_verdict_and_some_of_the_facts_as_they_are(call_in, calls, built, verb, kept):
    whole, brief = (call_in(*calls[verb], *more, cwd=Path(built.args[-1])) for more in ((), ("--brief",)))
    assert whole.returncode == brief.returncode == 0, brief.stderr
    told = [line.partition("  in ")[0] for line in whole.stdout.splitlines()]
    assert [line for line in brief.stdout.splitlines() if line.partition("  in ")[0] not in told] == []
    assert brief.stdout.split("  ")[0] == whole.stdout.split("  ")[0]
    assert names(brief.stdout) == kept
    assert len(brief.stdout) < len(whole.stdout)


def test_a_learner_that_was_skipped_is_told_even_in_brief():
    facts = [
        Fact("zoo", "logreg 0.9"),
        Fact("skipped", "mine was skipped: it failed"),
        Fact("warning", "a label is rare"),
    ]
    assert fact_lines(facts, brief=True) == ["  skipped     mine was skipped: it failed"]


@pytest.mark.parametrize("verb", ["inspect", "verify", "diff", "plan", "build"])
def test_brief_and_verbose_exclude_each_other(call_in, calls, built, verb):
    arguments = [each for each in calls[verb] if each != "-q"]
    result = call_in(*arguments, "--brief", "-v", cwd=Path(built.args[-1]))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "--brief and --verbose are both given; take one of them\n"


def test_a_brief_comment_is_refused(call_in, calls, built):
    result = call_in(*calls["diff"], "--brief", "--markdown", cwd=Path(built.args[-1]))
    assert (result.returncode, result.stderr) == (2, "--brief and --markdown are both given; take one of them\n")
