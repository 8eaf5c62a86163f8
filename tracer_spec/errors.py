"""The errors of the package: where each happened, what is wrong, what to do, and the exit code it ends in.

Libraries raise these; only :mod:`tracer_spec.cli` renders them. Standard library only, since the runtime raises them too.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

# what the logs of CI systems obey: '::error file=x::' at the start of a line, '##[error]' and '##vso[' anywhere
_COMMANDS = re.compile(r":(?=:[\w-]+[^:]*::)|#(?=#(?:vso)?\[)")

# 'user:password@', in which a password may hold any character and 'host:8080/' is none; and 'token@'
_CREDENTIALS = re.compile(
    r"(?<=://)[^\s'\"@:/]*:(?!\d+/)[^\s'\"]*@|(?<=https://)[^\s'\"@:/]+@|(?<=http://)[^\s'\"@:/]+@", re.IGNORECASE
)
_SIGNATURE = re.compile(r"(://[^\s'\"?]*\?)[\w.-]+=[^\s'\"]*")


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return a text whose addresses hold no credentials and no signature, and which holds none of the known secrets.

    Those are looked for first, and in the message as it was raised: what is cut may be none any more.

    Examples
    --------
    >>> without_secrets("s3://key:se/cr@t@bucket/*.jsonl"), without_secrets("https://host:8080/a@b.json?sig=1234")
    ('s3://bucket/*.jsonl', 'https://host:8080/a@b.json?...')
    >>> without_secrets("no answer to sk-1234", ["sk-1234"])
    'no answer to ...'
    """
    from tracer_spec.secret_forms import masked  # a decision needs it not

    return _SIGNATURE.sub(r"\1...", _CREDENTIALS.sub("", masked(text, known)))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a place, a fact, a remedy, without the credentials of addresses in them.

    Parameters
    ----------
    where : str
        ``file``, ``file:line`` or ``file:line:column``; empty where there is no place.
    what : str
        The value got and the values allowed; lower case, no full stop.
    hint : str
        What to do about it; empty where the fact says it all.
    address : str
        A dotted path inside the file (``zoo[1].use``), or a bundle's member; empty where there is none.
    """

    where: str
    what: str
    hint: str = ""
    address: str = ""

    def __post_init__(self) -> None:
        for name in ("where", "what", "hint"):
            object.__setattr__(self, name, without_secrets(getattr(self, name)))

    def __str__(self) -> str:
        head = "  ".join(part for part in (self.where, self.address) if part)
        lines = [head, f"  {self.what}"] if head else [self.what]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def without_secrets_in(problem: Problem, known: Iterable[str] = ()) -> Problem:
    """Return a problem with :func:`without_secrets` of what it says."""
    what, hint, where = (without_secrets(each, known) for each in (problem.what, problem.hint, problem.where))
    return replace(problem, what=what, hint=hint, where=where)


def printable(text: str) -> str:
    r"""Return what others wrote as one line that does nothing to a terminal, a page or the log of a CI system.

    Examples
    --------
    >>> printable("top_up\nReason: \x1b[2J\u202e"), printable("::error::no"), printable("##[error]no"), printable("std::map")
    ('top_up Reason: ?[2J?', ': :error::no', '# #[error]no', 'std::map')
    """
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(character if character.isprintable() else "?" for character in line)
    return _COMMANDS.sub(r"\g<0> ", line)


# of a name, what is enough to know it by its start
_SHORTEST = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` where a known name is near, or the only one that starts so; else an empty string.

    Examples
    --------
    >>> did_you_mean("agrement", ["agreement", "confidence"]), did_you_mean("conf", ["agreement", "confidence"])
    ("did you mean 'agreement'?", "did you mean 'confidence'?")
    >>> did_you_mean("c", ["max_iter", "C"])
    "did you mean 'C'?"
    """
    import difflib

    names = list(dict.fromkeys(known))
    near = [each for each in names if each.casefold() == name.casefold()] or difflib.get_close_matches(name, names, n=1)
    if not near and len(name) >= _SHORTEST:
        near = [each for each in names if each.startswith(name)]
        near = near if len(near) == 1 else []
    return f"did you mean '{near[0]}'?" if near else ""


class TracerError(Exception):
    """Anything that goes wrong and that its reader can fix.

    Parameters
    ----------
    what : str
        The fact.
    where, hint, address : str
        See :class:`Problem`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "", address: str = "") -> None:
        super().__init__(what)
        self.problems: tuple[Problem, ...] = (Problem(where, what, hint, address),)

    @classmethod
    def of(cls, problems: tuple[Problem, ...]) -> TracerError:
        """Make one error out of several problems, so that all are reported at once."""
        error = cls(problems[0].what)
        error.problems = problems
        return error

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[object, ...]:
        # an error raised in a worker process keeps its problems on the way home
        return (type(self).of, (self.problems,))


class DataError(TracerError):
    """The traces cannot be used as they are."""


class PluginError(TracerError):
    """A plugin is broken, breaks its contract, or failed at its work."""


class MissingDependencyError(PluginError):
    """A plugin needs a package that is not installed; the hint is the command that installs it."""


class SpecError(TracerError):
    """The spec is invalid."""

    exit_code = 2


class UsageError(TracerError):
    """The call itself makes no sense."""

    exit_code = 2


class BundleError(TracerError):
    """A bundle is damaged, tampered with, of another format, or does not belong with its embedder.

    Its fact, remedy and address may quote the bundle, so they are kept as :func:`printable` text.
    """

    exit_code = 4

    def __init__(self, what: str, *, where: str = "", hint: str = "", address: str = "") -> None:
        super().__init__(printable(what), where=where, hint=printable(hint), address=printable(address))


class EmbedderError(BundleError):
    """An embedder is out of reach, or is not the one that the policy was built on. Its message quotes no request."""


class UnreachableError(EmbedderError):
    """A service does not answer: the environment's fault, and not the bundle's."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it was.

    Parameters
    ----------
    address : str
        What it is: ``traces.kept``, ``libraries.numpy``.
    was, now : str, int, float, bool or None
        None where there was none, or there is none now.
    """

    address: str
    was: str | int | float | bool | None
    now: str | int | float | bool | None

    def document(self) -> dict[str, str | int | float | bool | None]:
        """Return it as JSON values."""
        return {"address": self.address, "was": self.was, "is": self.now}


class LockError(TracerError):
    """What ``router.lock`` pins is not what is there now; ``differences`` holds each value that differs."""

    exit_code = 5
    differences: tuple[Difference, ...] = ()


class DimensionError(TracerError, ValueError):
    """A vector does not have the dimension that the policy was built for: the caller's bug, never a deferral."""


_MAY_NOT = "let this user read and write there, or name another place"
_FULL = "make room there, or name another place"
_REMEDIES = {
    errno.ENOENT: "relative paths start at the current folder, and a folder to write into must be there",
    errno.ENOTDIR: "name a folder where a file is named",
    errno.EISDIR: "name a file where a folder is named",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _MAY_NOT),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    errno.EMFILE: "let a process open more files ('ulimit -n')",
}


def remedy_of(error: OSError) -> str:
    """Return what helps where the environment refuses a file; empty where that is not known.

    Examples
    --------
    >>> remedy_of(FileNotFoundError(2, "No such file or directory"))
    'relative paths start at the current folder, and a folder to write into must be there'
    """
    return _REMEDIES.get(error.errno or 0, "")
