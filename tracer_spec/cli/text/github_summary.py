"""What a call has to say about lines of router.yaml, for GitHub: annotations, step summary and outputs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_spec.cli.console import duration, listing, one_line, plural, size
from tracer_spec.cli.failure import INTERRUPTED, Failure
from tracer_spec.cli.spec_lines import SpecLines, read_lines
from tracer_spec.cli.text.github_commands import ERROR, NOTICE, WARNING, Annotation, publish

if TYPE_CHECKING:
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.result import BuildResult
    from tracer_spec.flow.training.zoo import LearnerReport
    from tracer_spec.plan import Plan

_LEVELS = {
    "certified": NOTICE,
    "uncertified": WARNING,
    "draft": NOTICE,
    "certifiable": NOTICE,
    "untested": WARNING,
    "uncertifiable": WARNING,
}
_MARKS = {NOTICE: "✅", WARNING: "⚠️", ERROR: "❌"}
_STATUS = {2: "invalid", 3: "refused", 5: "different", INTERRUPTED: "interrupted"}
_LISTED = 50


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say.

    Parameters
    ----------
    level : {'error', 'warning', 'notice'}
    title, text : str
    address : str
        What it is about in the spec; empty for the call as a whole.
    """

    level: str
    title: str
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A step summary in the making: a headline, facts, tables, remarks."""

    level: str
    headline: str
    facts: Sequence[tuple[str, str]] = ()
    learners: Sequence[Sequence[str]] = ()
    remarks: Sequence[Remark] = ()
    advice: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the page."""
        return "\n".join(self._lines()) + "\n\n"

    def _lines(self) -> Iterator[str]:
        yield f"### {_MARKS[self.level]} {plain(self.headline)}"
        if self.facts:
            yield from ("", "| | |", "|---|---|", *(f"| {name} | {plain(text)} |" for name, text in self.facts))
        for remark in self.remarks[:_LISTED]:
            yield from ("", f"- {_MARKS[remark.level]} **{plain(remark.title)}**: {plain(remark.text)}")
        if len(self.remarks) > _LISTED:
            yield from ("", f"- and {len(self.remarks) - _LISTED} more, in the log")
        if self.learners:
            yield from ("", "| surrogate | | agreement | s | |", "|---|---|---|---|---|")
            yield from (f"| {' | '.join(plain(cell) for cell in row)} |" for row in self.learners[:_LISTED])
        if self.advice:
            yield from ("", "**What would help**", "", plain(" ".join(self.advice)))


def plain(text: str) -> str:
    r"""Return text, whoever wrote it, as Markdown that shows it and does nothing else.

    Examples
    --------
    >>> plain("a|b <img src=x> [c](http://d)")
    'a\\|b &lt;img src=x&gt; \\[c\\](http\\://d)'
    """
    shown = html.escape(one_line(text, 1000), quote=False)
    return re.sub(r"(?<!\w)@|:(?=\S)|(?<=www)\.|[\\`*_\[\]#|!~$^]", lambda found: "\\" + found[0], shown)


# --- what each command says ---------------------------------------------------------------------------------


def tell_validation(specs: Sequence[str], stories: Sequence[str]) -> None:
    """Publish that specs are valid."""
    page = Page(
        NOTICE, f"tracer-spec validate: {plural(len(specs), 'valid spec')}", list(zip(specs, stories, strict=True))
    )
    publish([], page.markdown(), {"status": "valid"})


def tell_plan(plan: Plan, outlook: Outlook, spec: str, overrides: Sequence[str]) -> None:
    """Publish what a spec's traces can certify."""
    able, accounting = outlook.certifiable, outlook.accounting
    level = _LEVELS[able.status]
    needed = "" if able.fewest is None else f"; at least {able.fewest:,} certify rows must be handled, all agreeing"
    more = f"; about {plural(able.traces_missing, 'more trace')} would do" if able.traces_missing else ""
    verdict = Remark(level, able.status, f"there are {able.n_certify:,} certify rows{needed}{more}", "target")
    remarks = [
        verdict,
        *_about_drops(accounting.read, accounting.dropped),
        *_about_labels(outlook.n_unknown, outlook.unknown_labels),
        *(Remark(WARNING, "traces", text, "traces") for text in (*outlook.warnings, *outlook.notes)),
    ]
    facts = [
        ("traces", f"{accounting.read:,} read, {accounting.kept:,} kept"),
        ("rows", f"{outlook.n_fit:,} fit, {able.n_certify:,} certify"),
        ("labels", plural(len(outlook.labels), "label")),
        ("ceiling", f"{outlook.ceiling.share:.3f}, by the teacher's own answers to the fit rows"),
    ]
    page = Page(level, f"tracer-spec plan: {plan.spec.name} is {able.status}", facts, (), remarks)
    _publish(remarks, read_lines(spec, overrides), page, {"status": able.status})


