"""Where traffic goes: by label, by part, and why it is deferred."""

from __future__ import annotations

from tracer_spec.flow.documents.audit import AuditDocument, Slicing
from tracer_spec.report.charts import Spec, chart, level_line
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import OLDER, Absent, Chart, Room, Section, Shown
from tracer_spec.text_format import NONE, as_share, count, listing, one_line, percent

_REASONS = {
    "handled": "handled: a stage was sure",
    "low_score": "deferred: no stage was sure enough",
    "out_of_distribution": "deferred: too far from the traces, by a guard",
    "denied_label": "deferred: the answer would be a label of defer_labels",
}
_CUTS = {"length": "By length of the request", "time": "By time", "region": "By region of the embedding space"}


def labels(documents: Documents, room: Room) -> Section | Absent:
    """Show how each label fares."""
    title, audit = "Label by label", documents.audit
    if not audit.labels:
        return Absent(title, OLDER)
    made_up = sorted(audit.unknown_labels.items(), key=lambda item: (-item[1], item[0]))
    return Section(
        id="labels",
        title=title,
        shows="How much of each label's traffic is handled, and how often the answer is the teacher's there; labels are the "
        "teacher's.",
        caveat=f"{_estimates(audit)} Nothing is claimed for a single label{_but_for(documents)}.",
        view={
            "rows": Shown.first(sorted(audit.labels, key=lambda each: (-each.n, each.label)), room.labels),
            "n_unknown": audit.n_unknown_labels,
            "unknown": Shown.first(made_up, room.pairs),
        },
    )


def _but_for(documents: Documents) -> str:
    """Say which labels have a claim after all."""
    claimed = dict.fromkeys(each.label for each in documents.certificate.labels or ())
    return f", but for what the claim above says of {listing(map(one_line, claimed), 4)}" if claimed else ""


def slices(documents: Documents, room: Room) -> Section | Absent:
    """Show how parts of the traffic fare."""
    title, audit = "Parts of the traffic", documents.audit
    if audit.slices is None:
        return Absent(title, OLDER)
    if not audit.slices:
        return Absent(title, "the traces have no lengths, times or vectors to be cut by")
    target = documents.certificate.target
    charts = [
        Chart(
            f"slices-{number}", _whiskers(each, target), f"{_CUTS[each.by]}: agreement of each part with its interval."
        )
        for number, each in enumerate(audit.slices)
    ]
    named = f"{percent(audit.interval_confidence)} " if audit.interval_confidence else ""
    return Section(
        id="slices",
        title=title,
        shows="Whether some traffic fares worse: by the length of the request, by its time, and by regions of the embedding "
        f"space that were found without labels. Whiskers are {named}intervals of the agreement, each for its part alone.",
        caveat=f"{_estimates(audit)} Among many parts some intervals miss; nothing is claimed for a part.",
        view={
            "cuts": [
                {"title": _CUTS[each.by], "chart": chart.id, "parts": Shown.first(each.parts, room.rows)}
                for each, chart in zip(audit.slices, charts, strict=True)
            ]
        },
        charts=charts,
    )


def _whiskers(slicing: Slicing, target: float | None) -> Spec:
    names = [one_line(": ".join([part.name, *(part.labels or ())[:1]]), 70) for part in slicing.parts[:40]]
    data = []
    for name, part in zip(names, slicing.parts, strict=False):
        if part.agreement is not None:
            low, high = part.interval or (part.agreement, part.agreement)
            span = f"{as_share(low)} to {as_share(high)}" if part.interval else NONE
            told = [name, count(part.n), as_share(part.coverage), as_share(part.agreement), span]
            data.append({"y": name, "x": part.agreement, "lo": low, "hi": high, "d": told})
    goal = [target] if target else []
    ends = [part.interval or (part.agreement,) * 2 for part in slicing.parts[:40] if part.agreement is not None]
    return chart(
        "slices",
        points=data,
        names=names,
        domain=[
            max(0.0, min([*(low for low, _ in ends), *goal], default=0.0) - 0.01),
            min(1.0, max([*(high for _, high in ends), *goal], default=1.0) + 0.01),
        ],
        height=max(80, 22 * len(data) + 8),
        goal=level_line(target or None, "", axis="x"),
    )


def reasons(documents: Documents, room: Room) -> Section | Absent:
    """Show why rows are deferred, and what the guards kept away."""
    title, audit = "Why requests are deferred", documents.audit
    if audit.reasons is None:
        return Absent(title, OLDER)
    counts = {name: getattr(audit.reasons, name) for name in _REASONS}
    whole = sum(counts.values())
    rows = [
        {"reason": _REASONS[name], "n": n, "share": n / whole if whole else None}
        for name, n in counts.items()
        if n or name == "handled"
    ]
    guarded = ", what each guard kept away, and how much of that would have had the teacher's label"
    unlike = " A guard is meant for traffic unlike the traces, of which these rows hold little."
    return Section(
        id="reasons",
        title=title,
        shows=f"What became of the fit rows{guarded if audit.guards else ''}.",
        caveat=_estimates(audit) + (unlike if audit.guards else ""),
        view={"rows": rows, "guards": Shown.first(audit.guards or (), room.rows)},
    )


def _estimates(audit: AuditDocument) -> str:
    """Say what the rates are counted on."""
    sample = (
        f"{audit.n:,} of {audit.n_fit:,} fit rows, a sample that is like the traffic" if audit.n_fit else "fit rows"
    )
    return f"Estimates from {sample}, out of fold."
