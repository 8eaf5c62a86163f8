"""The page ``docs/spec.md``, made from the models of the spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel

from tracer_spec.cli.text.options import OptionRow, option_rows

_HEAD = """\
# router.yaml

Made from the models by `python -m tools.generate`; do not edit.

Version 1 of the format. A key that is not here is an error, with the nearest one named; every error of a file is reported at
once, each at its line and column. `no`, `off`, `yes` and `on` are strings, as in YAML 1.2. Values may hold `${VAR}`,
`${VAR:-default}` and `${VAR:?message}`. `--set KEY=VALUE` overrides one value: `--set target.agreement=0.95`.
[`schemas/router.v1.json`](../schemas/router.v1.json) is the JSON Schema; `tracer-spec schema` prints it with the options of the
plugins that are installed, for an editor.

A *plugin* is named by a string, `logreg`, or as `{use: logreg, as: ALIAS, with: {OPTION: VALUE}}`. The alias is what reports
and other keys call it; two references to one plugin need two.
"""
_KINDS = ("source", "embedder", "surrogate", "family", "acceptor", "guard", "calibrator")


def spec_page() -> str:
    """Return the page: one table per mapping of the spec, then the built-in plugins by kind."""
    from tracer_spec.spec.model import RouterSpec

    lines = [_HEAD]
    for path, model in _mappings(RouterSpec):
        lines += [f"## {path or 'The file'}", "", _summary(model), "", *_table(_rows(model)), ""]
    return "\n".join([*lines, *_plugins()])


def _mappings(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every mapping of the spec with its address, each before what is inside it; plugin references are told once."""
    from tracer_spec.spec.reference import PluginRef

    yield path, model
    for name, field in model.model_fields.items():
        for inner in dict.fromkeys(_models(field.annotation)):
            if not issubclass(inner, PluginRef):
                yield from _mappings(inner, f"{path}.{field.alias or name}".lstrip("."))


def _rows(model: type[BaseModel]) -> list[OptionRow]:
    """Return the keys of a mapping; what takes a plugin says so."""
    from tracer_spec.spec.reference import PluginRef

    naming = {
        field.alias or name
        for name, field in model.model_fields.items()
        if any(issubclass(inner, PluginRef) for inner in _models(field.annotation))
    }
    rows = option_rows(model)
    return [replace(row, type=row.type.replace("object", "plugin")) if row.name in naming else row for row in rows]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in get_args(annotation) for model in _models(each)]


def _plugins() -> Iterator[str]:
    """Yield the built-in plugins, by kind, with their options."""
    from tracer_spec.plugin.registry import find_plugins

    registry = find_plugins()
    yield "# Built-in plugins\n"
    yield "Others are listed by `tracer-spec plugins`, and explained by `tracer-spec plugins NAME`.\n"
    for kind in _KINDS:
        yield f"## {kind}\n"
        for provided in registry.of_kind(kind).values():
            if provided.distribution != "tracer-spec":
                continue
            yield f"### {provided.name}\n"
            yield f"{provided.plugin.summary[:1].upper()}{provided.plugin.summary[1:]}.\n"
            options = option_rows(provided.plugin.options)
            if options:
                yield from [*_table(options), ""]


def _summary(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _table(options: Sequence[OptionRow]) -> list[str]:
    head = ["| key | takes | default | what it says |", "|---|---|---|---|"]
    return [
        *head,
        *(f"| `{row.name}` | {_takes(row)} | {_default(row)} | {_cell(row.description)} |" for row in options),
    ]


def _takes(row: OptionRow) -> str:
    return _cell(", ".join(part for part in (row.type, row.range) if part))


def _default(row: OptionRow) -> str:
    if row.required:
        return "needed"
    return "" if row.default is None else f"`{_cell(row.shown)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
