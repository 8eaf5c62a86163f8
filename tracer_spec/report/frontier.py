"""The Pareto front: what the build had to choose from."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.frontier import Proposed, ProposedChain
from tracer_spec.report import charts
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import NONE, count, level, percent, shown
from tracer_spec.report.section import Absent, Chart, Room, Section, Shown

TITLE = "Coverage against agreement"
_Placed = tuple[ProposedChain, Proposed]


def front(facts: Facts, room: Room) -> Section | Absent:
    """Show every candidate, the front, and the one that ships."""
    placed = [(chain, candidate) for chain in facts.frontier.chains for candidate in chain.candidates]
    if not placed:
        return Absent(TITLE, "the bundle lists no candidates")
    on_front = sorted((each for each in placed if each[1].front), key=lambda each: each[1].coverage)
    chosen = [each for each in placed if each[1].chosen]
    kept = _thinned(placed, room.candidates)
    return Section(
        id="front",
        title=TITLE,
        shows=f"Each point is one of the {count(len(placed))} policies that were considered: how much traffic it would handle, "
        "and how often it would agree with the teacher there. The line joins the front, those that no other beats at both.",
        caveat="Both are estimates from fit rows, out of fold. A point above the target is not certified by that.",
        view={
            "rows": Shown.first(tuple(_cells(*each) for each in on_front), room.rows),
            "zoo": facts.frontier.zoo,
            "drawn": len(kept),
            "considered": len(placed),
        },
        charts=(Chart("front", _chart(kept, on_front, chosen, facts.certificate), _says(placed, on_front, chosen)),),
    )


def _thinned(placed: list[_Placed], limit: int) -> list[_Placed]:
    """Keep the front, what is chosen, and every so manieth of the others."""
    must = [each for each in placed if each[1].front or each[1].chosen]
    others = [each for each in placed if not (each[1].front or each[1].chosen)]
    room = max(1, limit - len(must))
    return must[:limit] + others[:: -(-len(others) // room) or 1]


def _cells(chain: ProposedChain, candidate: Proposed) -> dict[str, Any]:
    return {
        "family": shown(chain.family, 40),
        "surrogates": shown(" then ".join(chain.surrogates), 80),
        "coverage": candidate.coverage,
        "agreement": candidate.agreement,
        "thresholds": _thresholds(candidate),
        "chosen": candidate.chosen,
    }


def _thresholds(candidate: Proposed) -> str:
    return ", ".join("all" if each is None else f"{each:.4f}" for each in candidate.thresholds or ()) or NONE


def _point(chain: ProposedChain, candidate: Proposed) -> dict[str, Any]:
    return {
        "x": round(candidate.coverage, 5),
        "y": round(candidate.agreement, 5),
        "f": shown(chain.family, 40),
        "on": candidate.front,
        "d": [
            shown(chain.family, 40),
            shown(" then ".join(chain.surrogates), 80),
            percent(candidate.coverage),
            percent(candidate.agreement),
            _thresholds(candidate),
        ],
    }


def _chart(
    kept: list[_Placed], on_front: list[_Placed], chosen: list[_Placed], certificate: CertificateDocument
) -> dict[str, Any]:
    families = sorted({shown(chain.family, 40) for chain, _ in kept})
    x, y = charts.rates("x", "Coverage (estimate)"), charts.rates("y", "Agreement (estimate)")
    x["scale"]["domain"] = [0, 1]
    lowest = min(candidate.agreement for _, candidate in kept)
    y["scale"]["domain"] = [max(0.0, min(lowest, certificate.target or 1.0) - 0.01), 1]
    points = {
        "data": {"values": [_point(*each) for each in kept]},
        "params": [charts.nearest("near")],
        "mark": {"type": "point", "filled": True, **charts.DETAILS},
        "encoding": {
            "x": x,
            "y": y,
            "color": charts.colours("f", families, charts.FAMILY_COLOURS),
            "shape": charts.shapes("f", families),
            "size": {"condition": {"param": "near", "empty": False, "value": 130}, "value": 34},
            "opacity": {
                "condition": [{"param": "near", "empty": False, "value": 1}, {"test": "datum.on", "value": 0.95}],
                "value": 0.3,
            },
        },
    }
    line = {
        "data": {"values": [{"x": each.coverage, "y": each.agreement} for _, each in on_front]},
        "mark": {"type": "line", "stroke": "var(--ink)", "strokeWidth": 1.5, "opacity": 0.55},
        "encoding": {"x": x, "y": y},
    }
    layers = [*_target(certificate), line, points]
    if chosen:
        layers += _ring(chosen[0], x, y)
    names = ("Family", "Surrogates", "Coverage", "Agreement", "Thresholds")
    return charts.layered(layers, height=380, details=names)


def _ring(chosen: _Placed, x: Any, y: Any) -> list[dict[str, Any]]:
    """Mark what ships."""
    data = {"values": [_point(*chosen)]}
    side: dict[str, Any] = {"align": "left", "dx": 12, "dy": -12}
    if chosen[1].coverage > 0.93:
        side = {"align": "center", "dx": 0, "dy": -20}
    halo = {"stroke": "var(--paper)", "strokeWidth": 5, "fill": "var(--paper)"}
    ring = {"type": "point", "filled": False, "size": 260, "stroke": "var(--ink)", "strokeWidth": 2.5, "opacity": 1}
    name = {"type": "text", "text": "ships", "fontWeight": 600, "fontSize": 13, **side}
    return [{"data": data, "mark": mark, "encoding": {"x": x, "y": y}} for mark in (ring, {**name, **halo}, name)]


def _target(certificate: CertificateDocument) -> list[dict[str, Any]]:
    """Draw the target: a level, or, for a target over all traffic, the agreement that it takes at each coverage."""
    target = certificate.target
    if target is None:
        return []
    if certificate.measure == "agreement":
        return charts.level_line(target, f"target {level(target)}", axis="y")
    steps = [index / 100 for index in range(1, 101)]
    curve = [{"x": x, "y": max(0.0, 1 - (1 - target) / x)} for x in steps]
    return [
        {
            "data": {"values": curve},
            "mark": {"type": "line", "strokeDash": [5, 4], "stroke": "var(--ink)", "clip": True},
            "encoding": {"x": charts.rates("x", "Coverage (estimate)"), "y": charts.rates("y", "Agreement (estimate)")},
        }
    ]


def _says(placed: list[_Placed], on_front: list[_Placed], chosen: list[_Placed]) -> str:
    told = f"Scatter plot of {count(len(placed))} policies, estimated coverage against estimated agreement"
    if on_front:
        least, most = on_front[0][1], on_front[-1][1]
        told += (
            f"; the front runs from coverage {percent(least.coverage)} with agreement {percent(least.agreement)} "
            f"to coverage {percent(most.coverage)} with agreement {percent(most.agreement)}"
        )
    if chosen:
        ships = chosen[0][1]
        told += f"; the one that ships has coverage {percent(ships.coverage)}, agreement {percent(ships.agreement)}"
    return f"{told}."
