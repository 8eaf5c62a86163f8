"""Several sources of traces as one trace set: which events they share, and what became of the records of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from tracer_spec.errors import Problem, TracerError
from tracer_spec.flow.traces.accounting import Tally
from tracer_spec.flow.traces.bound import Bound
from tracer_spec.flow.traces.collect import ReadTraces, gather, ruled_out
from tracer_spec.flow.traces.columns import Columns, key_of
from tracer_spec.flow.traces.event_ids import EventIds
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin.contracts import Source
from tracer_spec.text_steps.labels import LabelCleaner


@dataclass(frozen=True, slots=True)
class SourceOfTraces:
    """One source of several: where its records come from, and how they are read; as for ``collect``.

    Parameters
    ----------
    make : callable
        Gives the source.
    attributed : context manager
        Names the plugin in what goes wrong inside it.
    """

    make: Callable[[], Source]
    read: ReadTraces
    cleaner: LabelCleaner
    on_error: str = "fail"
    teachers: Collection[str] | None = None
    cut: Callable[[str], str | None] | None = None
    attributed: AbstractContextManager[None] = field(default_factory=nullcontext)


def collect_several(
    sources: Sequence[SourceOfTraces],
    *,
    unknown: str = "disagree",
    unanswered: str = "disagree",
    bound: Bound | None = None,
    settled: str = "",
    need_text: bool = True,
    need_vector: bool = False,
) -> TraceSet:
    """Read several sources, one after the other, into one trace set.

    Returns
    -------
    TraceSet
        Ids are unique across the sources. An id that an earlier source has too is the same event, and counts once, where the
        text (or vector) is the same or the times are within a minute; else it is an event of its own.

    Raises
    ------
    DataError
        As ``collect`` does, for each source by its address.
    """
    columns, ids, whole, counts = Columns([] if need_vector else None), EventIds(), Tally(settled), []
    for number, source in enumerate(sources):
        name = f"traces[{number}]"
        with _addressed(name), source.attributed:
            tally = gather(
                source.make().records(),
                source.read,
                source.cleaner,
                columns,
                unanswered=unanswered,
                teachers=source.teachers,
                cut=source.cut,
                bound=bound,
                need_text=need_text,
                tell_apart=ids.tell_apart,
            )
            tally.check(source.on_error, unknown, source.cleaner.allowed)
        whole.add(tally)
        counts.append(tally.counts(name))
    accounting = whole.account(sources[0].cleaner.allowed, tuple(counts))
    if ids.n_shared:
        accounting = replace(accounting, notes=(*accounting.notes, _shared_ids(ids.n_shared)))
    return columns.close(accounting)


def events_of(sources: Sequence[SourceOfTraces]) -> Iterator[str | None]:
    """Yield the id of every record of the sources that no rule leaves out, None where it has none."""
    for source in sources:
        with source.attributed:
            for _, raw in source.read(source.make().records()):
                if not raw.unlabelled and not ruled_out(raw, source.teachers, source.cut)[0]:
                    yield key_of(raw.id)


def _shared_ids(n: int) -> str:
    return (
        f"{n:,} ids stand in two sources with other texts and at other times: each is an event of its own; where they are the "
        "same calls, leave one of the sources out"
    )


@contextmanager
def _addressed(name: str) -> Iterator[None]:
    """Put the address of a source into what is said of ``traces``."""
    try:
        yield
    except TracerError as error:
        error.problems = tuple(_within(problem, name) for problem in error.problems)
        raise


def _within(problem: Problem, name: str) -> Problem:
    address = name + problem.address.removeprefix("traces") if problem.address.startswith("traces") else problem.address
    return replace(problem, hint=problem.hint.replace("'traces.", f"'{name}."), address=address)
