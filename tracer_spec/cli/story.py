"""What a build came to, told for people: the claim first, then the numbers, then what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_spec.cli.console import duration, listing, paint, plural, rows, size

if TYPE_CHECKING:
    from tracer_spec.flow.result import BuildResult
    from tracer_spec.plugin import Candidate, WalkStep


_COLOURS = {"certified": "green", "draft": "yellow", "refused": "red"}
# what a calibrator counts, where it is not agreement among handled rows
_COUNTED = {"risk-control": "certify rows get no label but the teacher's"}


def tell(result: BuildResult, *, out: Path, verbose: bool = False) -> str:
    """Return the story of a build.

    Parameters
    ----------
    result : BuildResult
    out : Path
        Where the bundle is, or would have been.
    verbose : bool
        Tell every step of the walk, every dropped record's example, and every learner's notes too.
    """
    shipped = result.status != "refused"
    head = f"{result.status}  {result.name}"
    verdict = paint(head, "bold", _COLOURS[result.status], stream=sys.stdout)
    facts = {"certified": _certified, "draft": _draft, "refused": _refused}[result.status](result)
    facts += _look(result) + _cost(result)
    facts += _traces(result, verbose)
    facts += _zoo(result, verbose)
    facts += [("warning", text) for text in result.warnings]
    if verbose:
        facts += [
            (
                "walk",
                "\n".join(_step(result.certificate.calibrator, step) for step in result.certificate.walk)
                or "nothing was tested",
            )
        ]
    if result.bundle:
        facts += [("bundle", f"{result.bundle}  ({size(result.bundle.stat().st_size)}, version {result.version})")]
        facts += [("sha256", result.sha256)]
    lines = [f"{verdict}  in {duration(result.seconds)}", "", rows(facts, stream=sys.stdout), ""]
    if result.status == "draft":
        return "\n".join(lines + _next_draft())
    return "\n".join(lines + (_next_certified(result) if shipped else _next_refused(result, out)))


def policy_text(family: str, stages: Sequence[tuple[str, float | None]]) -> str:
    """Describe a policy on one line.

    Examples
    --------
    >>> policy_text("rsb", [("logreg", 0.9312), ("mlp", 0.95)])
    'rsb: logreg where accept >= 0.9312, then mlp where accept >= 0.9500, else defer'
    >>> policy_text("global", [("logreg", None)])
    'global: logreg for all'
    """
    parts = [
        f"{name} for all" if threshold is None else f"{name} where accept >= {threshold:.4f}"
        for name, threshold in stages
    ]
    ending = "" if stages and stages[-1][1] is None else ", else defer"
    return f"{family}: {', then '.join(parts)}{ending}"


def estimate_text(coverage: float, agreement: float) -> str:
    """Describe an estimate; it is no part of the claim."""
    return f"coverage {coverage:.3f}, agreement {agreement:.3f} (fit rows, out of fold)"


def test_text(calibrator: str, n: int, k: int, p_value: float | None) -> str:
    """Describe one exact test.

    Examples
    --------
    >>> test_text("pareto-testing", 3570, 3331, 0.00271)
    '3,331 of 3,570 handled certify rows agree (p = 0.0027)'
    >>> test_text("risk-control", 4000, 3971, 0.0021)
    "3,971 of 4,000 certify rows get no label but the teacher's (p = 0.0021)"
    """
    counted = _COUNTED.get(calibrator, "handled certify rows agree")
    sure = "no test was made" if p_value is None else f"p = {p_value:.2g}"
    return f"{k:,} of {n:,} {counted} ({sure})"


def dropped_text(read: int, kept: int, dropped: Mapping[str, int]) -> str:
    """Describe what became of the records.

    Examples
    --------
    >>> dropped_text(1521, 1500, {"duplicate id": 21})
    '1,521 read, 1,500 kept; dropped: 21 duplicate id'
    """
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
    return f"{read:,} read, {kept:,} kept" + (f"; dropped: {reasons}" if reasons else "")


def _certified(result: BuildResult) -> list[tuple[str, str]]:
    certificate = result.certificate
    chosen = certificate.chosen
    if chosen is None:
        return []
    candidate = chosen.candidate
    proposed = sum(len(chain.candidates) for chain in result.chains)
    tested = plural(len(certificate.walk), "candidate")
    passed = sum(step.passed for step in certificate.walk)
    return [
        ("claim", certificate.claim),
        ("policy", _policy(candidate)),
        ("estimate", estimate_text(candidate.coverage, candidate.agreement)),
        ("test", test_text(certificate.calibrator, chosen.n, chosen.k, chosen.p_value)),
        ("walk", f"{tested} tested, {passed} passed, of {proposed:,} proposed"),
    ]


def _draft(result: BuildResult) -> list[tuple[str, str]]:
    """Tell what a draft estimates."""
    facts = [("claim", result.certificate.claim)]
    estimate = result.estimate
    if estimate is not None:
        facts += [("policy", _policy(estimate)), ("estimate", estimate_text(estimate.coverage, estimate.agreement))]
    return facts


def _cost(result: BuildResult) -> list[tuple[str, str]]:
    """Project what is saved, where the spec says what the teacher costs."""
    saved, whole = result.saved_usd_per_day, result.teacher_usd_per_day
    if saved is None:
        return []
    return [("cost", f"at the estimated coverage, {saved:,.2f} of {whole:,.2f} USD a day are saved")]


def _look(result: BuildResult) -> list[tuple[str, str]]:
    """Tell how much error this look could spend, where looks are counted and it was not the only one."""
    look, level, confidence = result.certificate.look, result.certificate.level, result.certificate.confidence
    if look is None or level is None or confidence is None:
        return []
    text = f"number {look} at these certify rows: p <= {level:.2g} was asked of each test"
    if look > 1:
        text += f", the share of {1 - confidence:.2g} that is left to it; try settings with --draft, which spends none"
    return [("look", text)]


def _refused(result: BuildResult) -> list[tuple[str, str]]:
    certificate = result.certificate
    facts = [("finding", certificate.claim)]
    estimate = result.estimate
    if estimate is not None:
        facts.append(("best", f"{_policy(estimate)}\n{estimate_text(estimate.coverage, estimate.agreement)}"))
    facts.append(
        (
            "test",
            _step(certificate.calibrator, certificate.walk[0])
            if certificate.walk
            else "no candidate was worth testing",
        )
    )
    return facts


def _step(calibrator: str, step: WalkStep) -> str:
    verdict = "passed" if step.passed else "failed"
    coverage = f"{step.candidate.coverage:.3f}"
    return f"{test_text(calibrator, step.n, step.k, step.p_value)}, {verdict}, at predicted coverage {coverage}"


def _policy(candidate: Candidate) -> str:
    stages = [(stage.surrogate.name, stage.threshold if stage.acceptor else None) for stage in candidate.policy]
    return policy_text(candidate.family, stages)


def _traces(result: BuildResult, verbose: bool) -> list[tuple[str, str]]:
    accounting = result.accounting
    lines = [
        dropped_text(accounting.read, accounting.kept, accounting.dropped),
        f"{result.n_fit:,} fit rows, {result.n_certify:,} certify rows",
    ]
    if verbose:
        lines += [f"{reason}: {listing(where, 5)}" for reason, where in accounting.examples.items()]
    facts = [("traces", "\n".join(lines)), ("labels", _labels(result))]
    if accounting.unusable:
        unusable = ", ".join(f"{count:,} {reason}" for reason, count in accounting.unusable.items())
        facts.append(("no label", f"{unusable}; each counts as a disagreement"))
    return facts


def _labels(result: BuildResult) -> str:
    """Count the labels, and name those that the teacher made up."""
    accounting = result.accounting
    text = plural(len(result.labels), "label")
    if not accounting.n_unknown:
        return text
    made_up = listing([f"'{label}' {count:,}" for label, count in accounting.unknown_labels.items()], 4)
    answers = plural(accounting.n_unknown, "answer")
    where = "" if result.certificate.walk else " among fit rows"
    return f"{text}; {answers} off the list{where}, each a disagreement: {made_up}"


def _zoo(result: BuildResult, verbose: bool) -> list[tuple[str, str]]:
    trained = [row for row in result.zoo if row.status != "skipped" and row.agreement is not None]
    trained.sort(key=lambda row: -(row.agreement or 0.0))
    shown = [f"{row.name} {row.agreement:.3f}" + ("*" if row.status == "screened" else "") for row in trained]
    lines = [_join(shown, "none was trained") + (" (* first fold alone)" if any("*" in each for each in shown) else "")]
    lines += [f"{row.name} was skipped: {row.reason}" for row in result.zoo if row.status == "skipped"]
    if verbose:
        lines += [f"{row.name}: {note}" for row in result.zoo for note in row.notes]
    return [("zoo", "\n".join(lines))]


def _join(items: Iterable[str], otherwise: str) -> str:
    return ", ".join(items) or otherwise


def _next_draft() -> list[str]:
    return ["next", "  tracer-spec build SPEC     certify it: one look at the certify rows"]


def _next_certified(result: BuildResult) -> list[str]:
    path = result.bundle
    return [
        "next",
        f'  tracer-spec route {path} --text "..."     decide one request',
        f"  tracer-spec route {path} requests.jsonl   decide many",
        f"  tracer-spec inspect {path}                what is in it",
    ]


def _next_refused(result: BuildResult, out: Path) -> list[str]:
    lines = ["what would help", *advice_lines(result)] if result.advice else []
    kept = f"{out} is left as it was, from an earlier build" if out.exists() else f"{out} was not written"
    return [*lines, "", kept]


def advice_lines(result: BuildResult) -> list[str]:
    """Say what a refused build lacks."""
    advice = result.advice
    if advice is None:
        return []
    if advice.traces_needed is None:
        lines = [
            "  no policy is estimated to reach the target on a fair share of the traffic, so more traces alone",
            "  will not do: lower the target, add to the zoo, or look at where the teacher contradicts itself",
        ]
    elif advice.traces_needed <= result.n_fit + result.n_certify:
        lines = [
            "  by its estimates, the traces there are should have been enough nine times in ten: a chance failure, or",
            "  estimates too rosy for these rows; more traces tell which, and a lower target or a better zoo help either",
        ]
    else:
        more = advice.traces_needed - result.n_fit - result.n_certify
        lines = [
            f"  about {advice.traces_needed:,} traces in all, {more:,} more than there are, would certify",
            "  nine times in ten, if coverage and agreement stay as estimated",
        ]
    return [
        *lines,
        f"  a policy must handle {advice.fewest_handled:,} certify rows or more to be certifiable at all;",
        f"  there are {advice.n_certify:,}",
        "  building again and again on the same traces until something passes would be no certificate",
    ]
