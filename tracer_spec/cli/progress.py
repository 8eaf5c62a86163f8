"""Progress of a build on stderr: bars on a terminal where rich is installed, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tracer_spec.cli.console import is_terminal
from tracer_spec.flow.progress import Event, LearnerDone, Observer, StageDone, StageStarted, StepDone, no_observer
from tracer_spec.text_format import duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_NAME = 10


@contextlib.contextmanager
def watch(verbosity: int) -> Iterator[Observer]:
    """Give the observer that suits stderr, where whatever plugins print meanwhile goes too.

    Below 0 nothing is shown; above 0 each step is a line of its own.
    """
    with contextlib.redirect_stdout(sys.stderr):
        if verbosity < 0:
            yield no_observer
        elif verbosity > 0 or not is_terminal(sys.stderr) or importlib.util.find_spec("rich") is None:
            yield _Lines(steps=verbosity > 0)
        else:
            with _bars() as progress:
                yield _Bars(progress)


def _outcome(event: LearnerDone) -> str:
    """Say what became of a learner."""
    if event.agreement is None:
        return f"skipped: {event.reason}"
    return f"agreement {event.agreement:.3f}" + (f"  ({event.reason})" if event.reason else "")


class _Lines:
    """Writes plain lines, for logs."""

    def __init__(self, *, steps: bool) -> None:
        self._steps = steps

    def __call__(self, event: Event) -> None:
        match event:
            case StageDone():
                self._write(event.stage, f"{event.summary}  ({duration(event.seconds)})")
            case LearnerDone():
                self._write("", f"{event.name:<22} {_outcome(event)}  ({duration(event.seconds)})")
            case StepDone() if self._steps:
                self._write("", f"{event.stage}: {event.step}  ({duration(event.seconds)})")
            case StageStarted() if self._steps:
                self._write(event.stage, "...")

    @staticmethod
    def _write(head: str, text: str) -> None:
        click.echo(f"{head:<{_NAME}} {text}".rstrip(), err=True)


class _Bars:
    """Moves the bar of the running stage; what is finished scrolls up above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted():
                self._start(event)
            case StepDone():
                self._advance(event)
            case LearnerDone():
                style = "yellow" if event.agreement is None else "default"
                self._print("", f"{event.name:<22} {_outcome(event)}", event.seconds, style)
            case StageDone():
                task = self._tasks.pop(event.stage, None)
                if task is not None:
                    self._progress.remove_task(task)
                self._print(event.stage, event.summary, event.seconds, "default")

    def _start(self, event: StageStarted) -> None:
        """Show a stage; one that says how many steps it has once it knows is not shown twice."""
        total = event.steps or None
        if event.stage in self._tasks:
            self._progress.update(self._tasks[event.stage], total=total)
        else:
            name = event.stage.ljust(_NAME)
            self._tasks[event.stage] = self._progress.add_task(name, total=total, count="", step="")

    def _advance(self, event: StepDone) -> None:
        task = self._tasks.get(event.stage)
        if task is None:
            return
        self._progress.update(task, advance=1, step=event.step)
        shown = next(each for each in self._progress.tasks if each.id == task)
        of = "" if shown.total is None else f"/{shown.total:.0f}"
        self._progress.update(task, count=f"{shown.completed:.0f}{of}")

    def _print(self, head: str, text: str, seconds: float, style: str) -> None:
        """Print a line that wraps at words, in the column of its text."""
        from rich.table import Table
        from rich.text import Text

        line = Table.grid(padding=(0, 1))
        line.add_column(width=1, style="green")
        line.add_column(width=_NAME, style="bold")
        line.add_column(overflow="fold")
        line.add_row("✓" if head else "", head, Text.assemble((text, style), (f"  {duration(seconds)}", "dim")))
        self._progress.console.print(line)


def _bars() -> Progress:
    """Make the display of the running stage."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", style="bold"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", style="dim"),
        console=Console(stderr=True),
        transient=True,
    )
