"""``tracer-spec monitor``: whether a bundle's claim still holds, by the log of its decisions."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.failure import failure_of
from tracer_spec.cli.options import brief_option, sha256_option
from tracer_spec.cli.output import GITHUB, JSON, chosen_format, format_options
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import DataError, TracerError

if TYPE_CHECKING:
    from tracer_spec.production.monitoring.log import Reading
    from tracer_spec.production.monitoring.monitor import Monitor

FAILED = 4


@click.command("monitor", short_help=VERBS["monitor"])
@click.argument("bundle", metavar="BUNDLE")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option(
    "--state",
    metavar="PLACE",
    help="Remember what has been read, so that the next run reads only what is new: in a file, or in a folder (one that is "
    "there, or FOLDER/) that holds a file for each version.",
)
@click.option(
    "--alpha",
    type=float,
    metavar="SHARE",
    help="How often a claim that is true may be refuted, however often one looks; 1 minus the claim's confidence by default.",
)
@sha256_option
@format_options
@brief_option
def command(
    bundle: str,
    logs: tuple[str, ...],
    state: str | None,
    alpha: float | None,
    sha256: str | None,
    form: str | None,
    as_json: bool,
    brief: bool,
) -> int:
    """Say whether a bundle's claim still holds, by the log of its decisions.

    LOG is the folder that a deployment logs to, a file, or a pattern in quotes. Only audited requests, which a coin chose for
    the teacher whatever the router would say, tell how often the two agree; all requests tell coverage, drift of the acceptance
    scores, and labels that move. Look as often as you like: the numbers stay valid.

    The verdict is 'holds', 'warns', where agreement has fallen towards the target, or 'refuted', where it is under it. The exit
    code is 4 where the claim is refuted, else 0, or 1 where the state could not be written, which is said after the verdict. A
    refuted claim stays refuted. No text of a request is printed.
    """
    form = chosen_format(form, as_json=as_json)
    from tracer_spec.cli.text.monitor import monitor_document, monitor_outcome
    from tracer_spec.cli.text.terminal_course import draw_course
    from tracer_spec.production.monitoring.follow import read_on
    from tracer_spec.production.monitoring.monitor import REFUTED
    from tracer_spec.runtime import read_bundle

    opened = read_bundle(bundle, sha256=sha256)
    place = None if state is None else _place_of(state)
    monitor, reading = read_on(opened, logs, state=place, alpha=alpha)
    now = datetime.now(UTC)
    if form == JSON:
        print_document(monitor_document(monitor, reading, opened, now))
    else:
        outcome = monitor_outcome(monitor, reading, opened, now)
        click.echo(outcome.text(brief=brief))
        for line in [] if brief else draw_course(monitor):
            click.echo(line)
        if form == GITHUB:
            from tracer_spec.cli.text.github_summary import publish_monitor

            publish_monitor(outcome, monitor.agreement.share, monitor.coverage.share)
    code = 0 if place is None else _kept(place, monitor, reading)
    return FAILED if monitor.verdict == REFUTED else code


def _place_of(state: str) -> Path:
    """Return the place of a state; one that is written as a folder is one, so it is made where it is not there."""
    place = Path(state)
    if state.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            hint = "name a folder that this user may write to"
            raise DataError(
                f"the monitor's state cannot be written: {error.strerror}", where=state, hint=hint
            ) from None
    return place


def _kept(place: Path, monitor: Monitor, reading: Reading) -> int:
    """Write the state after the verdict, which a full disk must not hide; return the exit code of what went wrong."""
    from tracer_spec.production.monitoring.follow import keep

    try:
        keep(place, monitor, reading)
    except TracerError as error:
        failure = failure_of(error)
        failure.show()
        return failure.exit_code
    return 0
