"""Failures of a call, as text and as a document: problems, an exit code, a report where the bug is ours."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import click

from tracer_spec.build_packages import missing_build_package
from tracer_spec.cli.console import paint, wrapped
from tracer_spec.cli.signals import Ended, interrupt_behind
from tracer_spec.errors import Difference, LockError, Problem, TracerError, remedy_of

BUG = 70
INTERRUPTED = 130


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, by a verb that knows what was not written, or was left as it was."""

    def __init__(self, kept: str) -> None:
        super().__init__(kept)
        self.kept = kept


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed.

    Parameters
    ----------
    exit_code, problems
    usage : str
        How the command is called, where it was called wrongly.
    differences : tuple of Difference
        What is not as the lock says.
    kept : str
        What was not written, or was left as it was, by a verb that knows.
    """

    exit_code: int
    problems: tuple[Problem, ...]
    usage: str = ""
    differences: tuple[Difference, ...] = ()
    kept: str = ""

    def document(self) -> str:
        """Return the JSON document of ``--json``."""
        problems = [
            {"where": each.where, "address": each.address, "what": each.what, "hint": each.hint}
            for each in self.problems
        ]
        error: dict[str, object] = {"exit_code": self.exit_code, "problems": problems}
        if self.differences:
            error["differences"] = [each.document() for each in self.differences]
        if self.kept:
            error["kept"] = self.kept
        return json.dumps({"schema_version": 1, "error": error}, indent=2, ensure_ascii=False)

    def show(self) -> None:
        """Write it to stderr."""
        if self.usage:
            click.echo(self.usage, err=True)
        for problem in self.problems:
            click.echo(_render(problem), err=True)
        if len(self.problems) > 1:
            click.echo(f"{len(self.problems)} problems", err=True)
        if self.kept:
            click.echo(paint(self.kept, "dim", stream=sys.stderr), err=True)


def failure_of(error: BaseException) -> Failure:
    """Turn an exception into what its reader needs to know.

    Notes
    -----
    An ``OSError`` is the environment's: a full disk or a forbidden file is nobody's bug. So is a package that is missing or
    does not fit another. Anything else that is not a :class:`~tracer_spec.errors.TracerError` is ours.
    """
    interrupt = interrupt_behind(error)
    if interrupt is not None or isinstance(error, click.Abort):
        kept = error.kept if isinstance(error, Interrupted) else "nothing was written"
        what = f"ended by {interrupt.signal.name}" if isinstance(interrupt, Ended) else "interrupted"
        code = 128 + interrupt.signal if isinstance(interrupt, Ended) else INTERRUPTED
        return Failure(code, (Problem("", f"{what}; {kept}"),))
    if isinstance(error, TracerError):
        differences = error.differences if isinstance(error, LockError) else ()
        kept = "; ".join(getattr(error, "__notes__", ()))
        return Failure(error.exit_code, error.problems, differences=differences, kept=kept)
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else str(error.filename)
        return Failure(1, (Problem(where, error.strerror.lower(), remedy_of(error)),))
    if isinstance(error, ImportError) and (missing := missing_build_package(error)):
        return Failure(missing.exit_code, missing.problems)
    if isinstance(error, ImportError) and not (error.name or "").startswith("tracer_spec"):
        what = f"{error.name or 'a package'} cannot be imported: {' '.join(str(error).split())[:300]}"
        return Failure(1, (Problem("", what, "pip install --upgrade tracer-spec numpy onnxruntime"),))
    if isinstance(error, MemoryError):
        return Failure(1, (Problem("", "out of memory", "try fewer workers ('--workers 1') or a smaller zoo"),))
    from tracer_spec.cli.crash import write_report

    return Failure(BUG, (write_report(error),))


def _usage(error: click.ClickException) -> Failure:
    """Render what click found wrong with the call."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return Failure(error.exit_code, (Problem("", error.format_message()),))
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure(2, (Problem("", "a command is missing"),), context.get_help() + "\n")
    message = error.format_message().rstrip(".")
    what = message[:1].lower() + message[1:]
    return Failure(2, (Problem("", what, f"'{context.command_path} --help' explains the call"),), context.get_usage())


def _render(problem: Problem) -> str:
    """Lay out one problem: address, fact, hint."""
    head = "  ".join(part for part in (problem.where, problem.address) if part)
    margin = "  " if head else ""
    lines = [paint(head, "bold", stream=sys.stderr)] if head else []
    lines += [f"{margin}{line}" for line in wrapped(problem.what, indent=len(margin), stream=sys.stderr)]
    if problem.hint:
        mark = paint("hint:", "cyan", stream=sys.stderr)
        first, *more = wrapped(problem.hint, indent=8, stream=sys.stderr)
        lines += [f"  {mark} {first}", *(f"        {line}" for line in more)]
    return "\n".join(lines)
