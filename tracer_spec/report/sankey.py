"""The flow from labels to stages to outcomes, a Sankey diagram: laid out here, drawn by Vega."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer_spec.flow.documents.audit import TEACHER
from tracer_spec.report.charts import Spec, chart
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import OLDER, Absent, Chart, Room, Section, Shown
from tracer_spec.text_format import as_share, count, one_line, plural

TITLE = "From labels to whoever answers"
AGREES, DIFFERS = "the teacher's label", "another label"
_BRIEF = {AGREES: "agrees", DIFFERS: "differs"}
_MOST = 15
_GAPS, _LEAST = (13.0, 39.0, 39.0), 330.0
_STAGES = ("var(--blue)", "var(--green)", "var(--pink)")
_COLOURS = {TEACHER: "var(--orange)", DIFFERS: "var(--red)"}
# a column and a name in it
Node = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Link:
    """Rows that go from one node to another."""

    source: Node
    target: Node
    n: int


def flow(documents: Documents, room: Room) -> Section | Absent:
    """Show which labels each stage answers, and which go to the teacher."""
    found = documents.audit.flow
    if not found:
        return Absent(TITLE, OLDER if found is None else "there were no fit rows")
    ways = [*sorted({each.to for each in found} - {TEACHER}), TEACHER]
    by_label: dict[str, Counter[str]] = {}
    agrees: Counter[str] = Counter()
    for each in found:
        by_label.setdefault(each.label, Counter())[each.to] += each.n
        agrees[each.to] += each.agree or 0
    order = sorted(by_label, key=lambda label: (-by_label[label][TEACHER], -by_label[label].total(), label))
    n_alone = len(order) if len(order) <= _MOST + 1 else _MOST
    links = _links(by_label, order[:n_alone], order[n_alone:], ways, agrees)
    names = _way_names(documents)
    total = sum(counter.total() for counter in by_label.values())
    deferred = sum(counter[TEACHER] for counter in by_label.values())
    others = (
        f"; the {_MOST} labels that send most to the teacher, and {plural(len(order) - n_alone, 'other')} together"
        if n_alone < len(order)
        else ""
    )
    says = (
        f"Flow of {plural(total, 'row')}: {as_share((total - deferred) / total if total else None)} end at a stage of the "
        f"router, {as_share(deferred / total if total else None)} at the teacher."
    )
    return Section(
        id="flow",
        title=TITLE,
        shows=f"Which requests each stage answers and which go on to the teacher, by the teacher's label{others}.",
        caveat="Counts of fit rows, out of fold; traffic of other labels in other shares would flow otherwise.",
        view={
            "ways": [names(way) for way in ways],
            "rows": Shown.first([(label, by_label[label], ways) for label in order], min(room.labels, 200)),
        },
        charts=[Chart("flow", _chart(links, names), says)],
    )


def _way_names(documents: Documents) -> Callable[[str], str]:
    """Return what names a stage with its surrogate."""
    stages = enumerate(documents.bundle.manifest.policy.stages, start=1)
    names = {f"stage {number}": one_line(stage.surrogate, 40) for number, stage in stages}
    return lambda way: f"{way}: {names[way]}" if way in names else one_line(way, 40)


def _links(
    by_label: Mapping[str, Counter[str]],
    alone: Sequence[str],
    rest: Sequence[str],
    ways: Sequence[str],
    agrees: Counter[str],
) -> list[Link]:
    """Return the links of three columns; the labels of the rest are drawn as one."""
    links = [Link((0, label), (1, way), by_label[label][way]) for label in alone for way in ways]
    # no label can be called so: the name holds a character that none is shown with
    others = (0, f"\0{len(rest)} others")
    links += [Link(others, (1, way), sum(by_label[label][way] for label in rest)) for way in ways]
    for way in (each for each in ways if each != TEACHER):
        reached = sum(link.n for link in links if link.target == (1, way))
        links.append(Link((1, way), (2, AGREES), agrees[way]))
        links.append(Link((1, way), (2, DIFFERS), max(0, reached - agrees[way])))
    return [link for link in links if link.n]


def _chart(links: Sequence[Link], name_of: Callable[[str], str]) -> Spec:
    """Lay the flow out: heights are pixels, places across are shares of the width."""
    ends = list(dict.fromkeys(node for link in links for node in (link.source, link.target)))
    columns = [[node for node in ends if node[0] == column] for column in range(3)]
    columns[1].sort(key=lambda node: (node[1] == TEACHER, node[1]))
    out, into = Counter[Node](), Counter[Node]()
    for link in links:
        out[link.source] += link.n
        into[link.target] += link.n
    through = {node: max(out[node], into[node]) for node in ends}
    whole = max(1, sum(through[node] for node in columns[0]))
    height = max(_LEAST, 24.0 * len(columns[0]))
    spaces = [gap * (len(column) - 1) for gap, column in zip(_GAPS, columns, strict=True)]
    scale = (height - max(spaces)) / whole
    tops: dict[Node, float] = {}
    for gap, space, column in zip(_GAPS, spaces, columns, strict=True):
        y = (height - sum(through[node] for node in column) * scale - space) / 2
        for node in column:
            tops[node] = y
            y += through[node] * scale + gap
    names = {node: name_of(node[1]) if node[0] == 1 else one_line(node[1].removeprefix("\0"), 40) for node in tops}
    nodes = [_node(node, names[node], top, through[node], scale, whole) for node, top in tops.items()]
    return chart("flow", nodes=nodes, links=_ribbons(links, names, tops, scale, whole), height=height)


def _node(node: Node, name: str, top: float, n: int, scale: float, whole: int) -> dict[str, Any]:
    column, key = node
    part = n / whole
    brief = _BRIEF.get(key, one_line(key, 14))
    return {
        "column": column,
        "y0": round(top, 2),
        "y1": round(top + max(1.0, n * scale), 2),
        "name": name,
        "told": name if column == 0 else f"{name}, {as_share(part)}",
        "brief": name if column == 0 else f"{brief}, {as_share(part, 0)}",
        "fill": _colour(node),
        "rows": count(n),
        "share": as_share(part),
    }


def _ribbons(
    links: Sequence[Link], names: Mapping[Node, str], tops: Mapping[Node, float], scale: float, whole: int
) -> list[dict[str, Any]]:
    """Return the links with their places, each beside the one before at either end."""
    out, into, position = dict(tops), dict(tops), {node: place for place, node in enumerate(tops)}
    drawn = []
    for link in sorted(links, key=lambda each: (position[each.source], position[each.target])):
        start, end, thick = out[link.source], into[link.target], link.n * scale
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
                "share": as_share(link.n / whole),
            }
        )
    return drawn


def _colour(node: Node) -> str:
    column, name = node
    if column == 0:
        return "var(--muted)"
    number = name.removeprefix("stage ")
    return _COLOURS.get(name) or _STAGES[(int(number) - 1) % len(_STAGES) if number.isdecimal() else 0]
