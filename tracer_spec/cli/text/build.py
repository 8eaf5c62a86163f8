"""What a build came to, told for people: the claim first, then the numbers, then what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_spec.cli.console import duration, listing, one_line, paint, plural, rows
from tracer_spec.cli.text.bundle import NAME_WIDTH, tell_bundle
from tracer_spec.cli.text.summary import dropped_text, estimate_text, policy_text, sides_text, test_text
from tracer_spec.cli.text.terminal_chart import Picture, draw

if TYPE_CHECKING:
    from tracer_spec.flow.result import BuildResult
    from tracer_spec.plugin import Candidate, Measure, WalkStep


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
    facts = _look(result, verbose) + _zoo(result, verbose) + _off_list(result)
    facts += [("warning", text) for text in result.warnings] + [("note", text) for text in result.remarks]
    if verbose:
        facts += _steps(result) + _dropped(result)
    took = f"  in {duration(result.seconds)}"
    if result.bundle is None:
        head = paint(f"{result.status}  {result.name}", "bold", "red", stream=sys.stdout)
        told = rows([*_refused(result), *_traces(result), *facts], width=NAME_WIDTH, stream=sys.stdout)
        return "\n".join([f"{head}{took}", told, *draw(_picture(result)), "", *_next_refused(result, out)])
    from tracer_spec.runtime import read_bundle

    bundle = read_bundle(result.bundle, sha256=result.sha256)
    following = [("next", _next_draft() if result.status == "draft" else _next_shipped(result))]
    return "\n".join(
        [
            tell_bundle(bundle, ending=took, extra=facts, verbose=verbose),
            rows(following, width=NAME_WIDTH, stream=sys.stdout),
        ]
    )


def _picture(result: BuildResult) -> Picture:
    """Return the picture of a refused build: what there was to choose from."""
    on_agreement = result.certificate.measure == "agreement"
    front = tuple((each.coverage, each.agreement) for each in result.front)
    return Picture(front, None, result.certificate.target if on_agreement else None)


def _look(result: BuildResult, verbose: bool) -> list[tuple[str, str]]:
    """Tell how much error this look could spend, where looks are counted and it was not the first one."""
    look, level, confidence = result.certificate.look, result.certificate.level, result.certificate.confidence
    if look is None or level is None or confidence is None or (look == 1 and not verbose):
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
            _step(certificate.measure, certificate.walk[0]) if certificate.walk else "no candidate was worth testing",
        )
    )
    return facts


def _step(measure: Measure, step: WalkStep) -> str:
    verdict = "passed" if step.passed else "failed"
    coverage = f"{step.candidate.coverage:.3f}"
    return f"{test_text(measure, step.n, step.k, step.p_value)}, {verdict}, at predicted coverage {coverage}"


def _policy(candidate: Candidate) -> str:
    stages = [(stage.surrogate.name, stage.threshold if stage.acceptor else None) for stage in candidate.policy]
    return policy_text(candidate.family, stages)


def _steps(result: BuildResult) -> list[tuple[str, str]]:
    """Tell every step of the walk."""
    proposed = sum(len(chain.candidates) for chain in result.chains)
    steps = [_step(result.certificate.measure, step) for step in result.certificate.walk]
    return [("walk", "\n".join([f"{len(steps):,} of {proposed:,} candidates were tested", *steps]))]


def _traces(result: BuildResult) -> list[tuple[str, str]]:
    accounting = result.accounting
    kept = dropped_text(accounting.read, accounting.kept, accounting.dropped)
    return [("traces", f"{kept}; {sides_text(result.n_fit, result.n_certify, len(result.labels))}")]


def _off_list(result: BuildResult) -> list[tuple[str, str]]:
    """Name the labels that the teacher made up, and count the answers that are none."""
    accounting, facts = result.accounting, []
    if accounting.n_unknown:
        made_up = listing([f"'{one_line(label)}' {count:,}" for label, count in accounting.unknown_labels.items()], 4)
        where = "" if result.certificate.walk else " among fit rows"
        answers = plural(accounting.n_unknown, "answer")
        facts.append(("off list", f"{answers}{where}, each a disagreement: {made_up}"))
    if accounting.unusable:
        unusable = ", ".join(f"{count:,} {reason}" for reason, count in accounting.unusable.items())
        facts.append(("no label", f"{unusable}; each counts as a disagreement"))
    return facts


def _dropped(result: BuildResult) -> list[tuple[str, str]]:
    """Say where the first records of each reason for dropping stand."""
    examples = [f"{reason}: {listing(where, 5)}" for reason, where in result.accounting.examples.items()]
    return [("dropped", "\n".join(examples))] if examples else []


def _zoo(result: BuildResult, verbose: bool) -> list[tuple[str, str]]:
    """Tell what became of the zoo; where nothing was skipped, only if asked, or if nothing ships."""
    trained = [row for row in result.zoo if row.status != "skipped" and row.agreement is not None]
    trained.sort(key=lambda row: -(row.agreement or 0.0))
    shown = [f"{row.name} {row.agreement:.3f}" + ("*" if row.status == "screened" else "") for row in trained]
    lines = [_join(shown, "none was trained") + (" (* first fold alone)" if any("*" in each for each in shown) else "")]
    skipped = [f"{row.name} was skipped: {row.reason}" for row in result.zoo if row.status == "skipped"]
    notes = [f"{row.name}: {note}" for row in result.zoo for note in row.notes] if verbose else []
    if not (skipped or verbose or result.bundle is None):
        return []
    return [("zoo", "\n".join([*lines, *skipped, *notes]))]


def _join(items: Iterable[str], otherwise: str) -> str:
    return ", ".join(items) or otherwise


def _next_draft() -> str:
    return "tracer-spec build SPEC  (certify it: one look at the certify rows)"


def _next_shipped(result: BuildResult) -> str:
    path = result.bundle
    if result.status == "uncertified":
        return f"tracer-spec report {path} -o report.html  (load() refuses it, unless allow_uncertified=True)"
    return f'tracer-spec report {path} -o report.html\ntracer-spec route {path} --text "..."'


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
