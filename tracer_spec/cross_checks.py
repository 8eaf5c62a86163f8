"""Checks of a spec that need more than the spec: the file of labels, the formats there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tracer_spec.builtin.formats import find_format, written_expressions
from tracer_spec.builtin.formats.expressions import compile_expression
from tracer_spec.builtin.sources.remote import has_secrets
from tracer_spec.errors import Problem, SpecError, did_you_mean
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.policy import Measure
from tracer_spec.plugin.proposing import CalibratorPlugin
from tracer_spec.plugin.registry import Registry
from tracer_spec.spec.environment import names_variable
from tracer_spec.spec.error_text import REASON_LEFT_OUT, is_private
from tracer_spec.spec.labels import read_labels
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import Path, address, as_written, find, nearest, quoted, scalars

_FORMAT: Path = ("traces", "format")
_OPTIONS: Path = ("traces", "with")
_CALIBRATOR: Path = ("target", "calibrator")
_ALLOWED: Path = ("traces", "labels", "allowed")


def allowed_labels(loaded: LoadedSpec) -> tuple[tuple[str, ...] | None, list[Problem]]:
    """Return the closed list of labels, if there is one, and what does not fit it."""
    allowed = loaded.spec.traces.labels.allowed
    if allowed == "infer":
        return None, []
    if isinstance(allowed, str):
        shown = as_written(nearest(loaded.tree, _ALLOWED))
        try:
            labels = read_labels(loaded.root / allowed, shown, root=loaded.root)
        except SpecError as error:
            hint = did_you_mean(allowed, ["infer"]) if not is_private(nearest(loaded.tree, _ALLOWED)) else ""
            return None, [_about_file(loaded, problem, hint) for problem in error.problems]
    else:
        labels = allowed
    return labels, _outside(loaded, labels)


def _about_file(loaded: LoadedSpec, problem: Problem, hint: str) -> Problem:
    """Report what is wrong with the file of labels where the spec names it."""
    hint = hint or problem.hint.replace("the current folder", "the spec's folder")
    return Problem(loaded.where(_ALLOWED), f"{problem.where}: {problem.what}", hint, address(_ALLOWED))


def _outside(loaded: LoadedSpec, labels: tuple[str, ...]) -> list[Problem]:
    """Return every label of the spec that is not among those allowed."""
    spec, known = loaded.spec, set(labels)
    secret = is_private(nearest(loaded.tree, _ALLOWED))
    named: dict[Path, str] = {("defer_labels", index): label for index, label in enumerate(spec.defer_labels)}
    named |= {("traces", "labels", "aliases", key): label for key, label in spec.traces.labels.aliases.items()}
    found = []
    for path, label in named.items():
        if label not in known:
            node = nearest(loaded.tree, path)
            hint = "" if secret or is_private(node) else did_you_mean(label[:100], labels)
            listing = "" if secret else f"; known: {_listing(labels)}"
            what = f"{as_written(node)} is not an allowed label{listing}"
            found.append(Problem(loaded.where(path), what, hint, address(path)))
    return found


def _listing(labels: tuple[str, ...]) -> str:
    shown = ", ".join(quoted(label)[1:-1] for label in labels[:12])
    return shown if len(labels) <= 12 else f"{shown} and {len(labels) - 12} more"


def target_problems(loaded: LoadedSpec, calibrator: Provided, registry: Registry) -> list[Problem]:
    """Return what is wrong where the calibrator certifies another rate than the target asks for."""
    target, plugin = loaded.spec.target, calibrator.plugin
    asked: Measure = "agreement" if target.end_to_end is None else "end_to_end"
    if not isinstance(plugin, CalibratorPlugin) or plugin.measure == asked:
        return []
    found = registry.of_kind("calibrator").values()
    fitting = [
        each.name for each in found if isinstance(each.plugin, CalibratorPlugin) and each.plugin.measure == asked
    ]
    hint = f"write {plugin.measure} instead of {asked}, or a calibrator that certifies it: {', '.join(fitting) or 'none known'}"
    what = f"'{calibrator.name}' certifies {plugin.measure}, and {asked} is given"
    return [Problem(loaded.where(_CALIBRATOR), what, hint, address(_CALIBRATOR))]


def secret_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return where the options of a source hold credentials: a bundle has a copy of the spec."""
    written = find(loaded.tree, _OPTIONS)
    found = (
        [each for each in scalars(written) if has_secrets(each.text) and not names_variable(each)] if written else []
    )
    return [Problem(str(each.place), _KNOWN, _REMEDY, address(_OPTIONS)) for each in found]


_KNOWN = "the address holds credentials, and a bundle has a copy of the spec"
_REMEDY = "leave them to the environment, where the file system looks for them; or write the address as '${NAME}'"


def format_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong with the format: a preset that does not exist, functions that do not."""
    asked, key = loaded.spec.traces.format, loaded.spec.split.key
    expressions: dict[Path, str] = {("split", "key"): key} if key else {}
    problems = []
    if isinstance(asked, str):
        problems += _said(loaded, _FORMAT, partial(find_format, asked))
    else:
        parts = asked.model_dump()
        if asked.preset is not None:
            problems += _said(loaded, (*_FORMAT, "preset"), partial(find_format, asked.preset))
        if not problems:
            problems += _said(loaded, (*_FORMAT, "join") if asked.join else _FORMAT, partial(find_format, parts))
        expressions = {(*_FORMAT, *path): each for path, each in written_expressions(parts)} | expressions
    for path, expression in expressions.items():
        problems += _said(loaded, path, partial(compile_expression, expression))
    return problems


def text_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong where the embedder reads texts and the format has none."""
    asked = loaded.spec.traces.format
    try:
        chosen = find_format(asked if isinstance(asked, str) else asked.model_dump())
    except SpecError:
        return []  # told by format_problems
    if chosen.text is not None:
        return []
    what = f"the format gives no text, and the embedder '{loaded.spec.embedder.use}' reads texts"
    hint = "add text: the JMESPath of what the teacher was asked"
    return [Problem(loaded.where(_FORMAT), what, hint, address(_FORMAT))]


def _said(loaded: LoadedSpec, path: Path, check: Callable[[], object]) -> list[Problem]:
    """Return what a check says of the value at ``path``, unless it may quote the environment."""
    try:
        check()
    except SpecError as error:
        node = nearest(loaded.tree, path)
        if is_private(node):
            what, hint = f"{as_written(node)} is not accepted; {REASON_LEFT_OUT}", ""
        else:
            what, hint = error.problems[0].what, error.problems[0].hint
        return [Problem(str(node.place), what, hint, address(path))]
    return []
