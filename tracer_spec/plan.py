"""RouterSpec + registry -> Plan: every plugin found, every option checked, no trace read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tracer_spec.errors import MissingDependencyError, PluginError, Problem, SpecError
from tracer_spec.plugin.contracts import Options, Provided
from tracer_spec.plugin.registry import Registry
from tracer_spec.spec.labels import read_labels
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.nodes import Path, address, as_written, find, nearest, quoted
from tracer_spec.spec.problems import problems_of
from tracer_spec.spec.reference import PluginRef
from tracer_spec.spec.wording import did_you_mean, is_private


@dataclass(frozen=True, slots=True)
class Resolved:
    """A plugin reference with the plugin it names.

    Parameters
    ----------
    alias : str
        What the spec calls it.
    provided : Provided
        The plugin, its kind, and who ships it.
    options : Options
        Validated; local paths are absolute.
    """

    alias: str
    provided: Provided
    options: Options

    def make(self) -> Any:
        """Return the plugin's working part, by the contract of its kind.

        Raises
        ------
        MissingDependencyError
            Where it needs a package that is not installed; the hint is the command that installs it.
        """
        try:
            return self.provided.plugin.make(self.options)
        except ImportError as error:
            raise _missing(self.provided, error) from error


@dataclass(frozen=True, slots=True)
class Plan:
    """A spec whose every plugin is known to exist and to take its options.

    Parameters
    ----------
    loaded : LoadedSpec
    source, embedder, acceptor, calibrator : Resolved
    zoo, families, guards : tuple of Resolved
        In the spec's order.
    allowed_labels : tuple of str or None
        None where they are inferred from fit rows.
    """

    loaded: LoadedSpec = field(repr=False)
    source: Resolved
    embedder: Resolved
    zoo: tuple[Resolved, ...]
    families: tuple[Resolved, ...]
    acceptor: Resolved
    guards: tuple[Resolved, ...]
    calibrator: Resolved
    allowed_labels: tuple[str, ...] | None

    @property
    def spec(self) -> RouterSpec:
        """Return the spec."""
        return self.loaded.spec


def make_plan(loaded: LoadedSpec, registry: Registry) -> Plan:
    """Find every plugin that a spec names, and validate its options by the plugin's own model.

    Options see the spec's folder in ``context["root"]``; see :data:`tracer_spec.plugin.paths.LocalPath`.

    Raises
    ------
    SpecError
        With every unknown plugin, every bad option and every bad label, each at its place in the spec.
    """
    spec, problems = loaded.spec, list[Problem]()

    def one(kind: str, ref: PluginRef, *path: str | int) -> Resolved | None:
        got = _resolve(loaded, registry, kind, ref, path)
        if isinstance(got, Resolved):
            return got
        problems.extend(got)
        return None

    def each(kind: str, refs: Sequence[PluginRef], key: str) -> tuple[Resolved | None, ...]:
        return tuple(one(kind, ref, key, index) for index, ref in enumerate(refs))

    source = one("source", spec.traces.source, "traces")
    allowed, found = _allowed_labels(loaded)
    problems += found
    embedder = one("embedder", spec.embedder, "embedder")
    zoo = each("surrogate", spec.zoo, "zoo")
    families = each("family", spec.families, "families")
    acceptor = one("acceptor", spec.acceptor, "acceptor")
    guards = each("guard", spec.guards, "guards")
    calibrator = one("calibrator", spec.target.calibrator, "target", "calibrator")
    if problems or not (source and embedder and acceptor and calibrator):
        raise SpecError.of(tuple(problems))
    return Plan(
        loaded=loaded,
        source=source,
        embedder=embedder,
        zoo=_present(zoo),
        families=_present(families),
        acceptor=acceptor,
        guards=_present(guards),
        calibrator=calibrator,
        allowed_labels=allowed,
    )


def _present(resolved: Iterable[Resolved | None]) -> tuple[Resolved, ...]:
    return tuple(each for each in resolved if each is not None)


def _resolve(
    loaded: LoadedSpec, registry: Registry, kind: str, ref: PluginRef, path: Path
) -> Resolved | list[Problem]:
    """Return a reference's plugin and options, or what is wrong with it."""
    at = (*path, "use") if find(loaded.tree, (*path, "use")) else path
    try:
        provided = registry.get(kind, ref.use)
    except PluginError as error:
        return [_unknown_plugin(loaded, ref, at, problem) for problem in error.problems]
    model = provided.plugin.options
    try:
        options = model.model_validate(ref.options, context={"root": loaded.root})
    except ValidationError as error:
        return [problem for _, problem in problems_of(error, loaded.tree, model, (*path, "with"))]
    except Exception as error:  # noqa: BLE001 - a third party's validator may raise anything
        what = f"{_who(provided)} fails to check its options"
        said = (
            "" if _is_private(loaded, path) else f": {type(error).__name__}: {' '.join(str(error).split())}"
        )
        hint = f"this is a fault of {provided.distribution}"
        return [Problem(loaded.where((*path, "with")), what + said, hint, address((*path, "with")))]
    return Resolved(ref.alias, provided, options)


