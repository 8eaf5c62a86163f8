"""``tracer-spec route``: a bundle at work on files of requests.

Imports the runtime alone where these are JSON lines in the native layout; pyarrow besides where Parquet becomes Parquet.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.failure import Interrupted
from tracer_spec.cli.options import embedder_option, embedder_options_option, sha256_option, source_option
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError
from tracer_spec.fresh.file_endings import is_called_otherwise, is_parquet, is_table
from tracer_spec.runtime.archive import SPEC

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import Counts, Lines, Reader, Request
    from tracer_spec.runtime import Bundle, Router
    from tracer_spec.spec.nodes import Node

STDIN = "-"


@click.command("route", short_help=VERBS["route"])
@click.argument("bundle", metavar="BUNDLE")
@click.argument("files", metavar="[FILE...|-]", nargs=-1)
@click.option(
    "--text",
    metavar="TEXT",
    help="Decide on this one text instead of a file. With --out FILE.parquet: the column of the texts.",
)
@click.option("--vector", metavar="COLUMN", help="With --out FILE.parquet: the column of the vectors.")
@click.option(
    "--prefix", metavar="TEXT", default="", help="With --out FILE.parquet: what new columns' names begin with."
)
@click.option("--out", metavar="FILE", help="Write decisions here, whole or not at all, instead of to stdout.")
@click.option(
    "--workers",
    "n_workers",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    help="Decide in so many processes; 1 by default.",
)
@source_option
@embedder_option
@embedder_options_option
@sha256_option
@click.option("--json", "as_json", is_flag=True, help="With --out or --text, print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Leave out the line of counts on stderr, but for errors.")
def command(
    bundle: str,
    files: tuple[str, ...],
    text: str | None,
    vector: str | None,
    prefix: str,
    out: str | None,
    n_workers: int,
    source: int | None,
    embedder: str | None,
    embedder_options: dict[str, Any],
    sha256: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Decide requests: records in, JSON lines out; or Parquet in, Parquet out.

    Each record of FILE (or of stdin) holds a text, or a vector, where the spec inside the bundle says that the text, or the
    vector, of a trace is; else under 'input', or 'embedding'. Its answer is a line {"label", "handled", "score", "stage",
    "reason"}, after the record's 'id' where it has one. Answers keep the order, of several files too.

    FILE is JSON Lines (gzip or not), or by its ending CSV, Parquet or JSON, read with the spec's options where it read such
    files too; a glob, or a folder of such files; or an address such as s3://. stdin is JSON Lines.

    With --out FILE.parquet, Parquet files of one schema become one: their columns, and those of the decisions beside them.

    A record that cannot be decided is answered in its place with "reason": "error" and is not handled; the exit code is then
    1. Blank lines are passed over. stdout is JSON lines with or without --json.
    """
    to_parquet = out is not None and is_parquet(out)
    _check_usage(files, out, source, to_parquet=to_parquet, text=text, of_columns=vector is not None or bool(prefix))
    from tracer_spec.cli.commands.route_workers import Job, side_by_side, start_workers

    is_one = text is not None and not to_parquet
    with start_workers(0 if is_one else n_workers - 1) as workers:
        from tracer_spec.runtime import read_bundle
        from tracer_spec.runtime.load import open_router

        with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
            opened = read_bundle(bundle, sha256=sha256)
            router = open_router(opened, embedder=embedder, embedder_options=embedder_options)
            router.check_embedder()
        if text is not None and is_one:
            return _one(router, text, as_json)
        from tracer_spec.cli.commands.route_lines import answer, describe, describe_errors
        from tracer_spec.cli.commands.route_streams import find_files, output, progress
        from tracer_spec.runtime.router_ref import RouterRef

        found = find_files(files or (STDIN,))
        _check_out(out, (bundle, *found), to_parquet=to_parquet)
        # Parquet that becomes Parquet is read by its columns
        by_spec = not to_parquet and (not _is_native(opened) or any(map(is_table, found)))
        # a worker reads the very file that was read here
        ref = RouterRef(bundle, opened.sha256, embedder=embedder, embedder_options=embedder_options)
        tree, read = _spec_and_reader(opened, source) if by_spec else (None, None)
        decide = side_by_side(workers, Job(ref, source, by_spec), router, read)
        with (
            output(out) as file,
            contextlib.redirect_stdout(sys.stderr),
            progress(out, quiet) as tell,
            _interruptible(out) as counts,
        ):
            if to_parquet:
                from tracer_spec.cli.commands.route_parquet import choose_column, write_decisions

                column = choose_column(opened, router, found[0], text, vector, source)
                write_decisions(decide, found, column, prefix, file, counts, tell)
            else:
                for lines, more in decide(answer, _chunks(opened, router, found, tree, read)):
                    file.write(lines)
                    file.flush()
                    counts += more
                    tell(counts.lines)
    if told := describe_errors(counts) if quiet else describe(counts):
        click.echo(told, err=True)
    if as_json and out is not None:
        totals = {"handled": counts.handled, "deferred": counts.deferred, "errors": counts.errors}
        print_document({"schema_version": 1, "out": out, "lines": counts.lines, **totals})
    return 1 if counts.errors else 0


