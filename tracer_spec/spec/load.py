"""The way from router.yaml to a valid spec; everything that is wrong is reported at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from tracer_spec.errors import Problem, SpecError
from tracer_spec.spec.environment import expand
from tracer_spec.spec.mapping_reader import as_text, read_mapping
from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.nodes import Node, Pairs, Path, Place, Scalar, as_written, find, nearest
from tracer_spec.spec.overrides import apply_overrides
from tracer_spec.spec.problems import problems_of
from tracer_spec.spec.reader import MAX_BYTES, read_yaml

STDIN = "-"


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
        text = read_text(path, file)
        root, problems = read_yaml(text, file)
        folder = path.absolute().parent
    _check_root(root, problems)
    tree, found = apply_overrides(root, overrides)
    problems += found
    _check_root(tree, problems)
    spec, found = _validate(tree, os.environ if environ is None else environ)
    told = {problem.address for problem in problems if problem.address}
    problems += [problem for problem in found if problem.address not in told]
    if spec is None or problems:
        raise SpecError.of(tuple(sorted(problems, key=_reading_order)))
    return LoadedSpec(spec, folder, text, file, tree, tuple(overrides))


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
        raise SpecError(f"the file cannot be read: {reason.lower()}", where=shown) from None
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


def _validate(tree: Node, environ: Mapping[str, str]) -> tuple[RouterSpec | None, list[Problem]]:
    """Expand and validate; a place whose variable has no value is not reported twice."""
    expanded = expand(tree, environ)
    problems = list(expanded.problems)
    try:
        return RouterSpec.model_validate(expanded.data), problems
    except ValidationError as error:
        for path, problem in problems_of(error, tree, RouterSpec):
            if not any(_follows_from(known, path, tree) for known in expanded.unresolved):
                problems.append(problem)
    return None, problems


def _follows_from(unresolved: Path, path: Path, tree: Node) -> bool:
    """Return whether a problem only repeats that a variable has no value, there or beside it."""
    missing_beside = path[:-1] == unresolved[:-1] and find(tree, path) is None
    return missing_beside or path[: len(unresolved)] == unresolved


def _reading_order(problem: Problem) -> tuple[bool, int, int]:
    """Sort by line and column; overrides come last."""
    *_, line, column = ("", "", *problem.where.rsplit(":", 2))
    if line.isdecimal() and column.isdecimal():
        return (False, int(line), int(column))
    return (True, 0, 0)