def tell_build(result: BuildResult, spec: str, overrides: Sequence[str]) -> None:
    """Publish what a build came to."""
    lines = read_lines(spec, overrides)
    level = _LEVELS.get(result.status, ERROR)
    accounting = result.accounting
    skipped = [row for row in result.zoo if row.status == "skipped"]
    at = lines.learners if lines else {}
    remarks = [
        Remark(level, result.status, "\n".join(filter(None, [result.certificate.claim, _estimate(result)])), "target"),
        *(Remark(WARNING, f"{row.name} was skipped", row.reason, at.get(row.name, "zoo")) for row in skipped),
        *_about_drops(accounting.read, accounting.dropped),
        *_about_labels(accounting.n_unknown, accounting.unknown_labels),
        *(Remark(WARNING, "traces", text, "traces") for text in result.warnings),
        *(Remark(NOTICE, "policy", text, "families") for text in result.remarks),
    ]
    page = Page(
        level,
        f"tracer-spec build: {result.name} is {result.status}",
        _facts(result),
        [_learner(row) for row in result.zoo],
        remarks[1:],
        _advice(result),
    )
    shipped = result.estimate if result.bundle else None
    outputs = {
        "bundle": str(result.bundle or ""),
        "sha256": result.sha256,
        "coverage": f"{shipped.coverage:.4f}" if shipped else "",
        "agreement": f"{shipped.agreement:.4f}" if shipped else "",
        "status": result.status,
    }
    _publish(remarks, lines, page, outputs)


def tell_failure(failure: Failure, spec: str, overrides: Sequence[str]) -> None:
    """Publish why a call failed: every problem, on its line where it has one."""
    lines = read_lines(spec, overrides) if spec else None
    status = _STATUS.get(failure.exit_code, "failed")
    found = []
    for problem in failure.problems:
        file, line, column = _split(problem.where)
        if not line and lines and problem.address:
            file, line, column = lines.find(problem.address)
        said = "\n".join(filter(None, [problem.what, problem.hint and f"hint: {problem.hint}"]))
        said = said if line or not problem.where else f"{problem.where}: {said}"
        found.append(Annotation(ERROR, problem.address or status, said, file, line, column))
    remarks = [Remark(ERROR, each.where or each.address or status, each.what) for each in failure.problems]
    page = Page(ERROR, f"tracer-spec: {status}, exit code {failure.exit_code}", (), (), remarks)
    publish(found, page.markdown(), {"status": status})


# --- parts --------------------------------------------------------------------------------------------------


def _publish(remarks: Iterable[Remark], lines: SpecLines | None, page: Page, outputs: Mapping[str, str]) -> None:
    """Give each remark its line, and publish."""
    annotations = []
    for each in remarks:
        file, line, column = lines.find(each.address) if lines else ("", 0, 0)
        annotations.append(Annotation(each.level, each.title, each.text, file, line, column))
    publish(annotations, page.markdown(), outputs)


def _split(where: str) -> tuple[str, int, int]:
    """Take ``file:line:column`` apart; an override is no file."""
    if where.startswith("--set "):
        return "", 0, 0
    found = re.fullmatch(r"(.+?):([0-9]+)(?::([0-9]+))?", where, re.DOTALL)
    return (found[1], int(found[2]), int(found[3] or 0)) if found else (where, 0, 0)


def _about_drops(read: int, dropped: Mapping[str, int]) -> Iterator[Remark]:
    """Say which records were left out: a warning where something is wrong with them."""
    from tracer_spec.flow.traces.accounting import BAD

    for level, rule in ((WARNING, True), (NOTICE, False)):
        counts = {reason: count for reason, count in dropped.items() if (reason in BAD) is rule}
        if counts:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
            yield Remark(level, "traces dropped", f"of {plural(read, 'record')}: {reasons}", "traces")


def _about_labels(n_unknown: int, unknown: Mapping[str, int]) -> Iterator[Remark]:
    """Say which labels the teacher made up."""
    if n_unknown:
        made_up = listing([f"'{one_line(label)}' {count:,}" for label, count in unknown.items()], 8)
        text = f"{plural(n_unknown, 'answer')} off the list, each a disagreement: {made_up}"
        yield Remark(WARNING, "made-up labels", text, "traces.labels")


def _estimate(result: BuildResult) -> str:
    from tracer_spec.cli.text.summary import estimate_text

    best = result.estimate
    return estimate_text(best.coverage, best.agreement) if best else ""


def _facts(result: BuildResult) -> list[tuple[str, str]]:
    from tracer_spec.cli.text.summary import dropped_text, policy_text, test_text

    certificate, best, accounting = result.certificate, result.estimate, result.accounting
    tested = certificate.chosen or (certificate.walk[0] if certificate.walk else None)
    facts = [("claim" if result.status == "certified" else "finding", certificate.claim)]
    if best:
        stages = [(stage.surrogate.name, stage.threshold if stage.acceptor else None) for stage in best.policy]
        facts += [("policy", policy_text(best.family, stages)), ("estimate", _estimate(result))]
    if tested:
        facts.append(("test", test_text(certificate.measure, tested.n, tested.k, tested.p_value)))
    facts.append(("traces", dropped_text(accounting.read, accounting.kept, accounting.dropped)))
    facts.append(("rows", f"{result.n_fit:,} fit, {result.n_certify:,} certify"))
    facts.append(("labels", plural(len(result.labels), "label")))
    if result.saved_usd_per_day is not None:
        facts.append(("cost", f"{result.saved_usd_per_day:,.2f} of {result.teacher_usd_per_day:,.2f} USD a day saved"))
    if result.bundle:
        facts.append(("bundle", f"{result.bundle} ({size(result.bundle.stat().st_size)})"))
        facts.append(("sha256", result.sha256))
    return [*facts, ("time", duration(result.seconds))]


def _learner(row: LearnerReport) -> list[str]:
    agreement = "" if row.agreement is None else f"{row.agreement:.3f}"
    return [row.name, row.status, agreement, f"{row.seconds:.1f}", row.reason]


def _advice(result: BuildResult) -> list[str]:
    from tracer_spec.cli.text.build import advice_lines

    return [line.strip() for line in advice_lines(result)]
