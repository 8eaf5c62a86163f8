"""The way from router.yaml to a valid spec; everything that is wrong is reported at once."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from tracer_spec.errors import Problem, SpecError, remedy_of
from tracer_spec.spec.environment import Expanded, expand
from tracer_spec.spec.mapping_reader import as_text, read_mapping
from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.nodes import Node, Pairs, Path, Place, Scalar, address, as_written, find, is_within, nearest
from tracer_spec.spec.overrides import apply_overrides
from tracer_spec.spec.problems import problems_of
from tracer_spec.spec.reader import MAX_BYTES, read_yaml
from tracer_spec.spec.remainder import remainder

STDIN = "-"
_TRACES = frozenset((".csv", ".jsonl", ".ndjson", ".parquet", ".pq", ".tsv"))


@dataclass(frozen=True, slots=True)
class LoadedSpec:
    """A valid spec, and where everything in it was written.

    Parameters
    ----------
    spec : RouterSpec
        With overrides applied and variables expanded.
    root : Path
        The folder that relative paths start at: the file's, or the current one for a mapping and for stdin; absolute.
    text : str
        The YAML as read, before overrides and expansion; for a mapping, YAML that says the same.
    file : str
        The file's name as given; empty for a mapping and for stdin.
    tree : Node
        The spec as written, with overrides, which ``overrides`` holds as they were given.
    """

    spec: RouterSpec
    root: FilePath
    text: str = field(repr=False)
    file: str
    tree: Node = field(repr=False)
    overrides: tuple[str, ...] = ()

    def where(self, path: Path) -> str:
        """Return ``file:line:column`` of the value at ``path``, or of its nearest parent that is written."""
        return str(nearest(self.tree, path).place)


@dataclass(frozen=True, slots=True)
class SpecReading:
    """What was read of a spec: ``problems``, and as much as is valid.

    ``rest`` is the spec without the values at ``left_out``; None where nothing can be made of it.
    """

    problems: tuple[Problem, ...]
    rest: LoadedSpec | None = field(repr=False)
    left_out: frozenset[Path] = frozenset()

    def is_left_out(self, where: str) -> bool:
        """Tell whether nothing can be said of an address, since what stands there is not what was written."""
        return any(is_within(where, address(path)) or where == _holder(path) for path in self.left_out)


def load_spec(
    source: str | FilePath | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> LoadedSpec:
    """Read and validate a spec.

    Parameters
    ----------
    source : str, Path or mapping
        A file, ``-`` for stdin, or a mapping of the same shape as the YAML.
    overrides : sequence of str
        ``KEY=VALUE`` each, as in ``target.agreement=0.95``, applied in order.
    environ : mapping, optional
        What ``${VAR}`` is looked up in; the process's environment by default.

    Raises
    ------
    SpecError
        With every problem found: syntax, unknown keys, types, ranges, variables that are not set, overrides.
    """
    reading = read_spec(source, overrides=overrides, environ=environ)
    if reading.problems or reading.rest is None:
        raise SpecError.of(reading.problems)
    return reading.rest


def read_spec(
    source: str | FilePath | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> SpecReading:
    """Read a spec as :func:`load_spec` does, and keep what is valid of it where something is wrong.

    Raises SpecError where the source cannot be read, or is no mapping.
    """
    problems: list[Problem] = []
    if isinstance(source, Mapping):
        root, problems = read_mapping(source)
        file, text, folder = "", as_text(root), FilePath.cwd()
    elif source == STDIN:
        file, folder = "", FilePath.cwd()
        text = _decoded(sys.stdin.buffer.read(MAX_BYTES + 1), "stdin")
        root, problems = read_yaml(text, "stdin")
    else:
        file, path = os.fspath(source), FilePath(source)
        if path.suffix.lower() in _TRACES and path.is_file():
            hint = f"for a spec of them: {shlex.join(['tracer-spec', 'init', '--traces', file])}"
            raise SpecError("these are traces, not a spec", where=file, hint=hint)
        text = read_text(path, file)
        root, problems = read_yaml(text, file)
        folder = path.absolute().parent
    _check_root(root, problems)
    tree, found = apply_overrides(root, overrides)
    problems += found
    _check_root(tree, problems)
    expanded = expand(tree, os.environ if environ is None else environ)
    told = {problem.address for problem in problems if problem.address}
    problems += [problem for problem in _invalid(expanded, tree) if problem.address not in told]
    kept = remainder(expanded.data, tree)
    if kept is None:
        return SpecReading(in_reading_order(problems), None)
    spec, left_out = kept
    rest = LoadedSpec(spec, folder, text, file, tree, tuple(overrides))
    return SpecReading(in_reading_order(problems), rest, left_out | expanded.unresolved)


def read_text(path: FilePath, shown: str) -> str:
    """Return the text of a UTF-8 file of at most 1 MiB; ``shown`` is its name in messages."""
    try:
        if path.is_dir():
            raise SpecError("this is a folder, not a file", where=shown, hint=f"name the file: {path / 'router.yaml'}")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "relative paths start at the current folder"
        raise SpecError("there is no such file", where=shown, hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = remedy_of(error) if isinstance(error, OSError) else ""
        raise SpecError(f"the file cannot be read: {reason.lower()}", where=shown, hint=hint) from None
    return _decoded(data, shown)


def _decoded(data: bytes, shown: str) -> str:
    """Return UTF-8 as text, without its mark; of more than 1 MiB nothing is taken."""
    if len(data) > MAX_BYTES:
        raise SpecError(f"the file is larger than {MAX_BYTES:,} bytes", where=shown)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        place = Place(shown, line, column)
        raise SpecError("the file is not UTF-8", where=str(place), hint="save it as UTF-8") from None


def _check_root(root: Node, problems: Sequence[Problem]) -> None:
    """Raise where the root is not a mapping: nothing more can be said of it."""
    if isinstance(root, Pairs):
        return
    is_empty = isinstance(root, Scalar) and as_written(root) == "null"
    what = "the spec is empty" if is_empty else f"the spec is {as_written(root)}, not a mapping"
    raise SpecError.of((*problems, Problem(str(root.place), what, "start with 'version: 1'")))


def _invalid(expanded: Expanded, tree: Node) -> list[Problem]:
    """Return what is wrong with variables and values; a place whose variable has no value is not reported twice."""
    problems = list(expanded.problems)
    try:
        RouterSpec.model_validate(expanded.data)
    except ValidationError as error:
        for path, problem in problems_of(error, tree, RouterSpec):
            if not any(_follows_from(known, path, tree) for known in expanded.unresolved):
                problems.append(problem)
    return problems


def _follows_from(unresolved: Path, path: Path, tree: Node) -> bool:
    """Return whether a problem only repeats that a variable has no value, there or beside it."""
    missing_beside = path[:-1] == unresolved[:-1] and find(tree, path) is None
    return missing_beside or path[: len(unresolved)] == unresolved or address(path) == _holder(unresolved)


def _holder(path: Path) -> str | None:
    """Return the address of what holds a value, and is wrong as a whole for want of it; None for the spec itself."""
    return address(path[:-1]) or None


def in_reading_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems by line and column; those of overrides come last."""
    return tuple(sorted(problems, key=_reading_order))


def _reading_order(problem: Problem) -> tuple[bool, int, int]:
    *_, line, column = ("", "", *problem.where.rsplit(":", 2))
    if line.isdecimal() and column.isdecimal():
        return (False, int(line), int(column))
    return (True, 0, 0)
