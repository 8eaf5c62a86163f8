"""``tracer-spec route``: a bundle at work on JSON lines. Imports the runtime alone, no training library."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.failure import Interrupted
from tracer_spec.cli.options import embedder_option, embedder_options_option, sha256_option
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import ByteStream
    from tracer_spec.runtime import Router

STDIN = "-"


@click.command("route", short_help=VERBS["route"])
@click.argument("bundle", metavar="BUNDLE")
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--text", metavar="TEXT", help="Decide on this one text instead of a file.")
@click.option("--out", metavar="FILE", help="Write decisions here, whole or not at all, instead of to stdout.")
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
    embedder: str | None,
    embedder_options: dict[str, Any],
    sha256: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Decide requests: JSON lines in, JSON lines out.

    Each line of FILE (or of stdin) is an object with 'input', or with 'embedding', a list of numbers. Its
    answer is a line {"label", "handled", "score", "stage", "reason"}, after the record's 'id' where it has
    one. Answers keep the order.

    A line that cannot be decided is answered in its place with "reason": "error" and is not handled; the
    exit code is then 1. Blank lines are passed over. FILE may be gzip (.gz). stdout is JSON lines with or
    without --json.
    """
    if text is not None and (file is not None or out is not None):
        raise UsageError("--text takes neither FILE nor --out", hint="put many texts into FILE, one object a line")
    from tracer_spec.runtime import load

    with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
        router = load(bundle, embedder=embedder, embedder_options=embedder_options, sha256=sha256)
        router.check_embedder()
    if text is not None:
        return _one(router, text, as_json)
    name = file or STDIN
    with _input(name) as stream, _output(out) as write, contextlib.redirect_stdout(sys.stderr):
        counts = _stream(router, stream, "stdin" if name == STDIN else name, write, out)
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


def _stream(router: Router, stream: ByteStream, name: str, write: Callable[[bytes], None], out: str | None) -> Any:
    """Answer every line; return the counts."""
    from tracer_spec.cli.commands.route_lines import Counts, answer, read_chunks, read_request

    counts = Counts()
    takes_text = router.manifest.embedder.probe is not None
    try:
        for lines in read_chunks(stream):
            requests = [read_request(line, name, router.dimension) for line in lines]
            write(answer(router, requests, counts, takes_text=takes_text))
    except KeyboardInterrupt:
        kept = f"{out} was not written" if out else f"{counts.lines:,} lines were answered, the rest was not"
        raise Interrupted(kept) from None
    except (EOFError, gzip.BadGzipFile) as damage:
        raise OSError(None, f"the compressed file is damaged or cut short after line {counts.lines}", name) from damage
    return counts


@contextlib.contextmanager
def _input(name: str) -> Iterator[ByteStream]:
    """Open what is read."""
    if name == STDIN:
        if sys.stdin.isatty():
            click.echo("reading JSON lines from the terminal; Ctrl-D ends them", err=True)
        yield sys.stdin.buffer  # type: ignore[misc]
        return
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "rb") as file:
        yield cast("ByteStream", file)


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
