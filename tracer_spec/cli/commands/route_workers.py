"""Chunks of requests side by side in several processes; their answers keep the order of the chunks."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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
# chunks that are decided, or wait for it, by worker: enough that none waits while the slowest is written
_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs: the router, and the source of its spec whose records are read.

    ``is_native`` says that records are laid out as the format ``native`` says.
    """

    ref: RouterRef
    source: int | None
    is_native: bool


@functools.cache
def _reader(job: Job) -> Reader | None:
    """Return what reads records, made once a process."""
    if job.is_native:
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


@contextlib.contextmanager
def side_by_side(job: Job, n: int, router: Router, read: Reader | None) -> Iterator[SideBySide]:
    """Give what decides on chunks, in n processes; in this one, with its router and reader, where n is 1.

    A process that dies, as where memory runs out, ends the work with an error.
    """
    if n == 1:
        yield lambda decide, chunks: (decide(router, read, chunk) for chunk in chunks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would share the threads of whatever runs here
    with ProcessPoolExecutor(n, mp_context=context, initializer=_ignore_interrupts) as pool:
        try:
            yield lambda decide, chunks: _in_order(pool, n * _AHEAD, job, decide, chunks)
        except BrokenProcessPool:
            raise TracerError(
                "a worker process ended before its work was done",
                hint="where memory is short, use fewer: --workers 1",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, n_ahead: int, job: Job, decide: Decide[T, U], chunks: Iterable[T]
) -> Iterator[U]:
    """Yield the answers to chunks in their order, reading so many chunks ahead and no more."""
    waiting: deque[Future[U]] = deque()
    for chunk in chunks:
        waiting.append(pool.submit(_decide, job, decide, chunk))
        if len(waiting) >= n_ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decide(job: Job, decide: Decide[Any, U], chunk: Any) -> U:
    with contextlib.redirect_stdout(sys.stderr):  # a plugin's embedder may print
        return decide(job.ref.router, _reader(job), chunk)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the one that answers for the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
