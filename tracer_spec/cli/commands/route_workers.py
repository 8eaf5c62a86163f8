"""Chunks of requests side by side in several processes; their answers keep the order of the chunks."""

from __future__ import annotations

import atexit
import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from tracer_spec.errors import TracerError

if TYPE_CHECKING:
    from tracer_spec.cli.commands.route_lines import Reader
    from tracer_spec.runtime import Router
    from tracer_spec.runtime.router_ref import RouterRef

T = TypeVar("T")
U = TypeVar("U")
# chunks that a worker decides or has before it: enough that none waits while this process decides one, reads and writes
_AHEAD = 3
# chunks for each worker that are held, until those before them are answered
_HELD = 12


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
    from tracer_spec.fresh.spec_of_bundle import written_spec
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
    """So many processes beside this one."""

    n: int = 0
    pool: ProcessPoolExecutor | None = None


@dataclass(frozen=True, slots=True)
class AtWork:
    """Workers that have a job; ``ready`` has an entry for each, done when it has loaded the router."""

    pool: ProcessPoolExecutor
    job: Job
    ready: Sequence[Future[None]]

    def submit(self, decide: Decide[T, U], chunk: T, n_busy: int) -> Future[U] | None:
        """Give a chunk to a worker, None where all that are ready have enough to do."""
        n_ready = sum(each.result() is None for each in self.ready if each.done())  # or raise what kept one from it
        return self.pool.submit(_decide, self.job, decide, chunk) if n_busy < n_ready * _AHEAD else None


@contextlib.contextmanager
def start_workers(n: int) -> Iterator[Workers]:
    """Start n processes beside this one: before anything is read, so that they import what they need meanwhile.

    One that dies, as where memory runs out, ends the work with an error.
    """
    if n == 0:
        yield Workers()
        return
    context = multiprocessing.get_context("spawn")  # a fork would share the threads of whatever runs here
    with ProcessPoolExecutor(n, mp_context=context, initializer=_begin) as pool:
        try:
            with _unheard_by_children():
                for _ in range(n):
                    pool.submit(_import_runtime)
            yield Workers(n, pool)
        except BrokenProcessPool:
            raise TracerError(
                "a worker process ended before its work was done",
                hint="where memory is short, use fewer: --workers 1",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def side_by_side(workers: Workers, job: Job, router: Router, read: Reader | None) -> SideBySide:
    """Return what decides on chunks: this process by its router and reader, and the workers, which load theirs now.

    The router must have been opened here: a worker pins the bundle, and so may load a plugin that this process refuses.
    """
    pool = workers.pool
    if pool is None:
        return lambda decide, chunks: (decide(router, read, chunk) for chunk in chunks)
    at_work = AtWork(pool, job, [pool.submit(_load, job) for _ in range(workers.n)])
    return functools.partial(_in_order, at_work, router, read)


def _in_order(
    at_work: AtWork, router: Router, read: Reader | None, decide: Decide[T, U], chunks: Iterable[T]
) -> Iterator[U]:
    waiting: deque[Future[U]] = deque()
    for chunk in chunks:
        n_busy = sum(not each.done() for each in waiting)
        waiting.append(at_work.submit(decide, chunk, n_busy) or _answered(decide, router, read, chunk))
        while waiting and (waiting[0].done() or len(waiting) > len(at_work.ready) * _HELD):
            yield waiting.popleft().result()
    at_work.pool.shutdown(wait=False)  # a worker goes when it has answered, and not after the last answer is written
    for each in waiting:
        yield each.result()


def _answered(decide: Decide[T, U], router: Router, read: Reader | None, chunk: T) -> Future[U]:
    """Decide in this process; what is wrong with the chunk is raised in its turn, after the answers before it."""
    answer: Future[U] = Future()
    try:
        answer.set_result(decide(router, read, chunk))
    except TracerError as error:
        answer.set_exception(error)
    return answer


def _import_runtime() -> None:
    import tracer_spec.runtime.router_ref  # noqa: F401


def _load(job: Job) -> None:
    with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
        _ = job.ref.router, _reader(job)


def _decide(job: Job, decide: Decide[Any, U], chunk: Any) -> U:
    with contextlib.redirect_stdout(sys.stderr):
        return decide(job.ref.router, _reader(job), chunk)


@contextlib.contextmanager
def _unheard_by_children() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, as it reaches all of a terminal's, while they still import."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is heard now


def _begin() -> None:
    """Leave Ctrl-C to the process that answers for the work; end at once, and with that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(os._exit, 0)  # an answer is sent before the next chunk is taken: nothing is left to tidy
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one: killed, it can tell nobody that there is no more to do."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
