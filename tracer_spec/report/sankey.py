"""The flow from labels to stages to outcomes, a Sankey diagram: laid out here, drawn by Vega."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracer_spec.flow.documents.audit import TEACHER
from tracer_spec.report import charts
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import count, counted, percent, share, shown
from tracer_spec.report.section import OLDER, Absent, Chart, Room, Section, Shown

TITLE = "From labels to whoever answers"
AGREES, DIFFERS = "the teacher's label", "another label"
_MOST = 15
_GAP, _LEAST = 13.0, 330.0
_STAGES = ("var(--blue)", "var(--green)", "var(--pink)")
_COLOURS = {TEACHER: "var(--orange)", DIFFERS: "var(--red)"}


@dataclass(frozen=True, slots=True)
class Link:
    """Rows that go from one node to another."""

    source: tuple[int, str]
    target: tuple[int, str]
    n: int


def flow(facts: Facts, room: Room) -> Section | Absent:
    """Show which labels each stage answers, and which go to the teacher."""
    found = facts.audit.flow
    if found is None:
        return Absent(TITLE, OLDER)
    if not found:
        return Absent(TITLE, "there were no fit rows")
    stages = sorted({each.to for each in found} - {TEACHER})
    ways = [*stages, TEACHER]
    by_label: dict[str, Counter[str]] = {}
    agrees: Counter[str] = Counter()
    for each in found:
        by_label.setdefault(each.label, Counter())[each.to] += each.n
        agrees[each.to] += each.agree or 0
    order = sorted(by_label, key=lambda label: (-by_label[label][TEACHER], -by_label[label].total(), label))
    links, n_others = _links(by_label, order, ways, agrees)
    rows = tuple(
        {"label": shown(label, 100), "ways": [by_label[label][way] for way in ways], "n": by_label[label].total()}
        for label in order
    )
    some = n_others > 0
    total = sum(counter.total() for counter in by_label.values())
    deferred = sum(counter[TEACHER] for counter in by_label.values())
    return Section(
        id="flow",
        title=TITLE,
        shows="Which requests each stage answers and which go on to the teacher, by the teacher's label"
        + (
            f"; the {_MOST} labels that send most to the teacher, and {counted(n_others, 'other')} together."
            if some
            else "."
        ),
        caveat="Counts of fit rows, out of fold; traffic of other labels in other shares would flow otherwise.",
        view={
            "ways": [_way_name(facts, way) for way in ways],
            "rows": Shown.first(rows, min(room.labels, 200)),
        },
        charts=(
            Chart(
                "flow",
                _spec(links, facts),
                f"Flow of {counted(total, 'row')}: {percent(share(total - deferred, total))} end at a stage of the router, "
                f"{percent(share(deferred, total))} at the teacher.",
            ),
        ),
    )


def _way_name(facts: Facts, way: str) -> str:
    """Name a stage with its surrogate."""
    if way == TEACHER:
        return TEACHER
    stages = enumerate(facts.bundle.manifest.policy.stages, start=1)
    names = {f"stage {number}": shown(stage.surrogate, 40) for number, stage in stages}
    return f"{way}: {names[way]}" if way in names else shown(way, 40)


def _links(
    by_label: dict[str, Counter[str]], order: Sequence[str], ways: Sequence[str], agrees: Counter[str]
) -> tuple[list[Link], int]:
    """Return the links of three columns, and how many labels are drawn as one."""
    alone = order if len(order) <= _MOST + 1 else order[:_MOST]
    rest = order[len(alone) :]
    links = [Link((0, label), (1, way), by_label[label][way]) for label in alone for way in ways]
    others: Counter[str] = Counter()
    for label in rest:
        others += by_label[label]
    # no label can be called so: the name holds a character that none is shown with
    links += [Link((0, f"\0{len(rest)} others"), (1, way), others[way]) for way in ways if rest]
    reached = Counter[str]()
    for link in links:
        reached[link.target[1]] += link.n
    for way in ways:
        if way != TEACHER:
            links.append(Link((1, way), (2, AGREES), agrees[way]))
            links.append(Link((1, way), (2, DIFFERS), max(0, reached[way] - agrees[way])))
    return [link for link in links if link.n], len(rest)


def _spec(links: Sequence[Link], facts: Facts) -> dict[str, Any]:
    """Return a Vega specification; heights are pixels, places across are shares of the width."""
    columns: list[list[tuple[int, str]]] = [[], [], []]
    through: Counter[tuple[int, str]] = Counter()
    for column in range(3):
        for link in links:
            for node in (link.source, link.target):
                if node[0] == column and node not in columns[column]:
                    columns[column].append(node)
    columns[1].sort(key=lambda node: (node[1] == TEACHER, node[1]))
    for node in (node for column in columns for node in column):
        through[node] = max(
            sum(link.n for link in links if link.source == node), sum(link.n for link in links if link.target == node)
        )
    height = max(_LEAST, 24.0 * len(columns[0]))
    gaps = [_GAP if number == 0 else 3 * _GAP for number in range(3)]
    total = max(1, sum(through[node] for node in columns[0]))
    free = height - max(gap * (len(column) - 1) for gap, column in zip(gaps, columns, strict=True))
    scale = free / total
    tops: dict[tuple[int, str], float] = {}
    for gap, nodes in zip(gaps, columns, strict=True):
        used = sum(through[node] for node in nodes) * scale + gap * (len(nodes) - 1)
        y = (height - used) / 2
        for node in nodes:
            tops[node] = y
            y += through[node] * scale + gap
    return _marks(*_placed(links, columns, through, tops, scale, facts), height)


def _placed(
    links: Sequence[Link],
    columns: Sequence[Sequence[tuple[int, str]]],
    through: Counter[tuple[int, str]],
    tops: dict[tuple[int, str], float],
    scale: float,
    facts: Facts,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return nodes and links with their places."""
    whole = max(1, sum(through[node] for node in columns[0]))
    names = {node: _node_name(facts, node) for node in tops}
    nodes = [
        {
            "column": node[0],
            "y0": round(top, 2),
            "y1": round(top + max(1.0, through[node] * scale), 2),
            "name": names[node],
            "told": names[node] if node[0] == 0 else f"{names[node]}, {percent(through[node] / whole)}",
            "brief": _brief(node, through[node] / whole),
            "fill": _colour(node),
            "rows": count(through[node]),
            "share": percent(through[node] / whole),
        }
        for node, top in tops.items()
    ]
    out, into = dict(tops), dict(tops)
    position = {node: place for column in columns for place, node in enumerate(column)}
    drawn = []
    for link in sorted(links, key=lambda each: (each.source[0], position[each.source], position[each.target])):
        thick = link.n * scale
        start, end = out[link.source], into[link.target]
        out[link.source] += thick
        into[link.target] += thick
        drawn.append(
            {
                "from": names[link.source],
                "to": names[link.target],
                "column": link.source[0],
                "a0": round(start, 2),
                "a1": round(start + max(0.7, thick), 2),
                "b0": round(end, 2),
                "b1": round(end + max(0.7, thick), 2),
                "fill": _colour(link.target if link.target[1] != AGREES else link.source),
                "rows": count(link.n),
                "share": percent(link.n / whole),
            }
        )
    return nodes, drawn


