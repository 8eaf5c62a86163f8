"""A plugin reference of a spec with the plugin that it names, its options checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from tracer_spec.errors import PluginError, Problem, TracerError, without_secrets_in
from tracer_spec.plugin.contracts import Options, Provided, VectorReaderPlugin
from tracer_spec.plugin.joining import JoiningPlugin, PartRef
from tracer_spec.plugin.proposing import CalibratorPlugin
from tracer_spec.plugin.registry import Registry
from tracer_spec.plugin.requirements import NO_FAULT, missing_dependency, provided_by, said_by
from tracer_spec.secret_values import named_secrets, secret_places, secrets_of
from tracer_spec.spec.error_text import REASON_LEFT_OUT, is_private
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import Path, address, as_written, find, nearest
from tracer_spec.spec.problems import problems_of
from tracer_spec.spec.reference import PluginRef


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
    written : mapping
        The options as the spec has them.
    parts : tuple of Resolved
        The embedders that it is made of, in order; empty but for one that joins others.
    place : str
        Where it stands inside the embedder that it is a part of, as ``with.of[1]``; empty for one that is no part.
    address : str
        Where the spec names it, as ``guards[0]``; empty for an embedder, which learns its place later, or with no spec.
    secrets : frozenset of str
        What of its options no message may quote.
    """

    alias: str
    provided: Provided
    options: Options
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)
    parts: tuple[Resolved, ...] = ()
    place: str = ""
    address: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def reads_vectors(self) -> bool:
        """Return whether it is an embedder whose vectors come with the traces instead of being made from texts."""
        return isinstance(self.provided.plugin, VectorReaderPlugin)

    @property
    def tests(self) -> bool:
        """Return whether it is a calibrator that tests anything, and so can certify."""
        plugin = self.provided.plugin
        return isinstance(plugin, CalibratorPlugin) and plugin.tests

    @property
    def tests_ranks(self) -> bool:
        """Return whether it is a calibrator whose candidates may be tested at ranks of certify rows."""
        plugin = self.provided.plugin
        return isinstance(plugin, CalibratorPlugin) and plugin.tests_ranks

    @property
    def column(self) -> str | None:
        """Return the JMESPath of the vector inside a record; None where it is not there."""
        plugin = self.provided.plugin
        with self.attribute_errors():
            return plugin.column(self.options) if isinstance(plugin, VectorReaderPlugin) else None

    def make(self) -> Any:
        """Return the plugin's working part, by the contract of its kind.

        Raises
        ------
        MissingDependencyError
            Where it needs a package that is not installed; the hint is the command that installs it.
        """
        if self.parts:
            return self.make_of([part.make() for part in self.parts])
        with self.attribute_errors():
            return self.provided.plugin.make(self.options)

    def make_of(self, parts: Sequence[Any]) -> Any:
        """Return the one embedder that these are made into."""
        with self.attribute_errors():
            return self.provided.plugin.make(self.options).of(parts)

    @contextmanager
    def attribute_errors(self) -> Iterator[None]:
        """Turn whatever goes wrong inside a third party's plugin into an error that names who ships it.

        A fault of a built-in is a fault of ours, and stays as it is. A part of an embedder knows nothing of the others: what it
        says of ``embedder`` is said of its place.
        """
        try:
            yield
        except TracerError as error:
            error.problems = tuple(
                self._at_its_place(without_secrets_in(each, self.secrets)) for each in error.problems
            )
            error.args = tuple(each.what for each in error.problems[:1])  # what its repr shows
            raise
        except ImportError as error:
            lacks = missing_dependency(self.provided, error)
            lacks.problems = tuple(without_secrets_in(each, self.secrets) for each in lacks.problems)
            raise lacks from error
        except NO_FAULT:
            raise
        except BaseException as error:
            if self.provided.distribution == "tracer-spec":
                raise
            raise self.fault(f"failed: {said_by(error, secrets=self.secrets)}") from error

    def fault(self, what: str) -> PluginError:
        """Return the error that says what a third party's plugin does wrong."""
        return PluginError(
            f"{provided_by(self.provided)} {what}",
            hint=f"this is a fault of {self.provided.distribution}",
            address=self.address or (f"embedder.{self.place}" if self.place else ""),
        )

    def _at_its_place(self, problem: Problem) -> Problem:
        if self.address and not (problem.address or problem.where):
            return replace(problem, address=self.address)
        mine, (first, dot, rest) = f"embedder.{self.place}", problem.address.partition(".")
        if not self.place or first != "embedder" or problem.address.startswith(mine):
            return problem
        return replace(problem, address=mine + dot + rest)


