"""Where traffic goes: by label, by the way it takes, by part, and why it is deferred."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.audit import Counts, Slicing
from tracer_spec.report import charts
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import NONE, count, level, percent, share, shown
from tracer_spec.report.section import OLDER, Absent, Chart, Room, Section, Shown

_REASONS = {
    "handled": "handled: a stage was sure",
    "low_score": "deferred: no stage was sure enough",
    "out_of_distribution": "deferred: too far from the traces, by a guard",
    "denied_label": "deferred: the answer would be a label of defer_labels",
}
_CUTS = {"length": "By length of the request", "time": "By time", "region": "By region of the embedding space"}


def labels(facts: Facts, room: Room) -> Section | Absent:
    """Show how each label fares."""
    title = "Label by label"
    found = sorted(facts.audit.labels, key=lambda each: (-each.n, each.label))
    if not found:
        return Absent(title, OLDER)
    rows = tuple({"label": shown(each.label, 100), **_rates(each)} for each in found)
    made_up = sorted(facts.audit.unknown_labels.items(), key=lambda item: (-item[1], item[0]))
    return Section(
        id="labels",
        title=title,
        shows="How much of each label's traffic is handled, and how often the answer is the teacher's there; labels are the "
        "teacher's.",
        caveat="Estimates from fit rows, out of fold. Nothing is claimed for a single label.",
        view={
            "rows": Shown.first(rows, room.labels),
            "n_unknown": facts.audit.n_unknown_labels,
            "unknown": Shown.first(tuple((shown(name, 80), n) for name, n in made_up), room.pairs),
        },
    )


def _rates(tally: Counts) -> dict[str, Any]:
    return {
        "n": tally.n,
        "handled": tally.handled,
        "deferred": tally.n - tally.handled,
        "coverage": share(tally.handled, tally.n),
        "agreement": share(tally.agree, tally.handled),
    }


def slices(facts: Facts, room: Room) -> Section | Absent:
    """Show how parts of the traffic fare."""
    title = "Parts of the traffic"
    if facts.audit.slices is None:
        return Absent(title, OLDER)
    if not facts.audit.slices:
        return Absent(title, "the traces have no lengths, times or vectors to be cut by")
    found = [each for each in facts.audit.slices if each.parts]
    cuts = [_cut(each, number, room) for number, each in enumerate(found)]
    confidence = facts.audit.interval_confidence
    named = f"{level(confidence)} " if confidence else ""
    return Section(
        id="slices",
        title=title,
        shows="Whether some traffic fares worse: by the length of the request, by its time, and by regions of the embedding "
        f"space that were found without labels. Whiskers are {named}intervals of the agreement, each for its part alone.",
        caveat="Estimates from fit rows, out of fold. Among many parts some intervals miss; nothing is claimed for a part.",
        view={"cuts": cuts},
        charts=tuple(
            Chart(
                cut["chart"],
                _whiskers(each, facts.certificate.target),
                f"{cut['title']}: agreement of each part with its interval.",
            )
            for cut, each in zip(cuts, found, strict=True)
        ),
    )


def _cut(slicing: Slicing, number: int, room: Room) -> dict[str, Any]:
    parts = tuple(
        {
            "name": shown(part.name, 60),
            "labels": [shown(each, 40) for each in (part.labels or ())[:5]],
            "interval": part.interval,
            **_rates(part),
        }
        for part in slicing.parts
    )
    return {
        "title": _CUTS[slicing.by],
        "chart": f"slices-{number}",
        "parts": Shown.first(parts, room.rows),
        "regions": any(part["labels"] for part in parts),
    }


def _whiskers(slicing: Slicing, target: float | None) -> dict[str, Any]:
    names = [shown(": ".join([part.name, *(part.labels or ())[:1]]), 70) for part in slicing.parts[:40]]
    data: list[dict[str, Any]] = [
        {
            "y": name,
            "x": part.agree / part.handled,
            "lo": part.interval[0] if part.interval else part.agree / part.handled,
            "hi": part.interval[1] if part.interval else part.agree / part.handled,
            "d": [
                name,
                count(part.n),
                percent(share(part.handled, part.n)),
                percent(part.agree / part.handled),
                f"{percent(part.interval[0])} to {percent(part.interval[1])}" if part.interval else NONE,
            ],
        }
        for name, part in zip(names, slicing.parts, strict=False)
        if part.handled
    ]
    y = {
        "field": "y",
        "type": "nominal",
        "sort": names,
        "title": None,
        "axis": {"labelLimit": 300, "domain": False, "ticks": False},
    }
    ends = [each[key] for each in data for key in ("lo", "hi")] + ([target] if target else [])
    domain = [max(0.0, min(ends, default=0.0) - 0.01), min(1.0, max(ends, default=1.0) + 0.01)]
    x = charts.rates("x", "Agreement of what is handled (estimate)", domain=domain)
    whisker = {
        "mark": {"type": "rule", "stroke": "var(--blue)", "strokeWidth": 2, **charts.DETAILS},
        "encoding": {"y": y, "x": {**x, "field": "lo"}, "x2": {"field": "hi"}},
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": "var(--blue)", **charts.DETAILS},
        "encoding": {"y": y, "x": x},
    }
    goal = charts.level_line(target, "", axis="x")[:1] if target else []
    shown_names = ("Part", "Rows", "Handled", "Agreement", "Interval")
    return charts.layered([*goal, whisker, point], height=max(80, 22 * len(data) + 8), details=shown_names, data=data)


def reasons(facts: Facts, room: Room) -> Section | Absent:
    """Show why rows are deferred, and what the guards kept away."""
    title = "Why requests are deferred"
    found = facts.audit.reasons
    if found is None:
        return Absent(title, OLDER)
    counts = {name: getattr(found, name) for name in _REASONS}
    whole = sum(counts.values())
    rows = [
        {"reason": _REASONS[name], "n": n, "share": share(n, whole)}
        for name, n in counts.items()
        if n or name == "handled"
    ]
    guards = tuple(
        {
            "guard": shown(each.guard, 60),
            "refused": each.refused,
            "would_agree": each.would_agree,
            "share": share(each.would_agree, each.refused),
        }
        for each in facts.audit.guards or ()
    )
    return Section(
        id="reasons",
        title=title,
        shows="What became of the fit rows"
        + (", what each guard kept away, and how much of that would have had the teacher's label." if guards else "."),
        caveat="Estimates from fit rows, out of fold. A guard is meant for traffic unlike the traces, of which these rows hold "
        "little."
        if guards
        else "Estimates from fit rows, out of fold.",
        view={"rows": rows, "guards": Shown.first(guards, room.rows)},
    )
