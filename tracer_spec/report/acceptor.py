"""Acceptance scores: what they are worth, and where the threshold cuts."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.audit import Histogram, ScoreBin, StageScores
from tracer_spec.report.charts import Spec, chart, level_line
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import OLDER, Absent, Chart, Room, Section
from tracer_spec.text_format import as_share, count, plural

TITLE = "The acceptor: scores and what they are worth"


def acceptor(documents: Documents, _room: Room) -> Section | Absent:
    """Show the scores of each stage, and its reliability."""
    found = documents.audit.stages
    if found is None:
        return Absent(TITLE, OLDER)
    gated = [(number, stage) for number, stage in enumerate(found, start=1) if stage.acceptor]
    if not gated:
        return Absent(TITLE, "the policy that ships has no acceptor: it answers whatever reaches it")
    charts: list[Chart] = []
    return Section(
        id="acceptor",
        title=TITLE,
        shows="First, which acceptance scores rows get where the surrogate agrees with the teacher and where it does not, "
        "each as shares of its own, and where the threshold cuts. Second, how often rows of like scores agree: on the "
        "diagonal, scores are what they say.",
        caveat="Estimates from fit rows, out of fold. The threshold is what was certified, not the scores: a reliable score "
        "makes for more coverage, and an unreliable one breaks no claim.",
        view={"stages": [_stage(number, stage, charts) for number, stage in gated]},
        charts=charts,
    )


def _stage(number: int, stage: StageScores, charts: list[Chart]) -> dict[str, Any]:
    """Return the view of a stage, and add its charts."""
    view: dict[str, Any] = {"number": number, "stage": stage, "histogram": None, "reliability": None, "scores": []}
    if stage.scores is not None and sum(stage.scores.agree) + sum(stage.scores.disagree):
        view["histogram"] = f"scores-{number}"
        edges = zip(stage.scores.edges, stage.scores.edges[1:], stage.scores.agree, stage.scores.disagree, strict=False)
        view["scores"] = [each for each in edges if each[2] + each[3]]
        says = f"Histogram of acceptance scores at stage {number}, by whether the surrogate agrees with the teacher."
        charts.append(Chart(view["histogram"], _histogram(stage.scores, stage.threshold), says))
    view["bins"] = filled = [each for each in stage.reliability if each.n]
    if filled:
        view["reliability"] = f"reliability-{number}"
        says = f"Mean acceptance score against agreement for {plural(len(filled), 'bin')} of scores at stage {number}."
        charts.append(Chart(view["reliability"], _reliability(filled, stage.threshold), says))
    return view


def _histogram(scores: Histogram, threshold: float | None) -> Spec:
    """Draw both distributions over one another, each as shares of its own rows: few disagree, and would not be seen."""
    bars = []
    for name, counts in (("agrees with the teacher", scores.agree), ("disagrees", scores.disagree)):
        whole = sum(counts)
        for low, high, n in zip(scores.edges, scores.edges[1:], counts, strict=False):
            part = n / whole if whole else None
            told = [f"{low:.2f} to {high:.2f}", name, count(n), as_share(part or 0.0)]
            bars.append({"lo": low, "hi": high, "v": name, "y": part or 0.0, "d": told})
    middle = (scores.edges[0] + scores.edges[-1]) / 2
    side = "left" if threshold is not None and threshold < middle else "right"  # where there is room for the name
    return chart("scores", bars=bars, cut=level_line(threshold, "threshold", axis="x", align=side))


def _reliability(bins: list[ScoreBin], threshold: float | None) -> Spec:
    data = []
    for each in bins:
        rate = each.agree / each.n
        told = [f"{each.low:.2f} to {each.high:.2f}", f"{each.mean_score:.3f}", as_share(rate), count(each.n)]
        data.append({"x": each.mean_score, "y": rate, "w": each.n, "d": told})
    return chart("reliability", bins=data, cut=level_line(threshold, "", axis="x"))
