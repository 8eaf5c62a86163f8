"""``tracer-spec promote``: make a bundle the one that a folder of releases points to."""

from __future__ import annotations

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import json_option, sha256_option
from tracer_spec.cli.verbs import VERBS


@click.command("promote", short_help=VERBS["promote"])
@click.argument("bundle", metavar="BUNDLE")
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--canary",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Let BUNDLE decide that share of the requests, and the current bundle the rest; 0 ends its canary.",
)
@click.option(
    "--shadow/--live",
    default=None,
    help="Let the teacher answer every request of the apps that load from FOLDER (--shadow), or no longer (--live); by "
    "default that stays as it was.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    metavar="N",
    help="Keep the last N bundles for a rollback, and remove those that nothing needs; all are kept by default.",
)
@sha256_option
@click.option("--allow-uncertified", is_flag=True, help="Promote a bundle that nothing is certified about, too.")
@json_option
def command(
    bundle: str,
    folder: str,
    canary: float | None,
    shadow: bool | None,
    keep: int | None,
    sha256: str | None,
    allow_uncertified: bool,
    as_json: bool,
) -> None:
    """Copy BUNDLE into FOLDER and point to it, in one step.

    FOLDER holds bundles under their sha256, and release.json, which names the current one. Whatever takes a BUNDLE takes such
    a folder too: 'route FOLDER', load(FOLDER), deploy(FOLDER); what runs already changes when it loads again. The bundle is
    checked first: every digest, its graph, that it is certified, and that it is of the same router. Promoting the current
    bundle changes nothing. 'tracer-spec rollback FOLDER' takes it back.
    """
    from tracer_spec.cli.text.releases import moved_document, promoted_text
    from tracer_spec.production.releases import promote

    moved = promote(
        bundle, folder, canary=canary, shadow=shadow, keep=keep, sha256=sha256, allow_uncertified=allow_uncertified
    )
    if as_json:
        print_document(moved_document(moved))
    else:
        click.echo(promoted_text(moved))