def _check_usage(
    files: Sequence[str], out: str | None, source: int | None, *, to_parquet: bool, text: str | None, of_columns: bool
) -> None:
    if to_parquet:
        other = next(
            (file for file in files or (STDIN,) if file == STDIN or (is_table(file) and not is_parquet(file))), ""
        )
        if other:
            raise UsageError(f"only Parquet becomes Parquet, and '{other}' is none", hint="--out FILE.jsonl")
        return
    if out is not None and is_called_otherwise(out):
        raise UsageError(
            f"--out writes JSON lines, and '{out}' is no name for a file of them",
            hint="--out FILE.jsonl; or --out FILE.parquet, where all that is read is Parquet",
        )
    if of_columns:
        raise UsageError("--vector and --prefix are about columns of Parquet", hint="--out FILE.parquet")
    if text is not None and source is not None:
        raise UsageError("--text takes no --source", hint="it is a text as it is, of no source")
    if text is not None and (files or out is not None):
        raise UsageError("--text takes neither FILE nor --out", hint="put many texts into FILE, one object a line")


def _check_out(out: str | None, read: Sequence[str], *, to_parquet: bool) -> None:
    """Raise where the answers would take the place of what is read, or of a file of another kind."""
    from tracer_spec.atomic_write import check_replaces_its_own

    if out is None or not Path(out).is_file():
        return
    for file in read:
        if Path(file).is_file() and Path(file).samefile(out):
            raise UsageError(
                f"--out names '{file}', which is read",
                hint="name another file; nothing was decided, and it is as it was",
            )
    ending, start = (".parquet", b"PAR1") if to_parquet else (".jsonl", b"{")
    check_replaces_its_own(Path(out), what="the file of --out", ending=ending, start=start)


def _one(router: Router, text: str, as_json: bool) -> int:
    """Print one decision."""
    from tracer_spec.cli.commands.route_lines import to_line

    if router.manifest.embedder.probe is None:
        raise UsageError(
            f"this bundle takes vectors of {router.dimension} numbers, not texts",
            hint='give them as JSON lines: {"embedding": [...]}',
        )
    with contextlib.redirect_stdout(sys.stderr):
        decision = router.route(text).to_dict()
    if as_json:
        print_document({"schema_version": 1, **decision})
    else:
        click.echo(to_line(decision), nl=False)
    return 0


@contextlib.contextmanager
def _interruptible(out: str | None) -> Iterator[Counts]:
    """Give the counts; an interrupt says what became of the answers."""
    from tracer_spec.cli.commands.route_lines import Counts

    counts = Counts()
    try:
        yield counts
    except KeyboardInterrupt:
        kept = f"{out} was not written" if out else f"{counts.lines:,} lines were answered, the rest was not"
        raise Interrupted(kept) from None


def _chunks(
    bundle: Bundle, router: Router, files: Sequence[str], tree: Node | None, read: Reader | None
) -> Iterator[Lines | Sequence[Request]]:
    """Yield what is read, in chunks: lines as they stand, and requests of files of other kinds."""
    from tracer_spec.cli.commands.route_streams import lines_of

    for file in files:
        if is_table(file) and tree is not None and read is not None:
            from tracer_spec.cli.commands.route_records import read_table

            yield from read_table(bundle, tree, file, read, router.dimension)
        else:
            yield from lines_of(file)


def _spec_and_reader(bundle: Bundle, source: int | None) -> tuple[Node, Reader]:
    """Return the spec inside a bundle, and what reads records as it says."""
    from tracer_spec.cli.commands.route_records import spec_reader
    from tracer_spec.fresh.spec_of_bundle import written_spec

    tree = written_spec(bundle, source)
    return tree, spec_reader(bundle, tree)


def _is_native(bundle: Bundle) -> bool:
    """Tell whether records are surely laid out as format 'native' says: then no library that reads specs is imported."""
    return b"format" not in bundle.members[SPEC] and not bundle.manifest.provenance.get("overrides")
