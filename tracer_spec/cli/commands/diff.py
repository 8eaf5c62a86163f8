"""``tracer-spec diff``: what changes for users from one bundle to the next, and what the new claim rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import (
    brief_option,
    embedder_option,
    embedder_options_option,
    json_option,
    only_one_of,
    source_option,
)
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError

if TYPE_CHECKING:
    from tracer_spec.report.decision_changes import Flips

DIFFERENT = 5


@click.command("diff", short_help=VERBS["diff"])
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--traces", metavar="FILE", help="Decide these by both bundles, and show the rows whose decision flips.")
@click.option(
    "--format", "preset", metavar="NAME", help="How the traces are laid out, where not as the bundles' specs say."
)
@source_option
@click.option(
    "--text", is_flag=True, help="Show the texts of rows that flip; without it, rows are told by number and id."
)
@embedder_option
@embedder_options_option
@click.option(
    "--sha256",
    nargs=2,
    metavar="OLD_HEX NEW_HEX",
    help="Refuse the bundles unless these are the digests of their files.",
)
@click.option(
    "--exit-code", "exit_code", is_flag=True, help="Exit with 5 where anything differs, 0 where nothing does."
)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@json_option
@brief_option
@click.option("-v", "--verbose", is_flag=True, help="Show every label, every value and every row that differs.")
def command(
    old: str,
    new: str,
    traces: str | None,
    preset: str | None,
    source: int | None,
    text: bool,
    embedder: str | None,
    embedder_options: dict[str, Any],
    sha256: tuple[str, str] | None,
    exit_code: bool,
    markdown: bool,
    as_json: bool,
    brief: bool,
    verbose: bool,
) -> int:
    """Say what changes from one bundle to the next.

    Claim, target, policy, coverage and agreement as estimated, the handled rate of every label, labels that come
    or go, and what the bundles were made from. Changes of rates are called changes only where they are more than
    noise; they are descriptive all the same.

    With --traces, JSON lines, compressed or not, with or without the teacher's labels, read as the bundles' specs say:
    which rows are decided differently, in which way, and, where the teacher's label is there, whether for the better.
    """
    only_one_of(markdown=markdown, json=as_json)
    only_one_of(brief=brief, verbose=verbose, markdown=markdown)
    about_rows = {
        "--format": preset is not None,
        "--source": source is not None,
        "--text": text,
        "--embedder": embedder is not None,
        "--embedder-option": bool(embedder_options),
    }
    for option, given in about_rows.items():
        if given and traces is None:
            raise UsageError(f"{option} is given without --traces", hint="it is about the rows of a file of traces")
    from tracer_spec.report.changes import compare
    from tracer_spec.runtime import read_bundle

    old_sha256, new_sha256 = sha256 or (None, None)
    before, after = read_bundle(old, sha256=old_sha256), read_bundle(new, sha256=new_sha256)
    changes = compare(before, after)
    flips: Flips | None = None
    if traces is not None:
        from tracer_spec.cli.commands.diff_traces import measure_flips

        flips = measure_flips(
            before, after, traces, preset, source, embedder=embedder, embedder_options=embedder_options, text=text
        )
    if as_json:
        print_document({**changes.document(), "flips": flips.document() if flips else None})
    elif markdown:
        from tracer_spec.report.changes_markdown import changes_markdown

        click.echo(changes_markdown(changes, flips))
    else:
        from tracer_spec.cli.text.diff import diff_text

        click.echo(diff_text(changes, flips, verbose=verbose, brief=brief))
    return DIFFERENT if exit_code and not changes.is_same_file else 0
