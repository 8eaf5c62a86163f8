"""``tracer-spec build``: from a spec to a certified bundle, or to a refusal with its reasons."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.failure import Interrupted
from tracer_spec.cli.options import brief_option, only_one_of, overrides_option, quiet_option
from tracer_spec.cli.output import GITHUB, JSON, chosen_format, format_options
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import BundleError, DataError, PluginError, UsageError
from tracer_spec.text_format import size

if TYPE_CHECKING:
    from tracer_spec.flow.result import BuildResult

REFUSED = 3


@click.command("build", short_help=VERBS["build"])
@click.argument("spec", metavar="SPEC")
@click.option(
    "--out",
    metavar="FILE",
    help="Where the bundle goes; dist/NAME.tracer by default, or NAME.draft.tracer, NAME.uncertified.tracer.",
)
@overrides_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that train side by side; all processors by default. Changes nothing in the outcome.",
)
@click.option(
    "--draft", is_flag=True, help="Estimate from fit rows; open no certify row, certify nothing, spend no look."
)
@click.option(
    "--locked",
    is_flag=True,
    help="Refuse where an input is not the one in router.lock; leave the lock as it is. Exit code 5.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Build what router.lock pins again, write nothing, and say whether it is the same. Exit code 5 where not.",
)
@click.option("--report", metavar="FILE", help="Write the bundle's report too, as 'tracer-spec report' does.")
@click.option("--no-cache", is_flag=True, help="Reuse nothing of earlier builds, and keep nothing; see 'cache'.")
@format_options
@quiet_option
@brief_option
@click.option("-v", "--verbose", is_flag=True, help="Show every step, every test and every note.")
def command(
    spec: str,
    out: str | None,
    overrides: tuple[str, ...],
    workers: int | None,
    draft: bool,
    locked: bool,
    check: bool,
    report: str | None,
    no_cache: bool,
    form: str | None,
    as_json: bool,
    quiet: bool,
    brief: bool,
    verbose: bool,
) -> int:
    """Train, certify and write a bundle.

    Reads the traces that SPEC names, trains the zoo, proposes policies, certifies one on rows that nothing
    was trained on, and writes it. Where nothing can be certified, nothing is written, an earlier bundle is
    left as it was, and the exit code is 3.

    Each look at the certify rows is counted in router.lock beside SPEC, and the more of them overlap, the less
    error each may spend: try settings with --draft, which opens none, and commit the lock.

    The lock also pins what the last certified bundle was made from and came to. --locked refuses, before anything
    is trained, where the spec, the traces, a plugin, a library or the embedder is another by now; --check builds
    again and compares the result. Neither spends a look.
    """
    only_one_of(quiet=quiet, verbose=verbose)
    only_one_of(brief=brief, verbose=verbose)
    if report is not None:
        _ready_to_report(Path(report), out, check=check)
    form = chosen_format(form, as_json=as_json)
    from tracer_spec.cli.progress import watch
    from tracer_spec.engine import build

    try:
        with watch(verbose - quiet) as observe:
            result = build(
                spec,
                out=out,
                overrides=overrides,
                draft=draft,
                locked=locked,
                check=check,
                workers=workers,
                cache=not no_cache,
                observe=observe,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"{out or 'the bundle'} was not written") from None
    except (DataError, PluginError, BundleError) as error:
        error.add_note(f"{out or 'the bundle'} was not written; one of an earlier build is left as it was")
        raise
    if form == JSON:
        print_document(result.document())
    else:
        from tracer_spec.cli.text.build import build_outcome
        from tracer_spec.flow.bundle_file import bundle_place

        place = bundle_place(out, result.name, "draft" if draft else "certified")
        lock = Path(spec).with_suffix(".lock") if check else None
        words = ["tracer-spec", "build", spec, *(word for each in overrides for word in ("--set", each))]
        outcome = build_outcome(result, shlex.join(words), out=place, lock=lock, verbose=verbose)
        if not (quiet or check):
            click.echo(err=True)
        click.echo(outcome.text(brief=brief))
    if report is not None:
        _report(result, Path(report))
    if form == GITHUB:
        from tracer_spec.cli.text.github_summary import publish_build

        publish_build(outcome, result, spec, overrides)
    return REFUSED if result.status == "refused" else 0


def _ready_to_report(place: Path, out: str | None, *, check: bool) -> None:
    """Find out before anything is trained that no report can be written."""
    from tracer_spec.atomic_write import check_replaces_its_own, check_writable
    from tracer_spec.cli.commands.report import PAGE
    from tracer_spec.report.page import ready

    if check:
        raise UsageError("--check writes nothing, and --report asks for a file; take one of them")
    if out is not None and place.absolute() == Path(out).absolute():
        raise UsageError(f"--out and --report name one file, '{place}'", hint="give each a file of its own")
    ready()
    check_writable(place, what="the report")
    check_replaces_its_own(place, what="the report", ending=".html", start=PAGE)


def _report(result: BuildResult, place: Path) -> None:
    """Write the report of what was built, and tell so on stderr: stdout may hold a document."""
    if result.bundle is None:
        click.echo(f"{place} was not written: a refused build has no bundle to report", err=True)
        return
    from tracer_spec.cli.commands.report import write_report

    document = write_report(str(result.bundle), place, sha256=result.sha256)
    click.echo(f"report     {place}  ({size(document['bytes'])})", err=True)