def resolve(
    loaded: LoadedSpec, registry: Registry, kind: str, ref: PluginRef | PartRef, path: Path
) -> Resolved | list[Problem]:
    """Return the plugin, options and parts of the reference at ``path``, or what is wrong with it."""
    at = (*path, "use") if find(loaded.tree, (*path, "use")) else path
    try:
        provided = registry.get(kind, ref.use)
    except PluginError as error:
        return [_unknown_plugin(loaded, ref, at, problem) for problem in error.problems]
    model = provided.plugin.options
    try:
        options = model.model_validate(ref.options, context={"root": loaded.root})
    except ValidationError as error:
        named = named_secrets(loaded, ref.options, (*path, "with"))
        return [
            without_secrets_in(problem, named) for _, problem in problems_of(error, loaded.tree, model, (*path, "with"))
        ]
    except NO_FAULT:
        raise
    except BaseException as error:  # noqa: BLE001 - a third party's validator may raise anything
        what = f"{provided_by(provided)} fails to check its options"
        said = f": {said_by(error, 1000, named_secrets(loaded, ref.options, (*path, 'with')))}"
        said = f"; {REASON_LEFT_OUT}" if _is_private(loaded, (*path, "with")) else said
        hint = f"this is a fault of {provided.distribution}"
        return [Problem(loaded.where((*path, "with")), what + said, hint, address((*path, "with")))]
    parts: list[Resolved] = []
    problems = list(_secrets_that_travel(loaded, provided, options, path)) if kind == "embedder" else []
    if isinstance(provided.plugin, JoiningPlugin):
        for place, part in provided.plugin.parts(options).items():
            found = _resolve_part(loaded, registry, part, (*path, "with", *place))
            if isinstance(found, Resolved):
                parts.append(found)
            else:
                problems += found
        if not problems and isinstance(ref, PluginRef):
            problems += given_twice(
                loaded, parts, [(*path, "with", *place) for place in provided.plugin.parts(options)]
            )
    placed = "" if kind == "embedder" else address(path)
    secrets = secrets_of(loaded, options, ref.options, (*path, "with"))
    return problems or Resolved(
        ref.alias, provided, options, ref.options, tuple(parts), address=placed, secrets=secrets
    )


def given_twice(loaded: LoadedSpec, found: Sequence[Resolved | None], paths: Sequence[Path]) -> Iterator[Problem]:
    """Yield what is wrong with each reference that is an earlier one over again, by plugin and options.

    Not for surrogates and guards, which random choices by their names make two of.
    """
    for number, (each, path) in enumerate(zip(found, paths, strict=True)):
        for earlier, at in zip(found[:number], paths, strict=False):
            if each and earlier and (each.provided, each.options) == (earlier.provided, earlier.options):
                what = f"'{each.alias}' has the plugin and the options of {address(at)}, and adds nothing to it"
                yield Problem(loaded.where(path), what, "take it out, or give it other options", address(path))
                break


def _resolve_part(loaded: LoadedSpec, registry: Registry, part: PartRef, path: Path) -> Resolved | list[Problem]:
    """Return one of the embedders that another is made of, or what is wrong with it."""
    found = resolve(loaded, registry, "embedder", part, path)
    if not isinstance(found, Resolved):
        return found
    if found.reads_vectors:
        what = f"'{part.use}' reads vectors that come with the traces, and only embedders of texts can be joined"
        hint = "name an embedder of texts"
    elif found.parts:
        what, hint = f"'{part.use}' is made of parts itself", "list its parts here instead"
    else:
        return replace(found, place=address(path[path.index("with") :]))
    return [Problem(loaded.where(path), what, hint, address(path))]


def _secrets_that_travel(loaded: LoadedSpec, provided: Provided, options: Options, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with each option that a bundle would hold, and that is a secret by its name or type."""
    if isinstance(provided.plugin, VectorReaderPlugin):
        return
    for at in secret_places(loaded, options, (*path, "with"), options.deployment_options()):
        name = at[-1]
        what = f"'{name}' is a secret, and {provided_by(provided)} would have the bundle hold it"
        hint = (
            f"leave it out; whoever ships {provided.distribution} can take the name of a variable, '{name}_env', "
            "or mark the option: Annotated[str, DeploymentOption()]"
        )
        yield Problem(loaded.where(at), what, hint, address(at))


def _unknown_plugin(loaded: LoadedSpec, ref: PluginRef | PartRef, at: Path, problem: Problem) -> Problem:
    """Give the registry's words a place; a name that comes from the environment is shown as written."""
    what = problem.what
    if _is_private(loaded, at):
        what = what.replace(f"'{ref.use}'", as_written(nearest(loaded.tree, at)))
    return Problem(loaded.where(at), what, problem.hint, address(at))


def _is_private(loaded: LoadedSpec, path: Path) -> bool:
    return is_private(nearest(loaded.tree, path))
