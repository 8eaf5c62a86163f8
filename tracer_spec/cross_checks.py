"""Checks of a spec that need more than the spec: the file of labels, the formats there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tracer_spec.builtin.formats import compiler_of, find_format, written_conditions, written_expressions
from tracer_spec.errors import Problem, SpecError, did_you_mean
from tracer_spec.expressions.language import compile_expression
from tracer_spec.expressions.reads_answer import refuse_answer_read
from tracer_spec.expressions.travelling import compile_travelling
from tracer_spec.inputs.remote import has_secrets
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.policy import Measure
from tracer_spec.plugin.proposing import CalibratorPlugin
from tracer_spec.plugin.registry import Registry
from tracer_spec.spec.descriptions import read_descriptions
from tracer_spec.spec.environment import names_variable
from tracer_spec.spec.error_text import REASON_LEFT_OUT, is_private
from tracer_spec.spec.labels import read_labels
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import Node, Path, address, as_written, children, nearest, quoted, scalars
from tracer_spec.spec.sources import shared
from tracer_spec.spec.traces import FormatMap, TracesSpec

_CALIBRATOR: Path = ("target", "calibrator")
_LABELS: Path = ("target", "labels")
_ALLOWED = ("labels", "allowed")
_DESCRIBE = ("labels", "describe")


def allowed_labels(loaded: LoadedSpec) -> tuple[tuple[str, ...] | None, list[Problem]]:
    """Return the closed list of labels, if there is one, and what does not fit it."""
    at = next((path for path, each in _sources(loaded) if each.labels.allowed != "infer"), None)
    if at is None:
        return None, []
    path = (*at, *_ALLOWED)
    allowed = shared(loaded.spec.sources, *_ALLOWED)
    if isinstance(allowed, str):
        shown = as_written(nearest(loaded.tree, path))
        try:
            labels = read_labels(loaded.root / allowed, shown, root=loaded.root)
        except SpecError as error:
            hint = did_you_mean(allowed, ["infer"]) if not is_private(nearest(loaded.tree, path)) else ""
            return None, [_about_file(loaded, path, problem, hint) for problem in error.problems]
    else:
        labels = allowed
    return labels, _outside(loaded, path, labels)


def label_texts(loaded: LoadedSpec, allowed: tuple[str, ...] | None) -> tuple[dict[str, str], list[Problem]]:
    """Return the sentences that describe labels, and what is wrong with them; the labels they may describe, if listed."""
    at = next((path for path, each in _sources(loaded) if each.labels.describe), None)
    if at is None:
        return {}, []
    path, described = (*at, *_DESCRIBE), shared(loaded.spec.sources, *_DESCRIBE)
    if isinstance(described, str):
        shown = as_written(nearest(loaded.tree, path))
        try:
            described = read_descriptions(loaded.root / described, shown, root=loaded.root)
        except SpecError as error:
            return {}, [_about_file(loaded, path, problem, "") for problem in error.problems]
    if allowed is None:
        return described, []
    private = is_private(nearest(loaded.tree, path))
    return described, [
        Problem(
            loaded.where(place),
            f"{'a label' if private else quoted(label)} is described, and is not an allowed label",
            "" if private else did_you_mean(label[:100], allowed),
            address(place),
        )
        for place, label in (((*path, label), label) for label in described)
        if label not in allowed
    ]


def names_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong where label names are to train, and the embedder reads vectors in place of texts."""
    problems = []
    for at, each in _sources(loaded):
        key = "describe" if each.labels.describe else "train" if each.labels.train == "always" else ""
        if key:
            path = (*at, "labels", key)
            what = f"label names cannot train: the embedder '{loaded.spec.embedders[0].use}' reads vectors, and embeds no text"
            problems.append(Problem(loaded.where(path), what, "take it out, or embed texts", address(path)))
    return problems


def _sources(loaded: LoadedSpec) -> Iterator[tuple[Path, TracesSpec]]:
    """Yield every source of traces with its path in the spec."""
    for number, each in enumerate(loaded.spec.sources):
        yield loaded.spec.source_path(number), each


def _about_file(loaded: LoadedSpec, path: Path, problem: Problem, hint: str) -> Problem:
    """Report what is wrong with the file of labels where the spec names it."""
    hint = hint or problem.hint.replace("the current folder", "the spec's folder")
    return Problem(loaded.where(path), f"{problem.where}: {problem.what}", hint, address(path))