def _unknown_plugin(loaded: LoadedSpec, ref: PluginRef, at: Path, problem: Problem) -> Problem:
    """Give the registry's words a place; a name that comes from the environment is shown as written."""
    what = problem.what
    if _is_private(loaded, at):
        what = what.replace(f"'{ref.use}'", as_written(nearest(loaded.tree, at)))
    return Problem(loaded.where(at), what, problem.hint, address(at))


def _is_private(loaded: LoadedSpec, path: Path) -> bool:
    return is_private(nearest(loaded.tree, path))


# --- labels -------------------------------------------------------------------------------------------------

_ALLOWED: Path = ("traces", "labels", "allowed")


def _allowed_labels(loaded: LoadedSpec) -> tuple[tuple[str, ...] | None, list[Problem]]:
    """Return the closed list of labels, if there is one, and what does not fit it."""
    allowed = loaded.spec.traces.labels.allowed
    if allowed == "infer":
        return None, []
    if isinstance(allowed, str):
        shown = as_written(nearest(loaded.tree, _ALLOWED))
        try:
            labels = read_labels(loaded.root / allowed, shown)
        except SpecError as error:
            hint = did_you_mean(allowed, ["infer"]) if not _is_private(loaded, _ALLOWED) else ""
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
    named: dict[Path, str] = {("defer_labels", index): label for index, label in enumerate(spec.defer_labels)}
    named |= {
        ("traces", "labels", "aliases", key): label for key, label in spec.traces.labels.aliases.items()
    }
    found = []
    for path, label in named.items():
        if label not in known:
            node = nearest(loaded.tree, path)
            hint = "" if is_private(node) else did_you_mean(label, labels)
            what = f"{as_written(node)} is not an allowed label; known: {_listing(labels)}"
            found.append(Problem(loaded.where(path), what, hint, address(path)))
    return found


def _listing(labels: tuple[str, ...]) -> str:
    shown = ", ".join(quoted(label)[1:-1] for label in labels[:12])
    return shown if len(labels) <= 12 else f"{shown} and {len(labels) - 12} more"


# --- missing dependencies -----------------------------------------------------------------------------------

_REQUIREMENT = re.compile(r"""^([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['"]([^'"]+)['"]""")


def _missing(provided: Provided, error: ImportError) -> MissingDependencyError:
    """Say which module is missing, and what installs it."""
    module = (error.name or "").partition(".")[0]
    needs = (
        f"needs the module '{module}', which cannot be imported"
        if module
        else "fails to import what it needs"
    )
    what = f"{_who(provided)} {needs}: {error}"
    extra = _extra_of(provided.distribution, module)
    target = f"'{provided.distribution}[{extra}]'" if extra else provided.distribution
    return MissingDependencyError(what, hint=f"pip install {'' if extra else '--upgrade '}{target}")


def _who(provided: Provided) -> str:
    return f"the {provided.kind} '{provided.name}' of {provided.distribution} {provided.version}"


def _extra_of(distribution: str, module: str) -> str:
    """Return the extra of a distribution that brings a module: the one that brings the least besides."""
    import importlib.metadata

    try:
        requirements = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    brings: dict[str, list[str]] = {}
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match:
            brings.setdefault(match[2], []).append(match[1].lower().replace("-", "_").replace(".", "_"))
    fitting = [extra for extra, modules in brings.items() if module.lower() in modules]
    return min(fitting, key=lambda extra: (len(brings[extra]), extra), default="")
