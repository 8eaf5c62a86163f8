"""``tracer-spec report``: a bundle as one page of HTML, for whoever must decide to trust it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.failure import Interrupted
from tracer_spec.cli.options import json_option
from tracer_spec.cli.verbs import VERBS
from tracer_spec.text_format import listing, plural, size


@click.command("report", short_help=VERBS["report"])
@click.argument("bundle", metavar="BUNDLE")
@click.option("-o", "--out", metavar="FILE", help="Where the page goes; NAME.html beside the bundle by default.")
@click.option("--previous", metavar="OLD", help="An earlier bundle: the page tells what changed since.")
@click.option(
    "--log",
    "logs",
    metavar="LOG",
    multiple=True,
    help="A log of the bundle's decisions: the page tells how the claim has fared since release. Repeatable.",
)
@click.option(
    "--state",
    metavar="PLACE",
    help="The state that 'monitor --state' keeps, a file or its folder: read on from it, with or without --log, and left as "
    "it is.",
)
@click.option("--sha256", metavar="HEX", help="Refuse the bundle unless this is the digest of its file.")
@json_option
def command(
    bundle: str,
    out: str | None,
    previous: str | None,
    logs: tuple[str, ...],
    state: str | None,
    sha256: str | None,
    as_json: bool,
) -> None:
    """Write a bundle's report: one page that loads nothing.

    The page opens with the claim and the verdict, or with that the claim is refuted, and shows what was considered, what
    was tested, how labels and parts of the traffic fare, and what the bundle was made from. It works offline, in light and
    dark, on a phone and in print. The same bundle gives the same page. Texts of traces are in it only where the spec set
    report.text: true.
    """
    place = Path(out) if out else Path(bundle).with_suffix(".html")
    try:
        document = write_report(bundle, place, previous=previous, logs=logs, state=state, sha256=sha256)
    except KeyboardInterrupt:
        raise Interrupted(f"{place} was not written") from None
    if as_json:
        print_document(document)
        return
    click.echo(f"{document['path']}  ({size(document['bytes'])}, {plural(len(document['sections']), 'section')})")
    if document["absent"]:
        click.echo(f"not on the page: {listing(each['title'] for each in document['absent'])}")


# what a page begins with
PAGE = b"<!doctype html"


def write_report(
    bundle: str,
    place: Path,
    *,
    previous: str | None = None,
    logs: Sequence[str] = (),
    state: str | None = None,
    sha256: str | None = None,
) -> dict[str, Any]:
    """Write the page in one step, and return the document of ``report --json``."""
    from tracer_spec.atomic_write import check_replaces_its_own, replace_file
    from tracer_spec.production.monitoring.follow import read_on
    from tracer_spec.report.page import render
    from tracer_spec.runtime import read_bundle

    check_replaces_its_own(place, what="the report", ending=".html", start=PAGE)
    opened = read_bundle(bundle, sha256=sha256)
    at = None if state is None else Path(state)
    followed = read_on(opened, logs, state=at) if logs or state else None
    page = render(opened, None if previous is None else read_bundle(previous), followed)
    data = page.html.encode()
    replace_file(place, data, what="the report")
    return {
        "schema_version": 1,
        "path": str(place),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "sections": list(page.sections),
        "absent": [{"title": each.title, "reason": each.reason} for each in page.absent],
    }