def _outside(loaded: LoadedSpec, allowed: Path, labels: tuple[str, ...]) -> list[Problem]:
    """Return every label of the spec that is not among those allowed."""
    spec, known = loaded.spec, set(labels)
    secret = is_private(nearest(loaded.tree, allowed))
    named: dict[Path, str] = {("defer_labels", index): label for index, label in enumerate(spec.defer_labels)}
    named |= {("target", "labels", label): label for label in spec.target.labels}
    for at, each in _sources(loaded):
        named |= {(*at, "labels", "aliases", key): label for key, label in each.labels.aliases.items()}
    found = []
    for path, label in named.items():
        if label not in known:
            node = nearest(loaded.tree, path)
            hint = "" if secret or is_private(node) else did_you_mean(label[:100], labels)
            listing = "" if secret else f"; known: {_listing(labels)}"
            shown = quoted(label) if path[: len(_LABELS)] == _LABELS else as_written(node)
            what = f"{shown} is not an allowed label{listing}"
            found.append(Problem(loaded.where(path), what, hint, address(path)))
    return found


def _listing(labels: tuple[str, ...]) -> str:
    shown = ", ".join(quoted(label)[1:-1] for label in labels[:12])
    return shown if len(labels) <= 12 else f"{shown} and {len(labels) - 12} more"


def target_problems(loaded: LoadedSpec, calibrator: Provided, registry: Registry) -> list[Problem]:
    """Return what is wrong where the calibrator certifies another rate than the target asks for."""
    target, plugin = loaded.spec.target, calibrator.plugin
    asked: Measure = "agreement" if target.end_to_end is None else "end_to_end"
    if not isinstance(plugin, CalibratorPlugin):
        return []
    if plugin.measure == asked:
        return _label_target_problems(loaded, calibrator, registry)
    found = registry.of_kind("calibrator").values()
    fitting = [
        each.name for each in found if isinstance(each.plugin, CalibratorPlugin) and each.plugin.measure == asked
    ]
    hint = f"write {plugin.measure} instead of {asked}, or a calibrator that certifies it: {', '.join(fitting) or 'none known'}"
    what = f"'{calibrator.name}' certifies {plugin.measure}, and {asked} is given"
    return [Problem(loaded.where(_CALIBRATOR), what, hint, address(_CALIBRATOR))]


def _label_target_problems(loaded: LoadedSpec, calibrator: Provided, registry: Registry) -> list[Problem]:
    """Return what is wrong where labels have targets, and the calibrator does not test them."""
    plugin = calibrator.plugin
    if not loaded.spec.target.labels or (isinstance(plugin, CalibratorPlugin) and plugin.tests_labels):
        return []
    found = registry.of_kind("calibrator").values()
    able = [each.name for each in found if isinstance(each.plugin, CalibratorPlugin) and each.plugin.tests_labels]
    what = f"'{calibrator.name}' tests no targets of single labels"
    hint = f"take labels out, or write a calibrator that tests them: {', '.join(able) or 'none known'}"
    return [Problem(loaded.where(_LABELS), what, hint, address(_LABELS))]


def secret_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return where the options of a plugin hold credentials: a bundle has a copy of the spec."""
    return [
        Problem(str(each.place), _KNOWN, _REMEDY, address(path))
        for path, written in _options(loaded.tree)
        for each in scalars(written)
        if has_secrets(each.text) and not names_variable(each)
    ]


def _options(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Yield the options of every plugin that a spec names, with their places."""
    for segment, each in children(node):
        if segment == "with":
            yield (*path, segment), each
        else:
            yield from _options(each, (*path, segment))


_KNOWN = "the address holds credentials, and a bundle has a copy of the spec"
_REMEDY = "leave them to the environment, where the plugin looks for them; or write the address as '${NAME}'"


