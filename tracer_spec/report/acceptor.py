"""Whether acceptance scores mean what they say, and where the threshold cuts."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.audit import Histogram, ScoreBin, StageScores
from tracer_spec.report import charts
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import count, counted, percent, share, shown
from tracer_spec.report.section import OLDER, Absent, Chart, Room, Section

TITLE = "The acceptor: scores and what they are worth"


def acceptor(facts: Facts, _room: Room) -> Section | Absent:
    """Show the scores of each stage, and its reliability."""
    found = facts.audit.stages
    if found is None:
        return Absent(TITLE, OLDER)
    gated = [(number, stage) for number, stage in enumerate(found, start=1) if stage.acceptor]
    if not gated:
        return Absent(TITLE, "the policy that ships has no acceptor: it answers whatever reaches it")
    drawn = []
    stages = []
    for number, stage in gated:
        view, made = _stage(number, stage)
        stages.append(view)
        drawn += made
    return Section(
        id="acceptor",
        title=TITLE,
        shows="First, which acceptance scores rows get where the surrogate agrees with the teacher and where it does not, "
        "each as shares of its own, and where the threshold cuts. Second, how often rows of like scores agree: on the "
        "diagonal, scores are what they say.",
        caveat="Estimates from fit rows, out of fold. The threshold is what was certified, not the scores: a reliable score "
        "makes for more coverage, and an unreliable one breaks no claim.",
        view={"stages": stages},
        charts=tuple(drawn),
    )


def _stage(number: int, stage: StageScores) -> tuple[dict[str, Any], list[Chart]]:
    view: dict[str, Any] = {
        "number": number,
        "surrogate": shown(stage.surrogate, 60),
        "acceptor": shown(stage.acceptor or "", 60),
        "threshold": stage.threshold,
        "histogram": None,
        "reliability": None,
        "bins": [],
        "scores": [],
    }
    made = []
    if stage.scores is not None and sum(stage.scores.agree) + sum(stage.scores.disagree):
        view["histogram"] = f"scores-{number}"
        view["scores"] = _score_rows(stage.scores)
        says = f"Histogram of acceptance scores at stage {number}, by whether the surrogate agrees with the teacher."
        made.append(Chart(view["histogram"], _histogram(stage.scores, stage.threshold), says))
    filled = [each for each in stage.reliability if each.n]
    if filled:
        view["reliability"] = f"reliability-{number}"
        view["bins"] = [
            {
                "low": each.low,
                "high": each.high,
                "n": each.n,
                "mean": each.mean_score,
                "agreement": share(each.agree, each.n),
            }
            for each in filled
        ]
        says = f"Mean acceptance score against agreement for {counted(len(filled), 'bin')} of scores at stage {number}."
        made.append(Chart(view["reliability"], _reliability(filled, stage.threshold), says))
    return view, made


def _score_rows(scores: Histogram) -> list[dict[str, Any]]:
    edges = zip(scores.edges, scores.edges[1:], scores.agree, scores.disagree, strict=False)
    return [{"low": low, "high": high, "agree": yes, "disagree": no} for low, high, yes, no in edges if yes + no]


def _histogram(scores: Histogram, threshold: float | None) -> dict[str, Any]:
    """Draw both distributions over one another, each as shares of its own rows: few disagree, and would not be seen."""
    names = ["agrees with the teacher", "disagrees"]
    data = []
    for name, counts in zip(names, (scores.agree, scores.disagree), strict=True):
        for low, high, n in zip(scores.edges, scores.edges[1:], counts, strict=False):
            part = share(n, sum(counts)) or 0.0
            span = f"{low:.2f} to {high:.2f}"
            data.append({"lo": low, "hi": high, "v": name, "y": part, "d": [span, name, count(n), percent(part)]})
    bars = {
        "data": {"values": data},
        "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 0.5, **charts.DETAILS},
        "encoding": {
            "x": charts.numbers("lo", "Acceptance score", nice=False, zero=False),
            "x2": {"field": "hi"},
            "y": {**charts.rates("y", "Share of such rows"), "scale": {"zero": True}},
            "y2": {"datum": 0},
            "color": charts.colours("v", names, ["var(--blue)", "var(--red)"]),
            "opacity": {"value": 0.62},
        },
    }
    cut = (
        [] if threshold is None else charts.level_line(threshold, "threshold", axis="x", align=_side(scores, threshold))
    )
    return charts.layered([bars, *cut], height=240, details=("Score", "Surrogate", "Rows", "Share"))


def _side(scores: Histogram, threshold: float) -> str:
    """Put the threshold's name where there is room."""
    return "left" if threshold < (scores.edges[0] + scores.edges[-1]) / 2 else "right"


def _reliability(bins: list[ScoreBin], threshold: float | None) -> dict[str, Any]:
    data = [
        {
            "x": each.mean_score,
            "y": each.agree / each.n,
            "w": each.n,
            "d": [
                f"{each.low:.2f} to {each.high:.2f}",
                f"{each.mean_score:.3f}",
                percent(each.agree / each.n),
                count(each.n),
            ],
        }
        for each in bins
    ]
    x = charts.numbers("x", "Mean acceptance score", domain=[0, 1], nice=False)
    y = charts.rates("y", "Agreement", domain=[0, 1])
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "stroke": "var(--line-strong)", "strokeDash": [2, 3]},
        "encoding": {"x": x, "y": y},
    }
    line = {
        "data": {"values": data},
        "mark": {"type": "line", "stroke": "var(--blue)", "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y},
    }
    points = {
        "data": {"values": data},
        "mark": {"type": "point", "filled": True, "color": "var(--blue)", "opacity": 1, **charts.DETAILS},
        "encoding": {
            "x": x,
            "y": y,
            "size": {"field": "w", "type": "quantitative", "legend": None, "scale": {"range": [50, 150]}},
        },
    }
    cut = [] if threshold is None else charts.level_line(threshold, "", axis="x")[:1]
    names = ("Scores", "Mean score", "Agreement", "Rows")
    return charts.layered([diagonal, *cut, line, points], height=240, details=names)
