"""The JSON Schema of router.yaml, for editors.

It says what :mod:`~tracer_spec.spec.model` says, in a form that completes as one types; what two keys ask of
each other is in it only where a schema can say so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TypeAlias

from pydantic import BaseModel

from tracer_spec.spec.fields import PLUGIN_NAME
from tracer_spec.spec.model import CostSpec, ReportSpec, RouterSpec, ServeSpec, SplitSpec, TargetSpec
from tracer_spec.spec.reference import PluginRef
from tracer_spec.spec.traces import FormatMap, JoinMap, LabelsSpec, TracesSpec
from tracer_spec.spec.variables import REF, VARIABLE, Schema, with_variables

PluginOptions: TypeAlias = Mapping[str, Mapping[str, tuple[str, type[BaseModel]]]]
_Plugins: TypeAlias = Mapping[str, tuple[str, Schema]]

PART = "x-part"
"""Marks the schema of a model that refers to an embedder, inside the options of a plugin; an editor never sees it."""

_NAMES: Mapping[str, type[BaseModel]] = {
    "router": RouterSpec,
    "traces": TracesSpec,
    "format": FormatMap,
    "join": JoinMap,
    "labels": LabelsSpec,
    "plugin": PluginRef,
    "target": TargetSpec,
    "split": SplitSpec,
    "cost": CostSpec,
    "report": ReportSpec,
    "serve": ServeSpec,
}
# which kind of plugin each key refers to: (definition, key, kind)
_PLACES = (
    ("router", "embedder", "embedder"),
    ("router", "zoo", "surrogate"),
    ("router", "families", "family"),
    ("router", "acceptor", "acceptor"),
    ("router", "guards", "guard"),
    ("target", "calibrator", "calibrator"),
)


def router_schema(options: PluginOptions | None = None, *, parts: Collection[str] = ()) -> Schema:
    """Return the JSON Schema (draft 2020-12) of router.yaml.

    ``options`` holds, by kind and name, the summary and the options of plugins: with them ``use`` completes the names of
    plugins, and ``with`` is typed by ``use``. Other kinds stay open. ``parts`` names the embedders that others may be made of:
    a model among the options whose schema holds :data:`PART` is a reference to one of these. Keys are sorted:
    ``schemas/router.v1.json`` is this with an indent of two and a final newline.

    Examples
    --------
    >>> router_schema()["required"]
    ['version', 'name', 'traces', 'embedder', 'target']
    """
    definitions = _of_the_spec()
    given = {kind: _schemas(kind, plugins) for kind, plugins in (options or {}).items() if plugins}
    for owner, key, kind in _PLACES:
        if kind in given:
            schema = definitions[owner]["properties"][key]
            for holder in _references(schema):
                holder["$ref"] = REF + kind
            definitions[kind] = _reference(definitions["plugin"], kind, given[kind])
    if "source" in given:
        definitions["traces"] = _typed(definitions["traces"], "source", given["source"])
    definitions["plugin"] = _reference(definitions["plugin"], "plugin", {})
    allowed = {name: each for name, each in given.get("embedder", {}).items() if name in parts}
    for kind, plugins in given.items():
        for _, schema in plugins.values():
            _complete_parts(schema, allowed)
        definitions |= {f"{kind}.{name}": schema for name, (_, schema) in plugins.items()}
    definitions = {name: with_variables(definition) for name, definition in definitions.items()}
    root = definitions.pop("router")
    root |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "router.yaml, version 1",
        "$defs": definitions | {"variable": dict(VARIABLE)},
    }
    made: Schema = json.loads(json.dumps(root, sort_keys=True))
    return made


def _schemas(kind: str, plugins: Mapping[str, tuple[str, type[BaseModel]]]) -> _Plugins:
    """Return summaries and schemas, whose own definitions stay inside, where they meet no other plugin's."""
    return {
        name: (summary, model.model_json_schema(ref_template=f"{REF}{kind}.{name}/$defs/{{model}}"))
        for name, (summary, model) in plugins.items()
    }


