"""Embedders that compete: each embeds the fit rows, and the zoo is trained on the vectors of each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import MissingDependencyError, PluginError, Problem, TracerError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.prepare import prepare
from tracer_spec.flow.prepared import Parted, Prepared
from tracer_spec.flow.progress import Observer, no_observer
from tracer_spec.flow.train import train
from tracer_spec.flow.training.embed import make_embedder
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.spec.nodes import address

if TYPE_CHECKING:
    from tracer_spec.plan import Plan


@dataclass(frozen=True, slots=True)
class Entrant:
    """An embedder with what was trained on its vectors.

    Parameters
    ----------
    prepared : Prepared
    workshop : Workshop or None
        None before training, and where nothing could be trained.
    embed_s, train_s : float
        Seconds that it took; a model that competes was loaded before.
    failure : str
        Why nothing could be trained; else empty.
    """

    prepared: Prepared
    workshop: Workshop | None = field(default=None, repr=False)
    embed_s: float = 0.0
    train_s: float = 0.0
    failure: str = ""

    @property
    def name(self) -> str:
        """Return what the spec calls the embedder."""
        return self.prepared.embedder.resolved.alias

    @property
    def trained(self) -> Workshop:
        """Return what was trained."""
        if self.workshop is None:
            raise ValueError(f"nothing was trained on the vectors of '{self.name}'")
        return self.workshop

    @property
    def agreement(self) -> float | None:
        """Return the best out-of-fold agreement of its surrogates, in [0, 1]; None where nothing was trained."""
        return None if self.workshop is None else max(each.agreement for each in self.workshop.trained)


def embed_each(
    plan: Plan, parted: Parted, *, memory: Memory | None = None, observe: Observer = no_observer
) -> tuple[Entrant, ...]:
    """Embed the fit rows with each embedder of a plan, in the spec's order.

    Raises
    ------
    DataError, PluginError
        Where one of them fails, under its own address in the spec. What a machine lacks, or a service that does not answer,
        must not decide which embedder ships.
    """
    embedded = []
    for number, (one, made) in enumerate(zip(plan.by_embedder, _made_each(plan), strict=True)):
        started = time.perf_counter()
        with addressed(plan, number):
            prepared = prepare(one, parted, memory=memory, observe=observe, made=made)
        embedded.append(Entrant(prepared, embed_s=time.perf_counter() - started))
    return tuple(embedded)


def _made_each(plan: Plan) -> list[Any]:
    """Make the embedders that compete, so that a model that is missing is found before the others embed; not a single one."""
    if len(plan.embedders) == 1:
        return [None]
    made = []
    for number, each in enumerate(plan.embedders):
        with addressed(plan, number):
            made.append(make_embedder(each))
    return made


def train_each(
    plan: Plan,
    embedded: Sequence[Entrant],
    *,
    workers: int | None = None,
    memory: Memory | None = None,
    observe: Observer = no_observer,
) -> tuple[Entrant, ...]:
    """Train the zoo on the vectors of each; where several compete, one on which nothing can be trained has lost.

    Raises
    ------
    PluginError
        Where nothing could be trained on any, with the reasons; MissingDependencyError where a package is not installed.
    """
    found, errors = list[Entrant](), list[PluginError]()
    for entrant in embedded:
        ready, started = entrant.prepared, time.perf_counter()
        workshop, failure = None, ""
        try:
            workshop = train(
                plan, ready.fit, ready.denied, labels=ready.labels, workers=workers, memory=memory, observe=observe
            )
        except MissingDependencyError:
            raise
        except PluginError as error:
            errors.append(error)
            failure = error.problems[0].what
        found.append(replace(entrant, workshop=workshop, train_s=time.perf_counter() - started, failure=failure))
    if len(errors) < len(found):
        return tuple(found)
    if len(errors) == 1:
        raise errors[0]
    raise PluginError.of(
        tuple(
            replace(problem, what=f"on the vectors of '{entrant.name}': {problem.what}")
            for entrant, error in zip(found, errors, strict=True)
            for problem in error.problems
        )
    )


def trained_names(entrants: Sequence[Entrant]) -> str:
    """Return the surrogates that were trained, by embedder where several compete; each once, whatever acceptors it has."""
    told = [
        ", ".join(dict.fromkeys(one.name for one in each.workshop.trained)) if each.workshop else "none"
        for each in entrants
    ]
    if len(entrants) == 1:
        return told[0]
    return "; ".join(f"{each.name}: {names}" for each, names in zip(entrants, told, strict=True))


@contextmanager
def addressed(plan: Plan, number: int) -> Iterator[None]:
    """Give what an embedder raises its place in the spec: a plugin knows of one embedder alone."""
    place = address(plan.spec.embedder_path(number))
    try:
        yield
    except TracerError as error:
        error.problems = tuple(_placed(each, place) for each in error.problems)
        raise


def _placed(problem: Problem, place: str) -> Problem:
    if problem.address and problem.address.split(".")[0] != "embedder":
        return problem
    return replace(problem, address=place + problem.address.removeprefix("embedder"))
