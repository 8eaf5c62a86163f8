"""Chunks of requests side by side in several processes; their answers keep the order of the chunks."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from tracer_spec.errors import TracerError
from tracer_spec.runtime.router_ref import RouterRef

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import Reader
    from tracer_spec.runtime import Router

T = TypeVar("T")
U = TypeVar("U")
# chunks that a worker decides or has before it: enough that none waits while this process decides one
_AHEAD = 2
# chunks for each worker that are held, until those before them are answered
_HELD = 6


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs: the router, and the source of its spec whose records are read.

    ``by_spec`` says that records are read as the spec says: where not, no library that reads specs is imported.
    """

    ref: RouterRef
    source: int | None
    by_spec: bool


@functools.cache
def _reader(job: Job) -> Reader | None:
    """Return what reads records, made once a process."""
    if not job.by_spec:
        return None
    from tracer_spec.cli.commands.route_records import spec_reader
    from tracer_spec.cli.commands.spec_of_bundle import written_spec
    from tracer_spec.runtime import read_bundle

    bundle = read_bundle(job.ref.path, sha256=job.ref.sha256)
    return spec_reader(bundle, written_spec(bundle, job.source))


# what decides on one chunk
Decide: TypeAlias = "Callable[[Router, Reader | None, T], U]"


class SideBySide(Protocol):
    """Decides on chunks, and yields the answers in their order."""

    def __call__(self, decide: Decide[T, U], chunks: Iterable[T]) -> Iterator[U]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes beside this one that have a job; ``started`` has an entry for each, done when it has loaded the router."""

    job: Job
    pool: ProcessPoolExecutor | None = None
    started: Sequence[Future[None]] = ()

    def __len__(self) -> int:
        """Return the number of processes beside this one."""
        return len(self.started)

    def submit(self, decide: Decide[T, U], chunk: T, n_busy: int) -> Future[U] | None:
        """Give a chunk to a worker, None where all that have started have enough to do."""
        n_ready = sum(each.result() is None for each in self.started if each.done())  # or raise what kept one from it
        if self.pool is None or n_busy >= n_ready * _AHEAD:
            return None
        return self.pool.submit(_decide, self.job, decide, chunk)


@contextlib.contextmanager
def start_workers(job: Job, n: int) -> Iterator[Workers]:
    """Start n processes beside this one: at once, so that they load the router while this process does.

    One that dies, as where memory runs out, ends the work with an error.
    """
    if n == 0:
        yield Workers(job)
        return
    context = multiprocessing.get_context("spawn")  # a fork would share the threads of whatever runs here
    with ProcessPoolExecutor(n, mp_context=context, initializer=_ignore_interrupts) as pool:
        try:
            yield Workers(job, pool, [pool.submit(_start, job) for _ in range(n)])
        except BrokenProcessPool:
            raise TracerError(
                "a worker process ended before its work was done",
                hint="where memory is short, use fewer: --workers 1",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def side_by_side(workers: Workers, router: Router, read: Reader | None) -> SideBySide:
    """Return what decides on chunks in this process, by its router and reader, and in the workers beside it."""

    def decide_all(decide: Decide[T, U], chunks: Iterable[T]) -> Iterator[U]:
        waiting: deque[Future[U]] = deque()
        for chunk in chunks:
            n_busy = sum(not each.done() for each in waiting)
            waiting.append(workers.submit(decide, chunk, n_busy) or _answered(decide, router, read, chunk))
            while waiting and (waiting[0].done() or len(waiting) > len(workers) * _HELD):
                yield waiting.popleft().result()
        for each in waiting:
            yield each.result()

    return decide_all


def _answered(decide: Decide[T, U], router: Router, read: Reader | None, chunk: T) -> Future[U]:
    """Decide in this process; what is wrong with the chunk is raised in its turn, after the answers before it."""
    answer: Future[U] = Future()
    try:
        answer.set_result(decide(router, read, chunk))
    except TracerError as error:
        answer.set_exception(error)
    return answer


def _start(job: Job) -> None:
    with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
        _ = job.ref.router, _reader(job)


def _decide(job: Job, decide: Decide[Any, U], chunk: Any) -> U:
    with contextlib.redirect_stdout(sys.stderr):
        return decide(job.ref.router, _reader(job), chunk)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the one that answers for the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
