"""How the claim has fared since release, by the log of decisions, as a section of the page."""

from __future__ import annotations

from tracer_spec.production.monitoring.course import Progress
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.report.charts import Spec, chart, level_line
from tracer_spec.report.documents import Documents
from tracer_spec.report.monitor_facts import monitor_facts
from tracer_spec.report.section import Absent, Chart, Room, Section, Shown
from tracer_spec.stats.rate import Rate
from tracer_spec.text_format import NONE, as_share, count, percent, plural

# facts that the page has elsewhere
_ELSEWHERE = {"claim"}


def monitored(documents: Documents, room: Room) -> Section | Absent:
    """Show the audited agreement with its bound since release, and what else the log tells."""
    title = "Since release"
    if documents.followed is None:
        return Absent(title, "no log of decisions was given: report BUNDLE --log LOG")
    monitor, reading = documents.followed
    course = monitor.progress()
    told = [each for each in course if each.since.n]
    rate = "agreement" if monitor.reference.measure == "agreement" else "end-to-end rate"
    says = (
        f"The {rate} since release over {plural(len(told), 'stretch', 'stretches')} of days, with its interval: "
        f"{_interval(monitor.rate)} by now, where {percent(monitor.reference.target)} was claimed. The table below holds the "
        "numbers."
    )
    return Section(
        id="monitored",
        title=title,
        shows=f"How the claim has fared in {plural(monitor.coverage.n, 'request')} since release. Audited requests, which a "
        f"coin chose for the teacher, tell the {rate}; all requests tell coverage and drift.",
        caveat="The intervals hold at all times together, however often this page is made, for a rate that stays what it is. "
        "That the log does not refute the claim proves nothing.",
        view={
            "verdict": monitor.verdict,
            "facts": [
                (each.name, each.text) for each in monitor_facts(monitor, reading) if each.name not in _ELSEWHERE
            ],
            "course": Shown.first(course[::-1], room.rows),
            "days": monitor.tally.calendar.width,
            "rate": rate,
        },
        charts=[Chart("monitored", _chart(monitor, told), says)] if len(told) > 1 else [],
    )


def _interval(rate: Rate) -> str:
    return f"{as_share(rate.share)} in {as_share(rate.lower)} to {as_share(rate.upper)}" if rate.n else NONE


def _chart(monitor: Monitor, told: list[Progress]) -> Spec:
    """Draw the rate since release as a line in its band, the rate of each stretch as a point, and what was claimed."""
    target = monitor.reference.target
    since = [
        {"x": each.day.isoformat(), "y": each.since.share, "lo": each.since.lower, "hi": each.since.upper}
        for each in told
    ]
    points = [
        {
            "x": each.day.isoformat(),
            "y": each.own.share,
            "d": [each.day.isoformat(), count(each.own.n), as_share(each.own.share), _interval(each.since)],
        }
        for each in told
        if each.own.n
    ]
    return chart(
        "monitored", since=since, points=points, goal=level_line(target, f"claimed: {percent(target)}", axis="y")
    )