def _brief(node: tuple[int, str], part: float) -> str:
    """Name a node where there is little room."""
    column, name = node
    if column == 0:
        return shown(name.removeprefix("\0"), 40)
    brief = {AGREES: "agrees", DIFFERS: "differs"}.get(name, shown(name, 14))
    return f"{brief}, {percent(part, 0)}"


def _node_name(facts: Facts, node: tuple[int, str]) -> str:
    column, name = node
    if column == 1:
        return _way_name(facts, name)
    return shown(name.removeprefix("\0"), 40)


def _colour(node: tuple[int, str]) -> str:
    column, name = node
    if column == 0:
        return "var(--muted)"
    if name in _COLOURS:
        return _COLOURS[name]
    number = name.removeprefix("stage ")
    return _STAGES[(int(number) - 1) % len(_STAGES)] if number.isdecimal() else _STAGES[0]


def _marks(nodes: list[dict[str, Any]], links: list[dict[str, Any]], height: float) -> dict[str, Any]:
    across = "isFinite(containerSize()[0]) ? containerSize()[0] : 700"
    text = {
        "baseline": {"value": "middle"},
        "fontSize": {"signal": "narrow ? 11 : 12"},
        "font": {"value": charts.FONT},
        "fill": {"value": "var(--ink)"},
        "text": {"signal": "narrow ? datum.brief : datum.told"},
        "x": {"signal": "datum.column === 0 ? left - 8 : (datum.column === 1 ? middle : right) + 18"},
        "y": {"signal": "(datum.y0 + datum.y1) / 2"},
        "align": {"signal": "datum.column === 0 ? 'right' : 'left'"},
        "limit": {
            "signal": "datum.column === 0 ? left - 12 : datum.column === 1 ? right - middle : width - right - 18"
        },
    }
    halo = text | {"stroke": {"value": "var(--paper)"}, "strokeWidth": {"value": 4}, "strokeOpacity": {"value": 0.8}}
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "height": height,
        "autosize": {"type": "none", "contains": "padding"},
        "padding": 6,
        "signals": [
            {"name": "width", "init": across, "on": [{"events": "window:resize", "update": across}]},
            {"name": "narrow", "update": "width < 520"},
            {"name": "left", "update": "narrow ? 96 : 200"},
            {"name": "right", "update": "width - (narrow ? 104 : 200)"},
            {"name": "middle", "update": "left + (right - left) * (narrow ? 0.4 : 0.52)"},
        ],
        "data": [{"name": "nodes", "values": nodes}, {"name": "links", "values": links}],
        "marks": [
            {
                "type": "path",
                "from": {"data": "links"},
                "encode": {
                    "enter": {
                        "fill": {"field": "fill"},
                        "tooltip": {
                            "signal": "{From: datum.from, To: datum.to, Rows: datum.rows, 'Of all': datum.share}"
                        },
                    },
                    "update": {"path": {"signal": _ribbon()}, "fillOpacity": {"value": 0.32}},
                    "hover": {"fillOpacity": {"value": 0.65}},
                },
            },
            {
                "type": "rect",
                "from": {"data": "nodes"},
                "encode": {
                    "enter": {
                        "y": {"field": "y0"},
                        "y2": {"field": "y1"},
                        "width": {"value": 12},
                        "fill": {"field": "fill"},
                        "tooltip": {"signal": "{At: datum.name, Rows: datum.rows, 'Of all': datum.share}"},
                    },
                    "update": {"x": {"signal": "datum.column === 0 ? left : datum.column === 1 ? middle : right"}},
                },
            },
            {"type": "text", "from": {"data": "nodes"}, "interactive": False, "encode": {"update": halo}},
            {"type": "text", "from": {"data": "nodes"}, "interactive": False, "encode": {"update": text}},
        ],
    }


def _ribbon() -> str:
    """Return the expression of a link's outline: a stroke as wide as the link would bulge where the bend is tight."""
    start = "(datum.column === 0 ? left : middle) + 12"
    end = "(datum.column === 0 ? middle : right)"
    half = f"(({start}) + {end}) / 2"
    return (
        f"'M' + ({start}) + ',' + datum.a0 + 'C' + {half} + ',' + datum.a0 + ',' + {half} + ',' + datum.b0"
        f" + ',' + {end} + ',' + datum.b0 + 'V' + datum.b1"
        f" + 'C' + {half} + ',' + datum.b1 + ',' + {half} + ',' + datum.a1 + ',' + ({start}) + ',' + datum.a1 + 'Z'"
    )