def stdin_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return where traces that are read twice come from stdin."""
    problems = []
    for at, each in _sources(loaded):
        path = (*at, "max_rows")
        if each.options.get("path") == "-" and shared(loaded.spec.sources, "max_rows") is not None:
            what = "traces of which some are chosen are read twice, and stdin can be read once"
            problems.append(Problem(loaded.where(path), what, "write them to a file", address(path)))
    return problems


def format_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong with the format: a preset that does not exist, functions that do not."""
    key = loaded.spec.split.key
    problems = _said(loaded, ("split", "key"), partial(compile_expression, key)) if key else []
    where = loaded.spec.split.certify_where
    for at, each in _sources(loaded):
        problems += _about_format(loaded, (*at, "format"), each.format)
    if where:
        known = [] if problems else [find_format(each.layout) for each in loaded.spec.sources]
        checks: list[Callable[[str], object]] = [
            compile_expression,
            *(compiler_of("certify_where", each) for each in known),
        ]
        checks += [partial(refuse_answer_read, label=each.label) for each in known]
        said = (_said(loaded, ("split", "certify_where"), partial(check, where)) for check in checks)
        problems += next(filter(None, said), [])
    return problems


def _about_format(loaded: LoadedSpec, path: Path, asked: str | FormatMap) -> list[Problem]:
    """Return what is wrong with the format of one source."""
    if isinstance(asked, str):
        return _said(loaded, path, partial(find_format, asked))
    parts, problems = asked.model_dump(), list[Problem]()
    if asked.preset is not None:
        problems += _said(loaded, (*path, "preset"), partial(find_format, asked.preset))
    if not problems:
        problems += _said(loaded, (*path, "join") if asked.join else path, partial(find_format, parts))
    layout = None if problems else find_format(parts)
    for below, expression in written_expressions(parts):
        problems += _said(loaded, (*path, *below), partial(compiler_of(below[0], layout), expression))
    if layout is not None and not problems:
        for below, condition in written_conditions(parts):
            problems += _said(loaded, (*path, *below), partial(refuse_answer_read, condition, layout.label))
    return problems


def column_problems(loaded: LoadedSpec, column: str | None, options: Mapping[str, object]) -> list[Problem]:
    """Return what is wrong with the JMESPath of the vector inside a record, which an embedder's options as written give."""
    if column is None:
        return []
    path = (*loaded.spec.embedder_path(0), "with", *[key for key, value in options.items() if value == column][:1])
    return _said(loaded, path, partial(compiler_of("embedding", None), column))


def serve_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong with the expressions by which requests are told to be this router's."""
    serve, problems = loaded.spec.serve, list[Problem]()
    for key in ("match", "text"):
        expression = getattr(serve, key, None)
        if expression is not None:
            problems += _said(loaded, ("serve", key), partial(compile_travelling, expression))
    if (
        serve is not None
        and serve.answer is not None
        and any("tool-name" in each.labels.normalize for each in loaded.spec.sources)
    ):
        path: Path = ("serve", "answer")
        what = "the steps of labels.normalize read the name of a tool (tool-name), which no text has"
        problems.append(Problem(loaded.where(path), what, "take answer out: the tool is called", address(path)))
    return problems


def group_keys(loaded: LoadedSpec) -> frozenset[str | None]:
    """Return what keeps rows together in the formats of the sources: their groups, else their traces."""
    formats = (find_format(each.layout) for each in loaded.spec.sources)
    return frozenset(each.group or each.trace for each in formats)


def group_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong where a grouped split names no key, and the formats give none, or several."""
    split = loaded.spec.split
    if split.strategy != "grouped" or split.key is not None:
        return []
    try:
        keys = group_keys(loaded)
    except SpecError:
        return []  # told by format_problems
    if None not in keys and len(keys) == 1:
        return []
    why = "" if None in keys else ": the sources' formats group by different keys"
    path: Path = ("split", "key")
    return [
        Problem(
            loaded.where(path), f"a grouped split needs a key{why}", "add key: the JMESPath of the group", address(path)
        )
    ]


def text_problems(loaded: LoadedSpec) -> list[Problem]:
    """Return what is wrong where the embedder reads texts and the format has none."""
    problems = []
    for at, each in _sources(loaded):
        path = (*at, "format")
        try:
            chosen = find_format(each.layout)
        except SpecError:
            continue  # told by format_problems
        if chosen.text is None:
            what = f"the format gives no text, and the embedder '{loaded.spec.embedders[0].use}' reads texts"
            hint = "add text: the JMESPath of what the teacher was asked"
            problems.append(Problem(loaded.where(path), what, hint, address((*path, "text"))))
    return problems


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
