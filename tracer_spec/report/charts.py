"""Charts of the page: the Vega specifications in ``templates/charts``, filled with data.

Values of a bundle only ever stand as data or as text under fixed names: nothing of them is an expression. Colours are the
page's own variables, so that a chart follows its theme.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

Spec = dict[str, Any]

FAMILY_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")


def asset(name: str) -> str:
    """Return a file of the page's templates."""
    return resources.files("tracer_spec.report").joinpath("templates", name).read_text(encoding="utf-8")


def chart(name: str, **values: Any) -> Spec:
    """Return a specification with its names filled: ``"$n"`` by a part of the file or a value, ``"$$n"`` by a value's items."""
    template = json.loads(asset(f"charts/{name}.json"))
    parts = template.get("parts", {})

    def filled(part: Any) -> Any:
        if isinstance(part, str) and part.startswith("$"):
            return filled(parts[part[1:]]) if part[1:] in parts else values[part[1:]]
        if isinstance(part, dict):
            return {key: filled(each) for key, each in part.items()}
        if isinstance(part, list):
            return [
                each for item in part for each in (values[item[2:]] if str(item).startswith("$$") else [filled(item)])
            ]
        return part

    spec: Spec = filled(template["chart"])
    return spec


def level_line(value: float | None, text: str, *, axis: str, align: str = "left") -> list[Spec]:
    """Return a dashed line across the plot at one value of an axis, with its name, if any, at the end."""
    if value is None:
        return []
    at = {axis: {"datum": value}}
    place = {"x": {"value": 4}} if axis == "y" else {"y": {"value": 4}}
    offsets: Spec = {"dy": -7, "align": "left"} if axis == "y" else {"dx": 6 if align == "left" else -6, "align": align}
    data: Spec = {"values": [{}]}
    line = {"data": data, "mark": {"type": "rule", "strokeDash": [5, 4], "stroke": "var(--ink)"}, "encoding": at}
    named = {"type": "text", "text": text, "baseline": "middle", **offsets}
    return [line, {"data": data, "mark": named, "encoding": {**at, **place}}] if text else [line]
