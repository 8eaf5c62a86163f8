"""Facts that a log of decisions tells of a bundle: one sentence each, wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tracer_spec.errors import printable
from tracer_spec.production.monitoring.answer_form import form_text
from tracer_spec.production.monitoring.claims import e_value_of
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import (
    NO_TIME,
    NOT_MEASURED,
    NOTHING_CLAIMED,
    REFUTED,
    WARNING_BAR,
    WARNS,
    Monitor,
)
from tracer_spec.production.monitoring.moved_labels import Moved
from tracer_spec.production.monitoring.reference import AGREEMENT, END_TO_END
from tracer_spec.production.monitoring.tally import Moment
from tracer_spec.report.facts import Fact, at_release, rate_text
from tracer_spec.report.monitor_warnings import (
    coverage_lately,
    gap,
    last_audit,
    last_line,
    repeated_ids,
    teachers,
    unanswered,
)
from tracer_spec.text_format import counted_names, label_counted_text, listing, one_line, plural, reasons

_LEVELS = {REFUTED: "error", WARNS: "warning", NOT_MEASURED: "warning"}
_SHOWN_LABELS = 5
_SHOWN_FORMS = 4
_LARGEST = 1e6
_NOW = "in shadow mode the teacher answers everything until the next bundle, and every request is audited"
_WHICH_DISAGREE = "with most disagreements: 'tracer-spec verify BUNDLE LOG --format decisions' names them"
_NEXT = "audited rows may certify the next bundle: add the log to the traces of its spec, and build"


def monitor_facts(
    monitor: Monitor, reading: Reading, *, now: datetime | None = None, remedy: str = ""
) -> Iterator[Fact]:
    """Yield what a log says of a bundle: the verdict, the numbers, and what limits them; with ``now``, whether it goes on.

    ``remedy`` is told of a claim that is refuted.
    """
    reference, tally, verdict = monitor.reference, monitor.tally, monitor.verdict
    yield Fact("claim", printable(reference.claim))
    yield Fact(
        "verdict",
        "\n".join(filter(None, [monitor_verdict(monitor, remedy), "" if verdict == REFUTED else _lost(monitor)])),
        _LEVELS.get(verdict, "warning" if tally.missing_files else ""),
        title=f"{reference.name} {reference.version}: {verdict}{of_which_log(monitor)}",
    )
    if now is not None:
        yield from last_line(monitor, reading, now)
    yield from gap(monitor)
    yield from last_audit(monitor)
    yield from repeated_ids(monitor)
    yield from unanswered(monitor)
    yield from teachers(monitor)
    yield from _cause(monitor)
    counted = {
        AGREEMENT: "audited rows that are handled agree with the teacher",
        END_TO_END: "audited rows get no label but the teacher's",
    }
    yield Fact("agreement", rate_text(monitor.agreement, counted[AGREEMENT]))
    if reference.measure == END_TO_END:
        yield Fact("end to end", rate_text(monitor.rate, counted[END_TO_END]))
    yield from at_release(monitor.rate, monitor.rate_of(*reference.tested))
    if monitor.claims:
        yield Fact("by label", "\n".join(_label_claims(monitor)))
    if (late := monitor.lately) is not None:
        yield Fact("lately", rate_text(late.own, f"{counted[reference.measure]}, since {late.day.isoformat()}"))
    fallen = coverage_lately(monitor)
    yield Fact(
        "coverage",
        "\n".join(filter(None, [rate_text(monitor.coverage, "rows are handled"), fallen])),
        "warning" if fallen else "",
        title="the router handles far less than it did",
    )
    yield Fact("intervals", f"at {1 - monitor.alpha:.6g}, valid at all times together, however often one looks")
    if verdict != NOTHING_CLAIMED:
        yield Fact("e-value", _e_value(monitor))
    yield Fact("detector", _detector(monitor))
    yield Fact(
        "audit",
        _audit(monitor),
        "" if tally.draws.explain(tally.audited) else "warning",
        title="the log does not hold what the coin chose",
    )
    if tally.reasons:
        named = sorted(tally.reasons.items(), key=lambda each: (-each[1], each[0]))
        yield Fact("deferred", reasons((one_line(reason.replace("_", " ")), n) for reason, n in named))
    yield Fact("drift", _drift(monitor))
    yield Fact(
        "labels",
        "\n".join(
            [
                _moved("the teacher", monitor.teachers_moved, bool(reference.teacher)),
                _moved("the router", monitor.routers_moved, bool(reference.router)),
                *([_WHICH_DISAGREE] if verdict in (REFUTED, WARNS) else []),
            ]
        ),
    )
    yield Fact("log", _log(monitor, reading))


def monitor_verdict(monitor: Monitor, remedy: str = "") -> str:
    """Say what the verdict means and what to do, first what is urgent, and never more."""
    reference, verdict = monitor.reference, monitor.verdict
    name = "agreement" if reference.measure == AGREEMENT else "the end-to-end rate"
    target, level = f"{reference.target:.6g}", f"{reference.warning_level:.3f}"
    if fallen := [
        f"'{one_line(claim.label)}' ({claim.measure})" for claim, each in monitor.label_claims if each.refuted
    ]:
        own = "too has" if monitor.tally.refuted else "has not"
        return (
            f"what was claimed of {', '.join(fallen)} is refuted, see 'by label'; {name} {own} been shown to be under the "
            f"{target} that was claimed\n{remedy or _NOW}\n{_NEXT}"
        )
    if verdict == REFUTED and monitor.tally.refuted:
        told = f"refuted {_at(monitor.tally.refuted)}"
        return f"{name} has been under the {target} that was claimed: {told}\n{remedy or _NOW}\n{_NEXT}"
    if verdict == WARNS and monitor.tally.warned:
        told = f"first told {_at(monitor.tally.warned)}"
        return f"WARNING: {name} has fallen under {level}, and the claim is {target}: {told}\n{_NEXT}"
    if verdict == NOT_MEASURED:
        return f"{name} is not known: {_why_not_measured(monitor)}"
    if verdict == NOTHING_CLAIMED:
        return f"there is no claim to refute; the build aimed at {target}"
    since = f" since {monitor.tally.first[:10]}" if monitor.tally.first else ""
    return f"{name} may be {target} or more: the log{since} does not refute the claim, nor can it prove it"


def of_which_log(monitor: Monitor) -> str:
    """Return what limits the verdict, where files of the log are missing and what is there does not refute the claim."""
    n = 0 if monitor.is_refuted else monitor.tally.missing_files
    return f", of a log that lacks {plural(n, 'file')}" if n else ""


def _lost(monitor: Monitor) -> str:
    """Say what files that are missing could have told."""
    n = monitor.tally.missing_files
    if not n:
        return ""
    return (
        f"WARNING: by the names of its files, the log lacks {plural(n, 'file')} with earlier decisions of this bundle, and a "
        "claim that was refuted there stays refuted\ngive all files, or the --state of the runs that read them"
    )


def refutations(monitor: Monitor) -> Iterator[str]:
    """Yield every claim that is refuted, with when the log had shown it."""
    reference, own = monitor.reference, monitor.tally.refuted
    if own is not None:
        name = "agreement" if reference.measure == AGREEMENT else "the end-to-end rate"
        yield f"{name} has been under the {reference.target:.6g} that was claimed, as was shown {_at(own)}"
    for claim, tally in monitor.label_claims:
        if tally.refuted is not None:
            of = f"'{one_line(claim.label)}' ({claim.measure})"
            yield f"what was claimed of {of} does not hold, as was shown {_at(tally.refuted)}"


def _cause(monitor: Monitor) -> Iterator[Fact]:
    """Yield that the teacher likely answers in another form, where most answers that are no label hold one all the same."""
    tally, forms = monitor.tally, monitor.tally.changed_forms
    total = sum(forms.values())
    if not forms or 2 * total < tally.unknown:
        return
    shown = "; ".join(f"{n:,} as {one_line(form_text(form), 100)}" for form, n in list(forms.items())[:_SHOWN_FORMS])
    text = (
        f"likely another form of the teacher's answers, not other answers: of {plural(tally.unknown, 'audited answer')} that "
        f"the bundle's steps make no label of, {total:,} hold one: {shown}\n"
        "let the teacher answer as before, or let 'traces.labels.normalize' read this form too, and build again"
    )
    yield Fact("cause", text, "warning", title="the form of the answers has changed")


def _why_not_measured(monitor: Monitor) -> str:
    tally = monitor.tally
    if not tally.audited:
        return (
            f"none of {plural(tally.rows, 'row')} was audited, and what the teacher says of deferred requests tells nothing of "
            "those that are handled\ndeploy with audit=0.02, so that the teacher answers 2 % of all requests, or in shadow mode"
        )
    if tally.audited == tally.unanswered:
        return f"the teacher answered none of {plural(tally.audited, 'audited row')}"
    return f"none of {plural(tally.audited, 'audited row')} was handled"


def _at(moment: Moment) -> str:
    when = f" on {moment.time[:10]}" if moment.time else ""
    return f"after {plural(moment.n, 'audited row')}{when}"


def _e_value(monitor: Monitor) -> str:
    bar = f"{monitor.refutes_at:,.6g} refutes"
    if monitor.claims:
        bar += f", alpha being shared among {1 + len(monitor.claims)} claims"
    return f"{_size(monitor.e_value_now)} now, {_size(monitor.e_value)} at most so far; {bar}"


def _label_claims(monitor: Monitor) -> Iterator[str]:
    """Describe the claims of single labels."""
    for claim, tally in monitor.label_claims:
        told = rate_text(
            monitor.rate_of(tally.n, tally.k), label_counted_text(claim.measure, claim.label, "audited rows")
        )
        refuted = f", refuted {_at(tally.refuted)}" if tally.refuted else ""
        yield f"{told}; {claim.level:.6g} is claimed, e-value {_size(e_value_of(tally))} at most so far{refuted}"


def _detector(monitor: Monitor) -> str:
    reference = monitor.reference
    level = f"against {reference.warning_level:.3f}"
    if reference.measured is not None and reference.measured > reference.target:
        level += f", halfway from {reference.target:.6g} to the {reference.measured:.3f} that was measured at release"
    was = monitor.tally.warned
    gone = f"\nwarned {_at(was)}; the evidence is gone by now" if was and not monitor.tally.is_warning else ""
    return f"{_size(monitor.detector)} now; {WARNING_BAR:,} warns, {level}{gone}"


def _size(value: float) -> str:
    """Return a number of evidence: no more digits than matter."""
    return "over 1,000,000" if value > _LARGEST else f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _audit(monitor: Monitor) -> str:
    tally = monitor.tally
    draws, lines = tally.draws, [f"{tally.audited:,} of {plural(tally.rows, 'row')} audited"]
    if not draws.explain(tally.audited):
        lines.append(
            f"WARNING: by their rates {draws.expected:,.0f} were to be audited: rows are missing from the log, or were added, "
            "and agreement is that of those that are here\ngive every line that the app logged, and nothing that it did not"
        )
    if draws.least < draws.greatest:
        lines.append(
            f"at rates from {draws.least:.4g} to {draws.greatest:.4g}: agreement is mostly that of when the rate was high; "
            "'tracer-spec verify' weighs the rows"
        )
    if tally.unanswered:
        lines.append(f"{tally.unanswered:,} of them not answered by the teacher, and not counted for agreement")
    if tally.unknown:
        lines.append(
            f"{tally.unknown:,} of them with an answer that is no label of the bundle; where handled, a disagreement"
        )
    if tally.failed:
        lines.append(f"{plural(tally.failed, 'row')} that nobody answered, counted for coverage and drift alone")
    return "\n".join(lines)


def _drift(monitor: Monitor) -> str:
    """Tell the effect size beside what chance alone explains; silence of the test is not sameness."""
    drift = monitor.drift
    if drift is None:
        return "not measured: the bundle holds no scores to compare with"
    seen = "no change was seen, which is no evidence that there is none"
    if drift.is_seen:
        seen = "the traffic has changed, and the claim is about traffic like the traces"
    rows = f"{plural(drift.n_certify, 'certify row')} and {plural(drift.n, 'row')} since"
    return f"distance {drift.distance:.3f} between the acceptance scores of {rows}; chance explains {drift.chance:.3f}\n{seen}"


def _moved(who: str, found: Sequence[Moved], is_known: bool) -> str:
    if not is_known:
        return f"{who}: not compared, since the bundle does not tell how often each label came"
    shares = [f"'{one_line(each.label)}' {each.was:.3f} to {each.now:.3f}" for each in found]
    return f"{who}: {listing(shares, _SHOWN_LABELS)}" if found else f"{who}: none has moved by more than noise"


def _log(monitor: Monitor, reading: Reading) -> str:
    """Account for every line."""
    tally = monitor.tally
    span = f", {tally.first[:10]} to {tally.last[:10]}" if tally.first else ""
    lines = [f"{plural(tally.rows, 'row')} of this bundle{span}; {plural(reading.n_lines, 'line')} read in this run"]
    if tally.versions:
        lines.append(f"of other bundles, not counted: {counted_names(_falling(tally.versions))}")
    if n_timeless := tally.passed_over.get(NO_TIME, 0):
        lines.append(
            f"{plural(n_timeless, 'row')} without a time in ISO 8601: counted in the order of its file, and in no day"
        )
    if passed_over := {why: n for why, n in tally.passed_over.items() if why != NO_TIME}:
        lines.append(f"passed over: {reasons(_falling(passed_over))}")
    return "\n".join([*lines, *(one_line(note, 300) for note in reading.notes)])


def _falling(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
