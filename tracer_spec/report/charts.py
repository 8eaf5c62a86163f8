"""Vega-Lite specifications as plain data. Colours are the page's own variables, so that a chart follows its theme.

Values of a bundle only ever stand as data or as text under fixed names: nothing of them is an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]

FAMILY_COLOURS = ("var(--blue)", "var(--orange)", "var(--green)", "var(--pink)", "var(--grey)")
FAMILY_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
PERCENT = "format(100 * datum.value, '~r') + '\u00a0%'"

FONT = "system-ui, sans-serif"

CONFIG: Spec = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
        "labelPadding": 5,
        "tickSize": 4,
        "labelSeparation": 6,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "orient": "top",
        "symbolSize": 90,
        "columnPadding": 16,
    },
    "text": {"fill": "var(--ink)", "fontSize": 12},
    "rule": {"stroke": "var(--ink)"},
    "aria": False,
}


def layered(
    layers: Sequence[Spec], *, height: int, details: Sequence[str], data: Sequence[Mapping[str, Any]] = ()
) -> Spec:
    """Return layers on one pair of axes, as wide as their place; ``details`` names what a hover shows."""
    spec: Spec = {
        "usermeta": {"details": list(details)},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": list(layers),
    }
    return spec | ({"data": {"values": list(data)}} if data else {})


def rates(field: str, title: str, *, domain: Sequence[float] | None = None) -> Spec:
    """Return an axis of rates."""
    scale: Spec = {"zero": False, "nice": False}
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": scale | ({"domain": list(domain)} if domain else {}),
        "axis": {"labelExpr": PERCENT, "tickCount": 6},
    }


def numbers(field: str, title: str, **scale: Any) -> Spec:
    """Return an axis of numbers."""
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"tickCount": 5}}


def colours(field: str, names: Sequence[str], values: Sequence[str]) -> Spec:
    """Return a scale that gives each name its colour."""
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(names), "range": list(values)},
    }


def shapes(field: str, names: Sequence[str]) -> Spec:
    """Return a scale that gives each name its shape, so that colour is not all there is."""
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(names), "range": list(FAMILY_SHAPES)[: max(1, len(names))]},
    }


# on a mark: a hover shows the list of texts that each datum has under "d", by the names given to layered().
# Fields named one by one would do, but for Vega-Lite 6.4, which looks for them in the wrong place where the mark is "nearest"
DETAILS: Spec = {"tooltip": {"content": "data"}}


def nearest(name: str) -> Spec:
    """Return the selection of whatever is nearest to the pointer."""
    return {"name": name, "select": {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}}


def level_line(value: float, text: str, *, axis: str, align: str = "left") -> list[Spec]:
    """Return a dashed line across the plot at one value of an axis, with its name at the end."""
    at: Spec = {axis: {"datum": value}}
    place: Spec = {"x": {"value": 4}} if axis == "y" else {"y": {"value": 4}}
    offsets: Spec = {"dy": -7, "align": "left"} if axis == "y" else {"dx": 6 if align == "left" else -6, "align": align}
    return [
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "strokeDash": [5, 4], "stroke": "var(--ink)"},
            "encoding": at,
        },
        {
            "data": {"values": [{}]},
            "mark": {"type": "text", "text": text, "baseline": "middle", **offsets},
            "encoding": {**at, **place},
        },
    ]
