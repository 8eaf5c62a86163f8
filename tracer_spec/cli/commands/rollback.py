"""``tracer-spec rollback``: take back the last promotion."""

from __future__ import annotations

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import json_option
from tracer_spec.cli.verbs import VERBS


@click.command("rollback", short_help=VERBS["rollback"])
@click.argument("folder", metavar="FOLDER")
@json_option
def command(folder: str, as_json: bool) -> None:
    """Take back the last promotion into FOLDER, and say which bundle decides now.

    Where there is a canary it ends; else the bundle before is the current one again, and a second rollback goes one further
    back. The bundle to go back to is checked first. Nothing is removed.
    """
    from tracer_spec.cli.text.releases import moved_document, rolled_back_text
    from tracer_spec.production.releases import rollback

    moved = rollback(folder)
    if as_json:
        print_document(moved_document(moved))
    else:
        click.echo(rolled_back_text(moved))
