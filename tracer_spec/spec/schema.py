"""The JSON Schema of router.yaml, draft-07, which is what editors read.

It says what :mod:`~tracer_spec.spec.model` says, in a form that completes as one types; what two keys ask of
each other is in it only where draft-07 can say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tracer_spec.spec.fields import PLUGIN_NAME
from tracer_spec.spec.model import RouterSpec

Schema: TypeAlias = dict[str, Any]
PluginOptions: TypeAlias = Mapping[str, Mapping[str, tuple[str, Schema]]]

# which kind of plugin each key refers to: (definition, key, kind)
_PLACES = (
    ("RouterSpec", "embedder", "embedder"),
    ("RouterSpec", "zoo", "surrogate"),
    ("RouterSpec", "families", "family"),
    ("RouterSpec", "acceptor", "acceptor"),
    ("RouterSpec", "guards", "guard"),
    ("TargetSpec", "calibrator", "calibrator"),
)
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^}]*)?\}"}
_REF = "#/definitions/"
_CONSTRAINED = ("pattern", "enum", "const", "minLength", "maxLength", "format", "anyOf")
_MAPS = ("properties", "patternProperties", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def router_schema(options: PluginOptions | None = None) -> Schema:
    """Return the JSON Schema (draft-07) of router.yaml.

    Parameters
    ----------
    options : mapping of kind to mapping of name to (summary, schema), optional
        What every installed plugin takes: with it ``use`` completes the names of plugins, and ``with`` is
        typed by ``use``. A schema is what ``Options.model_json_schema()`` returns. A kind not given stays open.

    Returns
    -------
    dict

    Examples
    --------
    >>> sorted(router_schema()["properties"])[:3]
    ['acceptor', 'cost', 'defer_labels']
    """
    made = RouterSpec.model_json_schema(by_alias=True, ref_template=_REF + "{model}")
    definitions: dict[str, Schema] = made.pop("$defs")
    reference = definitions.pop("PluginRef")
    definitions["RouterSpec"] = made
    for definition in definitions.values():
        _without_null(definition)
    given = options or {}
    for owner, key, kind in _PLACES:
        _point_at(definitions[owner]["properties"][key], kind)
        definitions[kind] = _reference(reference, kind, given.get(kind, {}))
    definitions["TracesSpec"] = _typed(definitions["TracesSpec"], "source", given.get("source", {}))
    _say_what_keys_ask_of_each_other(definitions)
    definitions = {name: _editable(definition) for name, definition in definitions.items()}
    for kind, plugins in given.items():
        for name, (_, schema) in plugins.items():
            definitions[f"{kind}.{name}"] = _plugin_options(schema, f"{kind}.{name}")
    definitions["variable"] = {
        **_VARIABLE,
        "title": "a variable",
        "description": "A value from the environment: ${NAME}, ${NAME:-default} or ${NAME:?message}.",
    }
    root = definitions.pop("RouterSpec")
    root |= {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "router.yaml, version 1",
        "description": RouterSpec.__doc__,
        "definitions": definitions,
    }
    return root


def _without_null(definition: Schema) -> None:
    """Take null out of the keys that may be left out: leaving out is what a person means."""
    for schema in definition.get("properties", {}).values():
        branches = [branch for branch in schema.get("anyOf", []) if branch != {"type": "null"}]
        if "anyOf" in schema and len(branches) == 1:
            del schema["anyOf"]
            schema |= branches[0] | {key: schema[key] for key in ("title", "description") if key in schema}
        if schema.get("default", ...) is None:
            del schema["default"]


def _point_at(schema: Schema, kind: str) -> None:
    """Let a key of the spec refer to its own kind of plugin."""
    holder = schema if "$ref" in schema else schema["items"]
    holder["$ref"] = _REF + kind


def _reference(reference: Schema, kind: str, plugins: Mapping[str, tuple[str, Schema]]) -> Schema:
    """Return the schema of a reference to a plugin of one kind: a name, or a mapping."""
    bare = {"type": "string", "pattern": PLUGIN_NAME, "title": f"the name of a plugin: {kind}"}
    without_options = {name: plugin for name, plugin in plugins.items() if not plugin[1].get("required")}
    mapping = _typed(reference, kind, plugins)
    return {
        "title": kind,
        "description": f"A plugin, kind {kind}: its name, or {{use: NAME, as: ALIAS, with: OPTIONS}}.",
        "anyOf": [
            _named(bare, without_options) if plugins else bare,
            {**mapping, "title": f"{kind} with options"},
        ],
    }


def _named(schema: Schema, plugins: Mapping[str, tuple[str, Schema]]) -> Schema:
    """Return ``schema`` with the names that there are."""
    kept = {key: value for key, value in schema.items() if key not in ("pattern", "maxLength")}
    summaries = [plugins[name][0] for name in sorted(plugins)]
    return kept | {
        "enum": sorted(plugins),
        "enumDescriptions": summaries,
        "markdownEnumDescriptions": summaries,
    }


def _typed(schema: Schema, kind: str, plugins: Mapping[str, tuple[str, Schema]]) -> Schema:
    """Return the schema of a mapping with ``use`` and ``with``, in which ``with`` depends on ``use``."""
    if not plugins:
        return schema
    properties = schema["properties"] | {"use": _named(schema["properties"]["use"], plugins)}
    rules = [_rule(kind, name, plugins[name][1]) for name in sorted(plugins)]
    return schema | {"properties": properties, "allOf": rules}


def _rule(kind: str, name: str, options: Schema) -> Schema:
    """Return: if ``use`` is this name, ``with`` takes this plugin's options."""
    then: Schema = {"properties": {"with": {"$ref": f"{_REF}{kind}.{name}"}}}
    if options.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": then}


