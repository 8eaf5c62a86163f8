"""``tracer-spec route``: a bundle at work on a file of requests. Imports the runtime alone where these are JSON lines."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tracer_spec.cli.commands.spec_of_bundle import is_table
from tracer_spec.cli.console import is_terminal, print_document
from tracer_spec.cli.failure import Interrupted
from tracer_spec.cli.options import embedder_option, embedder_options_option, sha256_option, source_option
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError
from tracer_spec.runtime.archive import SPEC

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import ByteStream, Counts, Line, Request
    from tracer_spec.runtime import Bundle, Router

STDIN = "-"


@click.command("route", short_help=VERBS["route"])
@click.argument("bundle", metavar="BUNDLE")
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--text", metavar="TEXT", help="Decide on this one text instead of a file.")
@click.option("--out", metavar="FILE", help="Write decisions here, whole or not at all, instead of to stdout.")
@source_option
@embedder_option
@embedder_options_option
@sha256_option
@click.option("--json", "as_json", is_flag=True, help="With --out or --text, print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Leave out the line of counts on stderr.")
def command(
    bundle: str,
    file: str | None,
    text: str | None,
    out: str | None,
    source: int | None,
    embedder: str | None,
    embedder_options: dict[str, Any],
    sha256: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Decide requests: records in, JSON lines out.

    Each record of FILE (or of stdin) holds a text, or a vector, where the spec inside the bundle says that the text, or the
    vector, of a trace is; else under 'input', or 'embedding'. Its answer is a line {"label", "handled", "score", "stage",
    "reason"}, after the record's 'id' where it has one. Answers keep the order.

    FILE is JSON Lines (gzip or not), or by its ending CSV, Parquet or JSON, read with the spec's options where it read such
    files too. stdin is JSON Lines.

    A record that cannot be decided is answered in its place with "reason": "error" and is not handled; the exit code is then
    1. Blank lines are passed over. stdout is JSON lines with or without --json.
    """
    if text is not None and source is not None:
        raise UsageError("--text takes no --source", hint="it is a text as it is, of no source")
    if text is not None and (file is not None or out is not None):
        raise UsageError("--text takes neither FILE nor --out", hint="put many texts into FILE, one object a line")
    from tracer_spec.runtime import read_bundle
    from tracer_spec.runtime.load import open_router

    with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
        opened = read_bundle(bundle, sha256=sha256)
        router = open_router(opened, embedder=embedder, embedder_options=embedder_options)
        router.check_embedder()
    if text is not None:
        return _one(router, text, as_json)
    with (
        _requests(opened, router, file or STDIN, source) as chunks,
        _output(out) as write,
        contextlib.redirect_stdout(sys.stderr),
        _progress(out, quiet) as tell,
    ):
        counts = _answer(router, chunks, write, tell, out)
    if not quiet:
        from tracer_spec.cli.commands.route_lines import describe

        click.echo(describe(counts), err=True)
    if as_json and out is not None:
        totals = {"handled": counts.handled, "deferred": counts.deferred, "errors": counts.errors}
        print_document({"schema_version": 1, "out": out, "lines": counts.lines, **totals})
    return 1 if counts.errors else 0


def _one(router: Router, text: str, as_json: bool) -> int:
    """Print one decision."""
    from tracer_spec.cli.commands.route_lines import decision_document, to_line

    if router.manifest.embedder.probe is None:
        raise UsageError(
            f"this bundle takes vectors of {router.dimension} numbers, not texts",
            hint='give them as JSON lines: {"embedding": [...]}',
        )
    with contextlib.redirect_stdout(sys.stderr):
        decision = decision_document(router.route(text))
    if as_json:
        print_document({"schema_version": 1, **decision})
    else:
        click.echo(to_line(decision), nl=False)
    return 0


