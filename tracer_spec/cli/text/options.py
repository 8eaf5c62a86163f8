"""A plugin's options as rows and as YAML, read from the JSON Schema of its pydantic model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
    """One option of a plugin; ``inner`` is what the objects that it takes hold, such as ``secrets[].type``."""

    name: str
    type: str
    range: str
    default: Any
    required: bool
    description: str
    inner: tuple[OptionRow, ...] = ()

    @property
    def shown(self) -> str:
        """Return the default as YAML writes it."""
        return json.dumps(self.default, ensure_ascii=False)


def option_rows(options: type[BaseModel]) -> list[OptionRow]:
    """Return the options of a model, in the order it declares them."""
    schema = options.model_json_schema()
    definitions = schema.get("$defs", {})
    return list(_rows(_resolve(schema, definitions), definitions, "", ()))


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


def _rows(
    model: Mapping[str, Any], definitions: Mapping[str, Any], above: str, within: tuple[Mapping[str, Any], ...]
) -> Iterator[OptionRow]:
    """Yield the fields of an object's schema; ``within`` are those around it, since a model may hold itself."""
    fields = model.get("properties", {})
    within = (*within, fields)
    for key, found in fields.items():
        field = _resolve(found, definitions)
        name = f"{above}{key}"
        objects = [each for each in _objects(field, definitions, name) if each[1]["properties"] not in within]
        yield OptionRow(
            name=name,
            type=_type(field, definitions),
            range=_range(field, definitions),
            default=field.get("default"),
            required=key in model.get("required", []),
            description=" ".join(str(field.get("description", "")).split()),
            inner=tuple(row for place, each in objects for row in _rows(each, definitions, f"{place}.", within)),
        )


def _objects(
    field: Mapping[str, Any], definitions: Mapping[str, Any], place: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object with fields of its own that a field takes, itself, in a list or by name, with its address."""
    for branch in _branches(field, definitions):
        if "properties" in branch:
            yield place, branch
        if isinstance(held := branch.get("items"), dict):
            yield from _objects(_resolve(held, definitions), definitions, f"{place}[]")
        if isinstance(held := branch.get("additionalProperties"), dict):
            yield from _objects(_resolve(held, definitions), definitions, f"{place}.NAME")


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
        items, named = branch.get("items"), branch.get("additionalProperties")
        if choices:
            names += [f"'{value}'" if isinstance(value, str) else json.dumps(value) for value in choices]
        elif branch.get("type") == "array" and isinstance(items, dict):
            names.append(f"list of {_type(_resolve(items, definitions), definitions)}")
        elif branch.get("type") == "object" and isinstance(named, dict) and named:
            held = _type(_resolve(named, definitions), definitions)
            names.append(f"object of ({held})" if " or " in held else f"object of {held}")
        else:
            names.append(str(branch.get("type", "any")))
    return " or ".join(dict.fromkeys(names))


def _range(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say which values of its type a field takes."""
    parts = []
    for branch in _branches(field, definitions):
        inner = _resolve(branch.get("items", {}), definitions) if branch.get("type") == "array" else branch
        bounds = [f"{sign} {_number(inner[key])}" for key, sign in _BOUNDS if key in inner]
        if bounds:
            parts.append(" and ".join(bounds))
    return ", ".join(dict.fromkeys(parts))


def _number(bound: float) -> str:
    """Write a bound out: no exponent where it is a whole number."""
    return f"{int(bound)}" if float(bound).is_integer() else f"{bound:g}"
