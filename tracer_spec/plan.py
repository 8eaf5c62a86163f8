"""Plan of a build: every plugin found and its options validated, before a trace is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from tracer_spec.builtin.formats import Format, Reader, compile_format, find_format
from tracer_spec.cross_checks import (
    allowed_labels,
    format_problems,
    group_keys,
    group_problems,
    secret_problems,
    serve_problems,
    stdin_problems,
    target_problems,
    text_problems,
)
from tracer_spec.errors import Problem, SpecError
from tracer_spec.plugin.proposing import CalibratorPlugin, Target
from tracer_spec.plugin.registry import Registry
from tracer_spec.resolved import Resolved, resolve
from tracer_spec.spec.load import LoadedSpec, in_reading_order, read_spec
from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.reference import PluginRef

__all__ = ["Plan", "Resolved", "load_plan", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A spec whose every plugin is known to exist and to take its options.

    Parameters
    ----------
    loaded : LoadedSpec
    embedder, acceptor, calibrator : Resolved
    sources, zoo, families, guards : tuple of Resolved
        In the spec's order.
    allowed_labels : tuple of str or None
        None where they are inferred from fit rows.
    """

    loaded: LoadedSpec = field(repr=False)
    sources: tuple[Resolved, ...]
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

    @property
    def target(self) -> Target:
        """Return what the certificate must claim."""
        asked = self.spec.target
        return Target(asked.agreement, asked.confidence, asked.min_coverage, asked.end_to_end)

    @property
    def teacher_usd_per_day(self) -> float | None:
        """Return what the teacher costs for all traffic; None where the spec does not say."""
        cost = self.spec.cost
        return cost.teacher_usd_per_1k * cost.requests_per_day / 1000 if cost else None

    @property
    def resolved(self) -> tuple[Resolved, ...]:
        """Return every plugin that the build uses."""
        return (
            *self.sources,
            self.embedder,
            *self.embedder.parts,
            *self.zoo,
            self.acceptor,
            *self.guards,
            *self.families,
            self.calibrator,
        )

    @property
    def makes_a_test(self) -> bool:
        """Return whether the calibrator tests anything, and so can certify."""
        plugin = self.calibrator.provided.plugin
        return isinstance(plugin, CalibratorPlugin) and plugin.tests

    def reader(self, source: int = 0) -> Reader:
        """Return the compiled format of a source's traces, with the group's key and the vector's place filled in."""
        chosen = self.formats[source]
        return compile_format(
            replace(
                chosen,
                group=self.spec.split.key or chosen.group,
                embedding=self.embedder.column or chosen.embedding,
            ),
            self.spec.split.certify_where,
        )

    @property
    def formats(self) -> tuple[Format, ...]:
        """Return the formats that the spec names, or describes, one for each source."""
        return tuple(find_format(each.layout) for each in self.spec.sources)


def load_plan(source: str | FilePath | Mapping[str, Any], registry: Registry, *, overrides: Sequence[str] = ()) -> Plan:
    """Read a spec and make its plan; ``source`` and ``overrides`` are those of :func:`~tracer_spec.spec.load.load_spec`.

    Raises
    ------
    SpecError
        With everything that is wrong, of the spec itself and of what it asks of plugins.
    """
    reading = read_spec(source, overrides=overrides)
    problems = reading.problems
    if reading.rest is not None:
        try:
            plan = make_plan(reading.rest, registry)
        except SpecError as error:
            problems += tuple(each for each in error.problems if not reading.is_left_out(each.address))
        else:
            if not problems:
                return plan
    raise SpecError.of(in_reading_order(problems))


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
        got = resolve(loaded, registry, kind, ref, path)
        if isinstance(got, Resolved):
            return got
        problems.extend(got)
        return None

    def each(kind: str, refs: Sequence[PluginRef], key: str) -> tuple[Resolved | None, ...]:
        return tuple(one(kind, ref, key, index) for index, ref in enumerate(refs))

    sources = tuple(one("source", each.source, *spec.source_path(at)) for at, each in enumerate(spec.sources))
    allowed, found = allowed_labels(loaded)
    problems += [*format_problems(loaded), *secret_problems(loaded), *group_problems(loaded), *serve_problems(loaded)]
    problems += stdin_problems(loaded)
    problems += found
    embedder = one("embedder", spec.embedder, "embedder")
    zoo = each("surrogate", spec.zoo, "zoo")
    families = each("family", spec.families, "families")
    acceptor = one("acceptor", spec.acceptor, "acceptor")
    guards = each("guard", spec.guards, "guards")
    calibrator = one("calibrator", spec.target.calibrator, "target", "calibrator")
    if calibrator is not None:
        problems += target_problems(loaded, calibrator.provided, registry)
    if embedder is not None and not embedder.reads_vectors:
        problems += text_problems(loaded)
    if problems or not (embedder and acceptor and calibrator):
        raise SpecError.of(tuple(problems))
    return Plan(
        loaded=_with_group(loaded),
        sources=_present(sources),
        embedder=embedder,
        zoo=_present(zoo),
        families=_present(families),
        acceptor=acceptor,
        guards=_present(guards),
        calibrator=calibrator,
        allowed_labels=allowed,
    )


def _with_group(loaded: LoadedSpec) -> LoadedSpec:
    """Return the spec with the key of its groups written out, where it takes that of its formats."""
    split = loaded.spec.split
    if split.strategy != "grouped" or split.key is not None:
        return loaded
    (key,) = group_keys(loaded)
    return replace(loaded, spec=loaded.spec.model_copy(update={"split": split.model_copy(update={"key": key})}))


def _present(resolved: Iterable[Resolved | None]) -> tuple[Resolved, ...]:
    return tuple(each for each in resolved if each is not None)
