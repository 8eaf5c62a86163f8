"""Facts about a log that a verdict does not tell: whether it goes on, whether the teacher answers, and which one it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracer_spec.flow.traces.time_gaps import gap_text
from tracer_spec.production.monitoring.course import LateCoverage, Silence, gap_of, late_coverage, silence
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import DUPLICATE, Monitor
from tracer_spec.production.monitoring.reference import AGREEMENT
from tracer_spec.production.monitoring.tally import TeacherTally, time_of
from tracer_spec.report.facts import Fact
from tracer_spec.text_format import listing, one_line, plural

_A_DAY = timedelta(days=1)
_SHOWN_TEACHERS = 5
# of all rows
_MOST_RETRIES = 0.25


def has_stopped(monitor: Monitor, now: datetime) -> bool:
    """Return whether the last decision is older than a day."""
    last = time_of(monitor.tally.last)
    return last is not None and now - last > _A_DAY


def last_line(monitor: Monitor, reading: Reading, now: datetime) -> Iterator[Fact]:
    """Yield when the last decision was, where nothing is new, or that is long ago or still to come."""
    last, is_old = time_of(monitor.tally.last), has_stopped(monitor, now)
    if last is not None and last - now > _A_DAY:
        text = (
            f"WARNING: the last decision was {_moment(monitor.tally.last)}, which is still to come\na clock was wrong: until "
            "then nothing tells that the log stops, and the course over time has the wrong days"
        )
        yield Fact("last line", text, "warning", title="a clock of the log is wrong")
        return
    told = [] if last is None else [f"the last decision was {_moment(monitor.tally.last)}"]
    if is_old and last is not None:
        told[0] += f", {plural((now - last).days, 'day')} ago"
    told += [] if reading.n_lines else ["no line is new in this run"]
    if is_old:
        text = f"WARNING: {'; '.join(told)}\nthe verdict is of the log until then: is the app running, and does it log to here?"
        yield Fact("last line", text, "warning", title="the log has stopped")
    elif not reading.n_lines:
        yield Fact("last line", "; ".join(told))


def gap(monitor: Monitor) -> Iterator[Fact]:
    """Yield that rows of a log are far from its others in time, as by a clock that was wrong."""
    if (found := gap_of(monitor.tally.calendar)) is not None:
        told = gap_text(found.after, found.before, found.n_before, monitor.tally.rows, "row")
        text = (
            f"WARNING: {told}\na clock was wrong, the app was off, or part of the log is missing: where it is a clock, the "
            "course over time has the wrong days, and a fall can stand where it was not"
        )
        yield Fact("gap", text, "warning", title="rows of the log are far from the others in time")


def silence_of(monitor: Monitor) -> Silence | None:
    """Return the last days in which no audited row tells of the claim; None where chance explains them."""
    tally, of_handled = monitor.tally, monitor.reference.measure == AGREEMENT
    found = silence(tally.calendar, tally.draws.least_above_zero, of_handled=of_handled)
    return None if found is None or found.is_by_chance else found


def last_audit(monitor: Monitor) -> Iterator[Fact]:
    """Yield that no audited row has told of the claim lately: the verdict is an old one."""
    if (found := silence_of(monitor)) is not None:
        kind = " that are handled" if monitor.reference.measure == AGREEMENT else ""
        text = (
            f"WARNING: since {found.day.isoformat()} no audited row tells of the claim, of {plural(found.rows, 'row')}{kind}; "
            f"by how often they did before, at least {found.expected:,.0f} would\n"
            "the verdict is of the log until then: is the audit on (audit=0.02), and does the teacher answer?"
        )
        yield Fact("last audit", text, "warning", title="the audit has stopped")


def late_coverage_of(monitor: Monitor) -> LateCoverage | None:
    """Return the coverage of the last days, at the confidence of all that the monitor tells."""
    return late_coverage(monitor.tally.calendar, 1 - monitor.alpha)


def coverage_lately(monitor: Monitor) -> str:
    """Say that the router handles far less than it did; empty where it does not."""
    found = late_coverage_of(monitor)
    if found is None or not found.has_fallen:
        return ""
    share = f"{found.late.share:.3f} in [{found.late.lower:.3f}, {found.late.upper:.3f}]"
    return (
        f"WARNING: since {found.day.isoformat()} it is {share}, {found.late.k:,} of {plural(found.late.n, 'row')}, and was "
        f"{found.before.share:.3f} before\nhas the traffic changed, or does the embedder fail? 'deferred' counts why, and "
        "'unavailable' is an embedder that failed"
    )


def repeated_ids(monitor: Monitor) -> Iterator[Fact]:
    """Yield that requests may share their ids, where more lines repeat one than retries explain: only the first ones count."""
    n, n_rows = monitor.tally.passed_over.get(DUPLICATE, 0), monitor.tally.rows
    if n > _MOST_RETRIES * n_rows:
        text = (
            f"WARNING: {plural(n, 'line')} repeat the id of another and tell nothing; {plural(n_rows, 'row')} are left\n"
            "a request that is made again counts once; where different requests share an id, as that of a user or a "
            "conversation, only the first of them count, which are no sample of the traffic"
        )
        yield Fact("ids", text, "warning", title="many lines repeat the id of another")


def unanswered(monitor: Monitor) -> Iterator[Fact]:
    """Yield that the teacher fails, where it fails more than now and then: nothing is tested meanwhile."""
    answers = monitor.tally.answers
    if answers.is_silent:
        since = f"; the teacher's last answer was {_moment(answers.last)}" if answers.last else ""
        n_asked = plural(answers.n_latest, "request")
        text = (
            f"WARNING: of the last {n_asked} to the teacher {answers.n_silent:,} were not answered, and tell nothing of "
            f"agreement{since}\nis it up, and does it take the app's key?"
        )
        yield Fact("unanswered", text, "warning", title="the teacher does not answer")


def teachers_of(monitor: Monitor) -> list[tuple[str, TeacherTally]]:
    """Return the teachers of audited rows, in the order in which they came."""
    return sorted(monitor.tally.teachers.items(), key=lambda each: (not each[1].first, each[1].first, each[0]))


def have_changed(monitor: Monitor) -> bool:
    """Return whether audited rows have several teachers; a name with a date and the same one without are one."""
    from tracer_spec.flow.traces.teachers import same_names

    return len(set(same_names(set(monitor.tally.teachers)).values())) > 1


def teachers(monitor: Monitor) -> Iterator[Fact]:
    """Yield who answered audited rows, how often and since when."""
    named = teachers_of(monitor)
    told = listing((f"'{one_line(name)}' {each.n:,}{_span(each)}" for name, each in named), _SHOWN_TEACHERS)
    if named and have_changed(monitor):
        text = (
            f"WARNING: audited rows have {plural(len(named), 'teacher')}: {told}\na certificate speaks of one teacher, "
            "unchanged: certify the next bundle on the rows of the newest, by 'split.certify_where'"
        )
        yield Fact("teachers", text, "warning", title="the teacher has changed")
    elif named:
        yield Fact("teacher", told)


def _span(teacher: TeacherTally) -> str:
    ends = [f"{time[:10]} {time[11:16]}" for time in (teacher.first, teacher.last) if time]
    return f" ({' to '.join(ends)})" if ends else ""


def _moment(time: str) -> str:
    return f"on {time[:10]} at {time[11:16]} UTC"
