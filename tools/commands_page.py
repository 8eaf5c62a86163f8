"""The page ``docs/commands.md``, made from the commands."""

from __future__ import annotations

import inspect

import click

from tracer_spec.cli.verbs import EPILOG, VERBS, tracer_spec

_HEAD = """\
# Commands

Made from the commands by `python -m tools.generate`; do not edit.

Every command takes `--help`. With `--json`, stdout holds one document with a `schema_version`, and nothing
else; progress goes to stderr, and an error is a document too:
`{"schema_version": 1, "error": {"exit_code": 2, "problems": [{"where", "address", "what", "hint"}]}}`.
"""


def commands_page() -> str:
    """Return the page: one section per command, its call, what it does, its options."""
    context = click.Context(tracer_spec, info_name="tracer-spec")
    sections = [_HEAD, f"{EPILOG}\n"]
    for name in VERBS:
        command = tracer_spec.get_command(context, name)
        if command is not None:
            sections.append(_section(command))
    return "\n".join(sections)


def _section(command: click.Command) -> str:
    arguments = [each.metavar or each.name or "" for each in command.params if isinstance(each, click.Argument)]
    if isinstance(command, click.Group):
        arguments.append(command.subcommand_metavar)
    options = [each for each in command.params if isinstance(each, click.Option)]
    lines = [
        f"## {command.name}",
        "",
        VERBS[str(command.name)],
        "",
        "```",
        f"tracer-spec {command.name} [OPTIONS] {' '.join(arguments)}".rstrip(),
        "```",
        "",
        _explanation(command),
        "",
        "| option | meaning |",
        "|---|---|",
        *(f"| `{_call(option)}` | {option.help} |" for option in options),
        "",
    ]
    return "\n".join(lines)


def _explanation(command: click.Command) -> str:
    """Return what the command's docstring says after its first line, which stands above already."""
    text = inspect.cleandoc(command.help or "")
    first, _, rest = text.partition("\n\n")
    return rest or first


def _call(option: click.Option) -> str:
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    return names if option.is_flag else f"{names} {option.metavar or option.type.name.upper()}"