def _answer(
    router: Router,
    chunks: Iterable[Sequence[Request]],
    write: Callable[[bytes], None],
    tell: Callable[[int], None],
    out: str | None,
) -> Counts:
    """Answer every request; return the counts."""
    from tracer_spec.cli.commands.route_lines import Counts, answer

    counts = Counts()
    takes_text = router.manifest.embedder.probe is not None
    try:
        for requests in chunks:
            write(answer(router, requests, counts, takes_text=takes_text))
            tell(counts.lines)
    except KeyboardInterrupt:
        kept = f"{out} was not written" if out else f"{counts.lines:,} lines were answered, the rest was not"
        raise Interrupted(kept) from None
    return counts


@contextlib.contextmanager
def _requests(bundle: Bundle, router: Router, name: str, source: int | None) -> Iterator[Iterable[Sequence[Request]]]:
    """Open what is read, and give its requests in chunks."""
    from tracer_spec.cli.commands.route_lines import read_chunks, read_requests

    read = None
    if is_table(name) or not _is_native(bundle):
        from tracer_spec.cli.commands.route_records import read_table, spec_reader
        from tracer_spec.cli.commands.spec_of_bundle import written_spec

        tree = written_spec(bundle, source)
        read = spec_reader(bundle, tree)
        if is_table(name):
            yield read_table(bundle, tree, name, read, router.dimension)
            return
    shown = "stdin" if name == STDIN else name
    with _input(name) as stream:
        yield (read_requests(lines, shown, router.dimension, read) for lines in _undamaged(read_chunks(stream), name))


def _is_native(bundle: Bundle) -> bool:
    """Tell whether records are surely laid out as format 'native' says: then no library that reads specs is imported."""
    return b"format" not in bundle.members[SPEC] and not bundle.manifest.provenance.get("overrides")


def _undamaged(chunks: Iterator[list[Line]], name: str) -> Iterator[list[Line]]:
    """Name the line after which a compressed file cannot be read."""
    number = 0
    try:
        for lines in chunks:
            yield lines
            number = lines[-1].number if lines else number
    except (EOFError, gzip.BadGzipFile, zlib.error) as damage:
        raise OSError(None, f"the compressed file is damaged or cut short after line {number}", name) from damage


@contextlib.contextmanager
def _input(name: str) -> Iterator[ByteStream]:
    """Open JSON lines."""
    if name == STDIN:
        if sys.stdin.isatty():
            click.echo("reading JSON lines from the terminal; Ctrl-D ends them", err=True)
        yield sys.stdin.buffer  # type: ignore[misc]
        return
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "rb") as file:
        yield cast("ByteStream", file)


@contextlib.contextmanager
def _progress(out: str | None, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Give what shows how many requests are answered: on a terminal alone, where the answers go to a file."""
    if out is None or quiet or not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from tracer_spec.cli.progress import watch
    from tracer_spec.flow.progress import StageStarted, StepDone

    with watch(0) as observe:
        observe(StageStarted("route"))
        started = time.perf_counter()

        def tell(n: int) -> None:
            observe(StepDone("route", f"{n:,} lines, {n / (time.perf_counter() - started):,.0f} per second"))

        yield tell


@contextlib.contextmanager
def _output(out: str | None) -> Iterator[Callable[[bytes], None]]:
    """Give what writes: to stdout, each chunk at once; or to a file that is there whole or not at all."""
    if out is None or (Path(out).exists() and not Path(out).is_file()):
        with contextlib.ExitStack() as stack:
            file = sys.stdout.buffer if out is None else stack.enter_context(Path(out).open("wb"))

            def write(data: bytes) -> None:
                file.write(data)
                file.flush()

            yield write
        return
    path = Path(out).resolve()  # a symbolic link stays, and what it leads to is replaced
    try:
        opened = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.tmp-", delete=False)  # noqa: SIM115
    except OSError as error:
        raise OSError(error.errno, error.strerror, out) from None
    with opened as temporary:
        try:
            yield cast("Callable[[bytes], None]", temporary.write)
            temporary.flush()
            os.fsync(temporary.fileno())
            Path(temporary.name).chmod(0o666 & ~_umask())
            Path(temporary.name).replace(path)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
