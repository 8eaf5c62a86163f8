"""``tracer-spec plugins``: what is installed, from whom, in what state, with which options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import paint, print_document, wrapped
from tracer_spec.cli.options import json_option
from tracer_spec.cli.text.options import OptionRow, option_rows, yaml_snippet
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError
from tracer_spec.text_format import listing, plural

if TYPE_CHECKING:
    from tracer_spec.plugin.contracts import Provided
    from tracer_spec.plugin.registry import Broken, Registry

_COLUMNS = ("kind", "name", "distribution", "version", "state", "summary")


class PluginsGroup(click.Group):
    """``plugins new`` is a command; any other word is the name of a plugin to explain."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the one command."""
        return ["new"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``new``, or make the command that explains a plugin."""
        if cmd_name == "new":
            from tracer_spec.cli.commands.plugins_new import command as new

            return new
        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.")
        asked = bool(ctx.params.get("as_json"))
        return click.Command(
            cmd_name, params=[as_json], callback=lambda as_json: explain(cmd_name, as_json=as_json or asked)
        )


@click.group(
    "plugins",
    cls=PluginsGroup,
    short_help=VERBS["plugins"],
    subcommand_metavar="[NAME | new KIND NAME]",
    invoke_without_command=True,
)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List every plugin, from whom it is and in what state.

    'plugins NAME' explains one: its options with defaults and ranges, and how a spec names it.
    'plugins new KIND NAME' writes a distribution with one working plugin and its conformance test.
    """
    if ctx.invoked_subcommand is not None:
        return
    from tracer_spec.plugin.registry import find_plugins

    rows = list_plugins(find_plugins())
    if as_json:
        print_document({"schema_version": 1, "plugins": rows})
    else:
        _show_table(rows)


def explain(name: str, *, as_json: bool) -> None:
    """Explain every plugin of a name."""
    from tracer_spec.plugin.registry import find_plugins

    chosen = _named(find_plugins(), name)
    if as_json:
        print_document({"schema_version": 1, "plugins": [_describe(each) for each in chosen]})
    else:
        click.echo("\n\n".join(_page(each) for each in chosen))


def list_plugins(registry: Registry) -> list[dict[str, Any]]:
    """Return one row per plugin, sound or not, in the order of the kinds."""
    return [_row(each, "ok", each.plugin.summary) for each in registry.provided] + [
        _row(each, "duplicate" if each.is_duplicate else "broken", each.reason) for each in registry.broken
    ]


def _row(each: Provided | Broken, state: str, summary: str) -> dict[str, Any]:
    shipped = {"distribution": each.distribution, "version": each.version}
    return {"kind": each.kind, "name": each.name, **shipped, "state": state, "summary": summary}


def _named(registry: Registry, name: str) -> list[Provided]:
    """Return the plugins of a name, of whichever kind."""
    from tracer_spec.plugin.registry import KINDS, hint_for

    chosen = [each for each in registry.provided if each.name == name]
    if chosen:
        return chosen
    for each in registry.broken:
        if each.name == name:
            raise UsageError(
                f"the {each.kind} '{name}' of {each.distribution} {each.version} is not usable: {each.reason}",
                hint=registry.remedy(each),
            )
    known = sorted({each.name for each in registry.provided})
    unread = [each for each in registry.broken if each.kind == "entry point"]
    raise UsageError(
        f"no plugin is called '{name}'; known: {', '.join(known) or 'none'}",
        hint=hint_for(name, known, unread, *KINDS) or "'tracer-spec plugins' lists them by kind",
    )


def _show_table(rows: list[dict[str, Any]]) -> None:
    """Print the table; where the terminal is narrow the summaries wrap, in their column."""
    widths = [max(map(len, (column, *(row[column] for row in rows)))) for column in _COLUMNS[:-1]]
    indent = sum(widths) + 2 * len(widths)
    for row in (dict(zip(_COLUMNS, _COLUMNS, strict=True)), *rows):
        style = {"state": "bold", "ok": ""}.get(row["state"], "yellow")
        head = "".join(f"{row[column]:<{width}}  " for column, width in zip(_COLUMNS, widths, strict=False))
        first, *more = wrapped(row["summary"], indent=indent)
        text = "\n".join([f"{head}{first}", *(f"{' ' * indent}{line}" for line in more)])
        click.echo(paint(text, style) if style else text)
    bad = [row["name"] for row in rows if row["state"] != "ok"]
    note = f"; not usable: {listing(dict.fromkeys(bad))}" if bad else ""
    click.echo(f"\n{plural(len(rows) - len(bad), 'plugin')}{note}; 'tracer-spec plugins NAME' explains one")


def _describe(each: Provided) -> dict[str, Any]:
    """Return a plugin's row with its options."""
    options = [_option_document(row) for row in option_rows(each.plugin.options)]
    return {**_row(each, "ok", each.plugin.summary), "options": options}


def _option_document(row: OptionRow) -> dict[str, Any]:
    """Return an option, and what the objects that it takes hold."""
    return {
        "name": row.name,
        "type": row.type,
        "default": row.default,
        "range": row.range,
        "description": row.description,
        "options": [_option_document(each) for each in row.inner],
    }


def _page(each: Provided) -> str:
    """Lay out what there is to know of one plugin."""
    options = option_rows(each.plugin.options)
    head = f"{paint(each.name, 'bold')}  {each.kind}, {each.distribution} {each.version}"
    parts = [head, *wrapped(each.plugin.summary), ""]
    if options:
        parts += ["options", *(line for row in options for line in _option(row)), ""]
    else:
        parts += ["takes no options", ""]
    parts += ["in a spec", *(f"  {line}" for line in yaml_snippet(each.kind, each.name, options))]
    return "\n".join(parts)


def _option(row: OptionRow, margin: str = "  ") -> list[str]:
    """Lay out one option on one or two lines, and under it what the objects that it takes hold."""
    facts = ", ".join(
        part for part in (row.type, row.range, "required" if row.required else f"default {row.shown}") if part
    )
    lines = [f"{margin}{row.name}  ({facts})"]
    if row.description:
        lines += [f"{margin}    {line}" for line in wrapped(row.description, indent=len(margin) + 4)]
    return lines + [line for each in row.inner for line in _option(each, f"{margin}    ")]
