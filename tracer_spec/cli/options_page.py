"""A plugin's options as rows and as YAML, read from the JSON Schema of its pydantic model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

_BOUNDS = (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
# where each kind stands in a spec: the lines above the reference, and what the reference starts with
_PLACES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "source": (("traces:",), "  ", "  "),
    "embedder": (("embedder:",), "  ", "  "),
    "surrogate": (("zoo:",), "  - ", "    "),
    "acceptor": (("acceptor:",), "  ", "  "),
    "guard": (("guards:",), "  - ", "    "),
    "family": (("families:",), "  - ", "    "),
    "calibrator": (("target:", "  calibrator:"), "    ", "    "),
}


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option of a plugin.

    Parameters
    ----------
    name, type, range, description : str
        ``range`` holds bounds; empty where anything of the type goes.
    default : object
        None where there is none, or where the default is null.
    required : bool
    """

    name: str
    type: str
    range: str
    default: Any
    required: bool
    description: str

    @property
    def shown(self) -> str:
        """Return the default as YAML writes it."""
        return json.dumps(self.default, ensure_ascii=False)


def option_rows(options: type[BaseModel]) -> list[OptionRow]:
    """Return the options of a model, in the order it declares them."""
    schema = options.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    rows = []
    for name, found in schema.get("properties", {}).items():
        field = _resolve(found, definitions)
        rows.append(
            OptionRow(
                name=name,
                type=_type(field, definitions),
                range=_range(field, definitions),
                default=field.get("default"),
                required=name in required,
                description=" ".join(str(field.get("description", "")).split()),
            )
        )
    return rows


def yaml_snippet(kind: str, name: str, options: Sequence[OptionRow]) -> list[str]:
    """Return the lines of a spec that name the plugin, with every option at its default."""
    above, first, indent = _PLACES[kind]
    lines = [*above, f"{first}use: {name}"]
    if options:
        lines.append(f"{indent}with:")
        pairs = [f"{row.name}: {'...' if row.required else row.shown}" for row in options]
        width = max(len(pair) for pair in pairs)
        notes = [", ".join(part for part in (row.type, row.range) if part) for row in options]
        lines += [f"{indent}  {pair.ljust(width)}  # {note}" for pair, note in zip(pairs, notes, strict=True)]
    return lines


def _resolve(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a reference; what stands beside it wins."""
    if "$ref" not in field:
        return dict(field)
    target = definitions[field["$ref"].rpartition("/")[2]]
    return {**target, **{key: value for key, value in field.items() if key != "$ref"}}


def _branches(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the alternatives of a field; itself where there are none."""
    return [_resolve(each, definitions) for each in field.get("anyOf", field.get("oneOf", [field]))]


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Name what a field takes: JSON types, and single values in quotes."""
    names = []
    for branch in _branches(field, definitions):
        choices = branch.get("enum", [branch["const"]] if "const" in branch else [])
        items = branch.get("items")
        if choices:
            names += [f"'{value}'" if isinstance(value, str) else json.dumps(value) for value in choices]
        elif branch.get("type") == "array" and isinstance(items, dict):
            names.append(f"list of {_type(_resolve(items, definitions), definitions)}")
        else:
            names.append(str(branch.get("type", "any")))
    return " or ".join(dict.fromkeys(names))


def _range(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say which values of its type a field takes."""
    parts = []
    for branch in _branches(field, definitions):
        inner = _resolve(branch.get("items", {}), definitions) if branch.get("type") == "array" else branch
        bounds = [f"{sign} {inner[key]:g}" for key, sign in _BOUNDS if key in inner]
        if bounds:
            parts.append(" and ".join(bounds))
    return ", ".join(dict.fromkeys(parts))
