"""Plan of a build: every plugin found and its options validated, before a trace is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from tracer_spec.builtin.formats import Format, Reader, compile_format, find_format, written_conditions
from tracer_spec.cross_checks import (
    allowed_labels,
    column_problems,
    format_problems,
    group_keys,
    group_problems,
    label_texts,
    names_problems,
    secret_problems,
    serve_problems,
    stdin_problems,
    target_problems,
    text_problems,
)
from tracer_spec.errors import Problem, SpecError
from tracer_spec.expressions.reads_answer import may_read_answer
from tracer_spec.plugin.label_targets import LabelMeasure, LabelTarget
from tracer_spec.plugin.proposing import Target
from tracer_spec.plugin.registry import Registry
from tracer_spec.resolved import Resolved, given_twice, resolve
from tracer_spec.spec.carried_steps import steps_note
from tracer_spec.spec.load import LoadedSpec, in_reading_order, read_spec
from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.nodes import address
from tracer_spec.spec.reference import PluginRef

__all__ = ["Plan", "Resolved", "load_plan", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A spec whose every plugin is known to exist and to take its options.

    Parameters
    ----------
    loaded : LoadedSpec
    calibrator : Resolved
    embedders : tuple of Resolved
        Those that compete, in the spec's order; fit rows choose one.
    sources, zoo, families, acceptors, guards : tuple of Resolved
        In the spec's order.
    allowed_labels : tuple of str or None
        None where they are inferred from fit rows.
    label_texts : mapping of str to str
        The sentences that describe labels.
    """

    loaded: LoadedSpec = field(repr=False)
    sources: tuple[Resolved, ...]
    embedders: tuple[Resolved, ...]
    zoo: tuple[Resolved, ...]
    families: tuple[Resolved, ...]
    acceptors: tuple[Resolved, ...]
    guards: tuple[Resolved, ...]
    calibrator: Resolved
    allowed_labels: tuple[str, ...] | None
    label_texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> RouterSpec:
        """Return the spec."""
        return self.loaded.spec

    @property
    def embedder(self) -> Resolved:
        """Return the embedder; the first, where several compete."""
        return self.embedders[0]

    @property
    def by_embedder(self) -> tuple[Plan, ...]:
        """Return one plan for each of the embedders, which is the only one in it."""
        return tuple(replace(self, embedders=(each,)) for each in self.embedders)

    @property
    def target(self) -> Target:
        """Return what the certificate must claim."""
        asked = self.spec.target
        tested = tuple(each for each in self.label_targets if each not in self.void_label_targets)
        return Target(asked.agreement, asked.confidence, asked.min_coverage, asked.end_to_end, labels=tested)

    @property
    def label_targets(self) -> tuple[LabelTarget, ...]:
        """Return what the spec asks of single labels, in its order."""
        measures: tuple[LabelMeasure, ...] = ("missed", "agreement")
        asked = ((label, each, getattr(of, each)) for label, of in self.spec.target.labels.items() for each in measures)
        return tuple(LabelTarget(label, each, limit) for label, each, limit in asked if limit is not None)

    @property
    def void_label_targets(self) -> tuple[LabelTarget, ...]:
        """Return those that hold of nothing, and are not tested: the agreement of a label that the router never gives."""
        denied = self.spec.defer_labels
        return tuple(each for each in self.label_targets if each.measure == "agreement" and each.label in denied)

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
            *(one for each in self.embedders for one in (each, *each.parts)),
            *self.zoo,
            *self.acceptors,
            *self.guards,
            *self.families,
            self.calibrator,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what is said of the spec itself: what an app could not deploy, and what asks for something in vain."""
        return tuple(filter(None, (steps_note(self.spec), self._confidence_note)))

    @property
    def _confidence_note(self) -> str:
        if self.makes_a_test or "confidence" not in self.spec.target.model_fields_set:
            return ""
        return (
            f"target.confidence: the calibrator '{self.calibrator.alias}' makes no test and states no confidence; take it out, "
            "or name a calibrator that makes a test"
        )

    @property
    def makes_a_test(self) -> bool:
        """Return whether the calibrator tests anything, and so can certify."""
        return self.calibrator.tests

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
    def conditions_near_the_answer(self) -> tuple[str, ...]:
        """Return the addresses of conditions on rows that read what holds the teacher's answer, and may select on it."""
        read = [
            address((*self.spec.source_path(number), "format", *below))
            for number, below, condition in self._conditions()
            if may_read_answer(condition, self.formats[number].label)
        ]
        where = self.spec.split.certify_where
        may_select = where is not None and any(may_read_answer(where, each.label) for each in self.formats)
        return (*read, *(["split.certify_where"] if may_select else []))

    @property
    def conditions_on_records(self) -> tuple[tuple[int, str, str], ...]:
        """Return of each condition that leaves records out its source, its address, and its reason; empty for ``where``."""
        return tuple(
            (
                number,
                address((*self.spec.source_path(number), "format", *below)),
                below[-1] if below[0] == "skip" else "",
            )
            for number, below, _ in self._conditions()
            if below[0] in ("where", "skip")
        )

    def _conditions(self) -> Iterator[tuple[int, tuple[str, ...], str]]:
        """Yield the conditions on rows that the spec itself writes, each with its source and its path in the format."""
        for number, each in enumerate(self.spec.sources):
            if not isinstance(each.format, str):
                for below, condition in written_conditions(each.format.model_dump()):
                    yield number, below, condition

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
    problems += [*format_problems(loaded), *group_problems(loaded), *serve_problems(loaded)]
    problems += stdin_problems(loaded)
    described, misdescribed = label_texts(loaded, allowed)
    problems += [*found, *misdescribed]
    embedders = tuple(one("embedder", each, *spec.embedder_path(at)) for at, each in enumerate(spec.embedders))
    zoo = each("surrogate", spec.zoo, "zoo")
    families = each("family", spec.families, "families")
    acceptors = tuple(one("acceptor", each, *spec.acceptor_path(at)) for at, each in enumerate(spec.acceptors))
    guards = each("guard", spec.guards, "guards")
    calibrator = one("calibrator", spec.target.calibrator, "target", "calibrator")
    if calibrator is not None:
        problems += target_problems(loaded, calibrator.provided, registry)
    problems += _competing_readers(loaded, embedders)
    problems += given_twice(loaded, embedders, [spec.embedder_path(at) for at in range(len(embedders))])
    problems += given_twice(loaded, acceptors, [spec.acceptor_path(at) for at in range(len(acceptors))])
    problems += given_twice(loaded, families, [("families", at) for at in range(len(families))])
    if embedders[0] is not None:
        problems += names_problems(loaded) if embedders[0].reads_vectors else text_problems(loaded)
        problems += column_problems(loaded, embedders[0].column, embedders[0].written)
    # a plugin may refuse credentials itself, and say more
    told = {each.address for each in problems}
    problems += [each for each in secret_problems(loaded) if each.address not in told]
    if problems or calibrator is None:
        raise SpecError.of(tuple(problems))
    return Plan(
        loaded=_with_group(loaded),
        sources=_present(sources),
        embedders=_present(embedders),
        zoo=_present(zoo),
        families=_present(families),
        acceptors=_present(acceptors),
        guards=_present(guards),
        calibrator=calibrator,
        allowed_labels=allowed,
        label_texts=described,
    )


def _competing_readers(loaded: LoadedSpec, embedders: Sequence[Resolved | None]) -> list[Problem]:
    """Return what is wrong where an embedder in a list reads vectors: the app brings those of one embedder alone."""
    if not isinstance(loaded.spec.embedder, tuple):
        return []
    hint = "list embedders of texts, or write this one without a list"
    return [
        Problem(
            loaded.where(path),
            f"'{each.provided.name}' reads vectors that come with the traces, and only embedders of texts compete",
            hint,
            address(path),
        )
        for path, each in ((loaded.spec.embedder_path(at), each) for at, each in enumerate(embedders))
        if each is not None and each.reads_vectors
    ]


def _with_group(loaded: LoadedSpec) -> LoadedSpec:
    """Return the spec with the key of its groups written out, where it takes that of its formats."""
    split = loaded.spec.split
    if split.strategy != "grouped" or split.key is not None:
        return loaded
    (key,) = group_keys(loaded)
    return replace(loaded, spec=loaded.spec.model_copy(update={"split": split.model_copy(update={"key": key})}))


def _present(resolved: Iterable[Resolved | None]) -> tuple[Resolved, ...]:
    return tuple(each for each in resolved if each is not None)