def _say_what_keys_ask_of_each_other(definitions: Mapping[str, Schema]) -> None:
    definitions["TargetSpec"]["oneOf"] = [{"required": ["agreement"]}, {"required": ["end_to_end"]}]
    grouped = {"properties": {"strategy": {"const": "grouped"}}, "required": ["strategy"]}
    definitions["SplitSpec"] |= {
        "if": grouped,
        "then": {"required": ["key"]},
        "else": {"not": {"required": ["key"]}},
    }


def _plugin_options(schema: Schema, home: str) -> Schema:
    """Return a plugin's own schema, with its definitions moved to where they cannot meet another's."""

    def moved(node: Any) -> Any:
        if isinstance(node, list):
            return [moved(each) for each in node]
        if not isinstance(node, dict):
            return node
        new = {("definitions" if key == "$defs" else key): moved(value) for key, value in node.items()}
        if isinstance(new.get("$ref"), str):
            new["$ref"] = new["$ref"].replace("#/$defs/", f"{_REF}{home}/definitions/")
        return new

    placed: Schema = moved(schema)
    return _editable(placed)


def _editable(schema: Schema) -> Schema:
    """Return a schema as draft-07, in which numbers, booleans and closed strings may be variables too."""
    new = _each_below(schema, _editable)
    if "prefixItems" in new:
        new["items"] = new.pop("prefixItems")
        new["additionalItems"] = False
    if "$ref" in new and len(new) > 1:
        new["allOf"] = [{"$ref": new.pop("$ref")}]  # draft-07 reads nothing beside a $ref
    new.pop("discriminator", None)
    if not _is_closed(new):
        return new
    said: Schema = {
        key: new.pop(key) for key in ("title", "description", "default", "examples") if key in new
    }
    return {**said, "anyOf": [new, {"$ref": _REF + "variable"}]}


def _is_closed(schema: Schema) -> bool:
    """Return whether a schema takes scalars, but not every string."""
    if schema.get("type") in ("integer", "number", "boolean"):
        return "const" not in schema
    return schema.get("type") == "string" and any(key in schema for key in _CONSTRAINED)


def _each_below(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return a copy with ``change`` applied to every schema inside; conditions stay as they are."""
    new = dict(schema)
    for key in _MAPS:
        if isinstance(new.get(key), dict):
            new[key] = {name: change(each) for name, each in new[key].items()}
    for key in _LISTS:
        if isinstance(new.get(key), list):
            new[key] = [change(each) if isinstance(each, dict) else each for each in new[key]]
    for key in ("items", "additionalProperties", "then", "else"):
        if isinstance(new.get(key), dict):
            new[key] = change(new[key])
    return new
