"""``docs/commands.md`` is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

import click

from tracer_spec.cli.commands_page import commands_page
from tracer_spec.cli.verbs import VERBS, tracer_spec

ROOT = Path(__file__).parents[2]


def test_the_committed_page_is_the_one_that_the_commands_make():
    committed = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert committed == commands_page(), "run: python -m tracer_spec.cli.commands_page > docs/commands.md"


def test_every_verb_is_called_what_the_list_of_verbs_calls_it():
    context = click.Context(tracer_spec)
    for name, summary in VERBS.items():
        command = tracer_spec.get_command(context, name)
        assert command is not None
        assert (command.name, command.short_help) == (name, summary)
        assert "as_json" in {param.name for param in command.params}