def _of_the_spec() -> dict[str, Schema]:
    """Return the definitions of the spec's parts, under the names people use."""
    text = json.dumps(RouterSpec.model_json_schema(by_alias=True, ref_template=REF + "{model}"))
    for name, model in _NAMES.items():
        text = text.replace(f'"{REF}{model.__name__}"', f'"{REF}{name}"')
    made = json.loads(text)
    found: dict[str, Schema] = made.pop("$defs") | {RouterSpec.__name__: made}
    definitions: dict[str, Schema] = {}
    for name, model in _NAMES.items():
        definition = found[model.__name__] | {"title": name}
        described = {info.alias or key: info.description for key, info in model.model_fields.items()}
        for key, schema in definition["properties"].items():
            _leave_out_null(schema, is_meant=name == "format")
            schema |= {"title": key, "description": described[key]}
        definitions[name] = definition
    del definitions["plugin"]["properties"]["as"]["default"]
    keys = definitions["router"]["properties"]
    keys["traces"] = _one_or_several(keys["traces"], "traces")
    keys["acceptor"] = _one_or_several(keys["acceptor"], "plugin")
    keys["embedder"] = _one_or_several(keys["embedder"], "plugin")
    _say_what_keys_ask_of_each_other(definitions)
    return definitions


def _one_or_several(schema: Schema, name: str) -> Schema:
    """Return the schema of one value or a list of them, by the kind of value: what is wrong is told of the right one."""
    said: Schema = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    several = {"type": "array", "minItems": 1, "items": {"$ref": REF + name}}
    return {**said, "if": {"type": "array"}, "then": several, "else": {"$ref": REF + name}}


def _references(schema: Schema) -> list[Schema]:
    """Return what refers to a plugin in the schema of a key: itself, or its items, or each by the kind of value."""
    if "$ref" in schema:
        return [schema]
    return [schema["items"]] if "items" in schema else [schema["then"]["items"], schema["else"]]


def _leave_out_null(schema: Schema, *, is_meant: bool) -> None:
    """Take null out of a key that may be left out: leaving it out is what a person means, but over a preset."""
    branches = [branch for branch in schema.get("anyOf", []) if is_meant or branch != {"type": "null"}]
    if len(branches) == 1:
        del schema["anyOf"]
        schema |= branches[0]
    if schema.get("default", ...) is None:
        del schema["default"]


def _say_what_keys_ask_of_each_other(definitions: Mapping[str, Schema]) -> None:
    definitions["format"]["anyOf"] = [{"required": ["label"]}, {"required": ["preset"]}]
    definitions["target"]["oneOf"] = [{"required": ["agreement"]}, {"required": ["end_to_end"]}]
    for_sure = {"properties": {"strategy": {"enum": ["random", "temporal"]}}}  # a variable may be anything
    definitions["split"]["allOf"] = [{"if": for_sure, "then": {"not": {"required": ["key"]}}}]


def _reference(reference: Schema, kind: str, plugins: _Plugins) -> Schema:
    """Return the schema of a reference to a plugin of one kind: a name, or a mapping."""
    bare = {"type": "string", "pattern": PLUGIN_NAME, "title": "name"}
    without_options = {name: plugin for name, plugin in plugins.items() if not plugin[1].get("required")}
    mapping = _typed(reference, kind, plugins)
    return {
        "title": kind,
        "description": "A plugin: its name, or {use: NAME, as: ALIAS, with: OPTIONS}.",
        "anyOf": [_named(bare, without_options) if plugins else bare, {**mapping, "title": "with options"}],
    }


def _complete_parts(schema: Schema, plugins: _Plugins) -> None:
    """Type the references to embedders that stand among the options of a plugin."""
    for name, definition in schema.get("$defs", {}).items():
        if definition.pop(PART, False):
            schema["$defs"][name] = _reference(definition, "embedder", plugins) | {
                "title": "embedder",
                "description": "An embedder: its name, or {use: NAME, with: OPTIONS}.",
            }


def _typed(schema: Schema, kind: str, plugins: _Plugins) -> Schema:
    """Return the schema of a mapping with ``use`` and ``with``, in which ``with`` depends on ``use``."""
    if not plugins:
        return schema
    properties = schema["properties"] | {"use": _named(schema["properties"]["use"], plugins)}
    rules = [_rule(kind, name, plugins[name][1]) for name in sorted(plugins)]
    return schema | {"properties": properties, "allOf": rules}


def _named(schema: Schema, plugins: _Plugins) -> Schema:
    """Return the schema of a string with the names that there are."""
    kept = {key: value for key, value in schema.items() if key not in ("pattern", "maxLength")}
    summaries = [plugins[name][0] for name in sorted(plugins)]
    return kept | {"enum": sorted(plugins), "enumDescriptions": summaries}


def _rule(kind: str, name: str, options: Schema) -> Schema:
    """Return: if ``use`` is this name, ``with`` takes this plugin's options."""
    then: Schema = {"properties": {"with": {"$ref": f"{REF}{kind}.{name}"}}}
    if options.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": then}
