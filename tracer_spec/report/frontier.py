"""The Pareto front: what the build had to choose from."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.frontier import Proposed, ProposedChain
from tracer_spec.report.charts import FAMILY_SHAPES, Spec, chart, level_line
from tracer_spec.report.documents import Documents
from tracer_spec.report.facts import label_names_text
from tracer_spec.report.section import Absent, Chart, Room, Section, Shown
from tracer_spec.text_format import NONE, as_share, one_line, percent, plural

TITLE = "Coverage against agreement"
_Placed = tuple[ProposedChain, Proposed]


def front(documents: Documents, room: Room) -> Section | Absent:
    """Show every candidate, the front, and the one that ships."""
    placed = [(chain, candidate) for chain in documents.frontier.chains for candidate in chain.candidates]
    if not placed:
        return Absent(TITLE, "the bundle lists no candidates")
    on_front = sorted((each for each in placed if each[1].front), key=lambda each: each[1].coverage)
    chosen = [each for each in placed if each[1].chosen][:1]
    names = documents.frontier.label_names
    kept = _thinned(placed, room.candidates)
    cells = [{"candidate": each, **_names(chain, each)} for chain, each in on_front]
    return Section(
        id="front",
        title=TITLE,
        shows=f"Each point is one of the {len(placed):,} policies that were considered: how much traffic it would handle, "
        "and how often it would agree with the teacher there. The line joins the front, those that no other beats at both.",
        caveat="Both are estimates from fit rows, out of fold. A point above the target is not certified by that.",
        view={
            "rows": Shown.first(cells, room.rows),
            "zoo": documents.frontier.zoo,
            "embedders": documents.frontier.embedders or (),
            "label_names": label_names_text(names) if names else "",
            "drawn": len(kept),
            "considered": len(placed),
        },
        charts=[Chart("front", _chart(kept, on_front, chosen, documents.certificate), _says(placed, on_front, chosen))],
    )


def _thinned(placed: list[_Placed], limit: int) -> list[_Placed]:
    """Keep the front, what is chosen, and every so manieth of the others."""
    must = [each for each in placed if each[1].front or each[1].chosen]
    others = [each for each in placed if not (each[1].front or each[1].chosen)]
    room = max(1, limit - len(must))
    return must[:limit] + others[:: -(-len(others) // room) or 1]


def _names(chain: ProposedChain, candidate: Proposed) -> dict[str, str]:
    thresholds = ["all" if each is None else f"{each:.4f}" for each in candidate.thresholds or ()]
    return {
        "family": one_line(chain.family, 40),
        "surrogates": one_line(" then ".join(chain.surrogates) + _asked(chain), 80),
        "thresholds": ", ".join(thresholds) or NONE,
    }


def _asked(chain: ProposedChain) -> str:
    """Name a chain's acceptors, where several competed."""
    return f" ({', '.join(chain.acceptors)})" if chain.acceptors else ""


def _point(chain: ProposedChain, candidate: Proposed) -> dict[str, Any]:
    names = _names(chain, candidate)
    rates = [as_share(candidate.coverage), as_share(candidate.agreement)]
    return {
        "x": round(candidate.coverage, 5),
        "y": round(candidate.agreement, 5),
        "f": names["family"],
        "on": candidate.front,
        "d": [names["family"], names["surrogates"], *rates, names["thresholds"]],
    }


def _chart(
    kept: list[_Placed], on_front: list[_Placed], chosen: list[_Placed], certificate: CertificateDocument
) -> Spec:
    families = sorted({one_line(chain.family, 40) for chain, _ in kept})
    target, lowest = certificate.target, min(candidate.agreement for _, candidate in kept)
    is_agreement = certificate.measure == "agreement"
    near_the_edge = any(candidate.coverage > 0.93 for _, candidate in chosen)
    align, dx, dy = ("center", 0, -20) if near_the_edge else ("left", 12, -12)
    return chart(
        "front",
        y_domain=[max(0.0, min(lowest, target or 1.0) - 0.01), 1],
        families=families,
        shapes=list(FAMILY_SHAPES[: max(1, len(families))]),
        points=[_point(*each) for each in kept],
        front=[{"x": each.coverage, "y": each.agreement} for _, each in on_front],
        chosen=[_point(*each) for each in chosen],
        target=level_line(target, f"target {percent(target)}", axis="y") if target and is_agreement else [],
        curve=[] if target is None or is_agreement else _end_to_end(target),
        align=align,
        dx=dx,
        dy=dy,
    )


def _end_to_end(target: float) -> list[dict[str, float]]:
    """Return the agreement that a target over all traffic takes at each coverage."""
    steps = [index / 100 for index in range(1, 101)]
    return [{"x": x, "y": max(0.0, 1 - (1 - target) / x)} for x in steps]


def _says(placed: list[_Placed], on_front: list[_Placed], chosen: list[_Placed]) -> str:
    told = (
        f"Scatter plot of {plural(len(placed), 'policy', 'policies')}, estimated coverage against estimated agreement"
    )
    if on_front:
        least, most = on_front[0][1], on_front[-1][1]
        told += (
            f"; the front runs from coverage {as_share(least.coverage)} with agreement {as_share(least.agreement)} "
            f"to coverage {as_share(most.coverage)} with agreement {as_share(most.agreement)}"
        )
    for _, ships in chosen:
        told += f"; the one that ships has coverage {as_share(ships.coverage)}, agreement {as_share(ships.agreement)}"
    return f"{told}."
