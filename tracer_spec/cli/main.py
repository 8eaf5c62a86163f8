"""Entry point of the command line: runs a verb, renders what went wrong, returns the exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from tracer_spec.cli.console import print_json
from tracer_spec.cli.failure import Failure, failure_of
from tracer_spec.cli.output import GITHUB, JSON, wanted_format
from tracer_spec.cli.signals import as_interrupts
from tracer_spec.cli.standard_streams import own_stdout, reader_has_gone, stand_in
from tracer_spec.cli.verbs import tracer_spec
from tracer_spec.errors import Problem, UsageError

PROGRAM = "tracer-spec"
READER_LEFT = 128 + 13  # what a shell says of a program that SIGPIPE ends, as it ends 'cat' or 'git'


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line, by default with the arguments of this process, and return its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    if not stand_in():
        hint = "redirect it to a file, or to /dev/null"
        return _report(failure_of(UsageError("stdout is closed, so nothing could be answered", hint=hint)), ())
    with own_stdout() if args is None else contextlib.nullcontext(), as_interrupts():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError):
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        if wanted_format(given) != GITHUB:
            return _answer(given)
        from tracer_spec.cli.text.github_commands import guarded_streams

        with guarded_streams():
            return _answer(given)


def _answer(given: list[str]) -> int:
    """Run a call, and render whatever goes wrong with it."""
    try:
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError as error:
        if reader_has_gone(sys.stdout) or reader_has_gone(sys.stderr):
            return _reader_left()
        return _report(failure_of(error), given)
    except KeyboardInterrupt as interrupt:
        return _report(failure_of(interrupt), given)
    except SystemExit:
        raise
    except OSError as error:
        if error.filename is None and not _takes_all(sys.stdout):
            what = (error.strerror or str(error)).lower()
            Failure(
                1, (Problem("stdout", what, "what stands there is cut short; write it to a place with room"),)
            ).show()
            _reader_left()  # what could not be written is not tried again as the process ends
            return 1
        return _report(failure_of(error), given)
    except BaseException as error:  # noqa: BLE001 - the last stop: whatever it is, it is rendered and ends in an exit code
        return _report(failure_of(error), given)
    return code


def _run(args: list[str]) -> int:
    """Parse and call; verbs return their exit code, or None for 0."""
    if f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE" in os.environ:
        tracer_spec.main(args, prog_name=PROGRAM)  # the shell asks for completions; does not come back
    try:
        with tracer_spec.make_context(PROGRAM, list(args)) as context:
            return int(tracer_spec.invoke(context) or 0)
    except click.exceptions.Exit as leave:
        return leave.exit_code


def _report(failure: Failure, args: Sequence[str]) -> int:
    """Write a failure where it belongs: a document on stdout with --json, else lines on stderr."""
    form = wanted_format(args)
    try:
        if form == JSON:
            print_json(failure.document())
        else:
            failure.show()
        if form == GITHUB:
            from tracer_spec.cli.text.github_summary import publish_failure

            publish_failure(failure, *_spec_of(args))
        sys.stdout.flush()
    except OSError:  # nobody reads, or the terminal hung up
        _reader_left()
    return failure.exit_code


def _spec_of(args: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the spec that a call names, and its overrides, as far as the call can be parsed."""
    command = tracer_spec.get_command(click.Context(tracer_spec), args[0]) if args else None
    if command is None:
        return "", ()
    context = command.make_context(
        args[0], list(args[1:]), resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True
    )
    with context:
        spec = context.params.get("spec") or next(iter(context.params.get("specs") or ()), "")
        return spec, tuple(context.params.get("overrides") or ())


def _takes_all(stream: TextIO) -> bool:
    """Return whether what was printed could be written."""
    try:
        stream.flush()
    except OSError:
        return False
    return True


def _reader_left() -> int:
    """Leave quietly when whoever read stdout, or stderr, has gone, and keep the interpreter from flushing to it.

    Not with 0: a verb whose answer is not read whole has not said whether a gate refused.
    """
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_LEFT
