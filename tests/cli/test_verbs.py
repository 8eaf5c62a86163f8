"""The verbs and the list of them agree."""

from __future__ import annotations

from pathlib import Path

import click

from tracer_spec.cli import commands
from tracer_spec.cli.verbs import VERBS, tracer_spec


def test_every_verb_is_called_what_the_list_of_verbs_calls_it():
    context = click.Context(tracer_spec)
    for name, summary in VERBS.items():
        command = tracer_spec.get_command(context, name)
        assert command is not None
        assert (command.name, command.short_help) == (name, summary)
        assert "as_json" in {param.name for param in command.params}


def test_every_file_of_commands_is_a_verb_or_a_part_of_one():
    files = {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}
    assert [file for file in sorted(files) if file.partition("_")[0] not in VERBS] == []
