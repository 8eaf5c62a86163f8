"""GitHub Actions: annotations, the step summary and outputs, by the rules of its runner.

References
----------
GitHub, "Workflow commands for GitHub Actions", docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

ERROR, WARNING, NOTICE = LEVELS = ("error", "warning", "notice")
OUTPUTS = ("bundle", "sha256", "coverage", "agreement", "status")
# what GitHub shows of a level for a step; more are dropped there without a word
MOST_SHOWN = 10
# GitHub refuses a summary of more than 1 MiB a step, and a page is read by people
MOST_SUMMARY_BYTES = 64 * 1024
_MOST_MESSAGE_CHARS = 2000
_CUT = "\n*The rest is cut; the log has it all.*\n"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark, of any content, on a line of a file as it was named on the command line; lines count from 1."""

    level: str
    title: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0

    def command(self) -> str:
        """Return the workflow command, on one line."""
        file = path_in_repository(self.file)
        found = {"file": file, "line": self.line, "col": self.column} if file else {}
        given = {
            **{key: value for key, value in found.items() if value},
            "title": f"tracer-spec: {self.title}" if self.title else "tracer-spec",
        }
        message = self.message if len(self.message) <= _MOST_MESSAGE_CHARS else self.message[:_MOST_MESSAGE_CHARS] + "…"
        if self.file and not file:
            message = f"{message}\n{Path(self.file).name}:{self.line}:{self.column}"
        properties = ",".join(f"{key}={in_property(str(value))}" for key, value in given.items())
        return f"::{self.level} {properties}::{in_data(message)}"


def in_data(text: str) -> str:
    r"""Escape the message of a workflow command.

    Examples
    --------
    >>> in_data("100 %\n::error::no command")
    '100 %25%0A::error::no command'
    """
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace("##[", "## [")  # an older form of command, which runners still know


def in_property(text: str) -> str:
    """Escape a property of a workflow command.

    Examples
    --------
    >>> in_property("a:b, 5 %")
    'a%3Ab%2C 5 %25'
    """
    return in_data(text).replace(":", "%3A").replace(",", "%2C")


def path_in_repository(file: str) -> str:
    """Return a file's path from the root of the repository, with slashes; empty where it is not in there.

    Notes
    -----
    The root is ``GITHUB_WORKSPACE``; where that is not set, the folder above that holds ``.git``, else the working
    directory.
    """
    if not file:
        return ""
    path = Path(file).resolve()
    workspace = os.environ.get("GITHUB_WORKSPACE")
    above = (each for each in path.parents if (each / ".git").exists())
    root = Path(workspace).resolve() if workspace else next(above, Path.cwd())
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else ""


def shown(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Return the annotations that GitHub will show: the first ten of each level, the worst first by their caller.

    What is withheld is counted in a notice, which takes a notice's place.
    """
    annotations = list(annotations)
    by_level = {level: [each for each in annotations if each.level == level] for level in LEVELS}
    room = MOST_SHOWN - sum(len(by_level[level]) > MOST_SHOWN for level in (ERROR, WARNING))
    if len(by_level[NOTICE]) > room:
        room -= 1
    limits = {ERROR: MOST_SHOWN, WARNING: MOST_SHOWN, NOTICE: room}
    kept: list[Annotation] = []
    counts: list[Annotation] = []
    for level, found in by_level.items():
        kept += found[: limits[level]]
        n_more = len(found) - limits[level]
        if n_more > 0:
            told = f"{len(found)} {level}s, of which {n_more} are not shown as annotations; the log has them all"
            counts.append(Annotation(NOTICE, f"{n_more} more {level}s", told))
    return kept + counts


def publish(annotations: Iterable[Annotation], summary: str, outputs: Mapping[str, str]) -> None:
    """Write the outputs, the step summary and the annotations; what cannot be written is a warning."""
    # those left out are written empty, so that no value of an earlier call stays
    named = {name: outputs.get(name, "") for name in OUTPUTS}
    written = (
        ("GITHUB_OUTPUT", "outputs", "".join(_assignment(*each) for each in named.items())),
        ("GITHUB_STEP_SUMMARY", "step summary", bounded(summary)),
    )
    missing = [each for each in written if not os.environ.get(each[0])]
    troubles = [*_unset(missing), *(found for each in written if each not in missing for found in _append(*each))]
    sys.stdout.flush()
    sys.stderr.flush()
    stream = sys.stdout.raw if isinstance(sys.stdout, GuardedStream) else sys.stdout
    for each in shown([*annotations, *troubles]):
        stream.write(each.command() + "\n")
    stream.flush()


def bounded(summary: str) -> str:
    """Return a summary that is cut at a line where it is larger than :data:`MOST_SUMMARY_BYTES`."""
    data = summary.encode("utf-8", "backslashreplace")
    if len(data) <= MOST_SUMMARY_BYTES:
        return data.decode()
    kept = data[: MOST_SUMMARY_BYTES - len(_CUT)]
    return kept[: kept.rfind(b"\n") + 1].decode("utf-8", "ignore") + _CUT


def _assignment(name: str, value: str) -> str:
    """Return an output in the form that takes any value: no line of it can end it early."""
    end = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def _unset(missing: Sequence[tuple[str, str, str]]) -> list[Annotation]:
    """Return one warning of all that is not written, since its variable is not set."""
    if not missing:
        return []
    variables, whats = (" and ".join(each[place] for each in missing) for place in (0, 1))
    is_are = "is" if len(missing) == 1 else "are"
    told = f"{variables} {is_are} not set: no {whats} written; is this GitHub Actions?"
    return [Annotation(WARNING, f"no {whats}", told)]


def _append(variable: str, what: str, text: str) -> list[Annotation]:
    """Append to the file that a variable names; return the warning where that cannot be done."""
    try:
        with Path(os.environ[variable]).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return [Annotation(WARNING, f"no {what}", f"no {what} written: the file of {variable} cannot be: {reason}")]
    return []


class GuardedStream(io.TextIOBase):
    """A text stream whose lines the runner cannot take for commands, whoever wrote what stands in them."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the stream's encoding."""
        return self.raw.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Return what the stream does about characters that it cannot encode."""
        return self.raw.errors

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self.raw.fileno()

    def write(self, text: str) -> int:
        """Write the lines that are whole; the last is kept until it is."""
        *lines, self._begun = re.split(r"\r\n|\r|\n", self._begun + text)
        for line in lines:
            self.raw.write(harmless(line) + "\n")
        return len(text)

    def flush(self) -> None:
        """Flush what is whole."""
        self.raw.flush()

    def finish(self) -> None:
        """Write the last line, whole or not."""
        if self._begun:
            self.write("\n")
        self.flush()


def harmless(line: str) -> str:
    """Return a line in which the runner sees no command.

    Notes
    -----
    The runner obeys ``::`` at the start of a line, past white space, and ``##[`` anywhere in it. It may compare by the
    rules of a language, which pass over characters that show nothing; so those are passed over here too.

    Examples
    --------
    >>> harmless("  ::error::no"), harmless("a ##[add-mask]x"), harmless("std::string")
    ('|   ::error::no', 'a # # [add-mask]x', 'std::string')
    """
    seen = re.sub(r"[^!-~]", "", line)
    if "##[" in seen:
        line = line.replace("#", "# ")
    return f"| {line}" if seen.startswith("::") else line


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard stdout and stderr: both go to the log that the runner reads for commands."""
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        for stream in (out, err):
            with contextlib.suppress(BrokenPipeError):  # whoever read it has gone
                stream.finish()
