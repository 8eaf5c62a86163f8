"""Train learners in parallel, each on one thread, and return their exported graphs and scores.

A task is data, its outcome is data; nothing trained crosses a process boundary but ONNX bytes. One worker or many, the
outcome is the same.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import MissingDependencyError, PluginError, TracerError, without_secrets
from tracer_spec.plugin import Classes, Scores, Vectors
from tracer_spec.plugin.one_thread import one_thread
from tracer_spec.plugin.requirements import NO_FAULT, said_by

# below this many training rows times classes in all, starting worker processes takes longer than the training
_WORTH_PROCESSES = 400_000
# how often a worker looks whether its parent still runs
_WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """Train one learner, by its plugin's ``make``, on the rows ``train`` of ``X``, and score the rows ``score``.

    ``key`` is whatever tells the caller which task this is; ``weights`` what each row of ``train`` weighs; ``secrets`` what no
    reason of a failure may quote.
    """

    key: tuple[Any, ...]
    make: Callable[[Any], Any] = field(repr=False)
    options: Any = field(repr=False)
    train: NDArray[np.int64] = field(repr=False)
    score: NDArray[np.int64] = field(repr=False)
    n_classes: int
    seed: int
    weights: NDArray[np.float64] | None = field(default=None, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: a graph with the scores it gives, or the reason why there is none.

    ``lacks`` is what was raised where a package is not installed: who carries tasks out knows whose plugin asks for it.
    """

    key: tuple[Any, ...]
    seconds: float
    onnx: bytes = field(default=b"", repr=False)
    scores: Scores | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    failure: str = ""
    lacks: ImportError | None = None


def derive_seed(seed: int, role: str, name: str) -> int:
    """Return a seed for one role and name, in [0, 2**31), so that adding a surrogate disturbs no other.

    Examples
    --------
    >>> derive_seed(0, "surrogate", "mlp") == derive_seed(0, "surrogate", "logreg")
    False
    """
    digest = hashlib.sha256(f"{seed}\n{role}\n{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def learn_all(tasks: Sequence[Task], X: Vectors, y: Classes, *, workers: int) -> Generator[Outcome]:
    """Carry out tasks and yield their outcomes as they come; in fewer processes than ``workers`` where the work is small."""
    import joblib

    work = sum(len(task.train) * task.n_classes for task in tasks)
    if workers <= 1 or len(tasks) <= 1 or work < _WORTH_PROCESSES:
        for task in tasks:
            yield learn(task, X, y)
        return
    pool = joblib.Parallel(
        n_jobs=min(workers, len(tasks)), return_as="generator_unordered", inner_max_num_threads=1, backend="loky"
    )
    work_of = joblib.delayed(_learn_for)
    outcomes, left = pool(work_of(os.getpid(), task, X, y) for task in tasks), {task.key: None for task in tasks}
    try:
        for outcome in outcomes:
            yield outcome
            left.pop(outcome.key)
    except BrokenProcessPool:
        names = ", ".join(dict.fromkeys(str(key[0]) for key in left))
        raise PluginError(
            f"a process that trained surrogates ended before it had an answer; not trained yet: {names}",
            hint="it ran out of memory, or one of them ends the process: '--workers 1', a smaller zoo, or one at a time tells",
            address="zoo",
        ) from None
    finally:
        # closing it kills the workers: who leaves early does not wait for them, and has been told why
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
            outcomes.close()


def _learn_for(parent: int, task: Task, X: Vectors, y: Classes) -> Outcome:
    """Carry out one task in a worker, which ends with its parent."""
    _end_with(parent)
    return learn(task, X, y)


@functools.cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent, which may be killed: it would train on and hold the output open."""
    if sys.platform != "win32":  # there, a process keeps the number of a parent that is gone
        threading.Thread(target=_outlive_by_little, args=(parent,), daemon=True).start()


def _outlive_by_little(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)


def learn(task: Task, X: Vectors, y: Classes) -> Outcome:
    """Carry out one task on one thread.

    A learner that fails, breaks its contract or gives scores that are not finite comes back as a failure with its reason: the
    build goes on without it. Only a package that is not installed ends the build.
    """
    from tracer_spec.graph import Scorer, export

    started = time.perf_counter()
    try:
        with one_thread(), contextlib.redirect_stdout(sys.stderr):  # stdout may hold a document
            learner = task.make(task.options)
            more = {} if task.weights is None else {"sample_weight": task.weights}
            surrogate = learner.fit(X[task.train], y[task.train], n_classes=task.n_classes, seed=task.seed, **more)
            graph, notes = export(surrogate), _notes_of(surrogate, task.secrets)
        (scores,) = Scorer(graph).run({"embedding": X[task.score]})
        failure = _contract_breach(scores, (len(task.score), task.n_classes))
    except MissingDependencyError:
        raise  # the spec asks for it: a machine that lacks a package must not ship another policy
    except TracerError as error:
        return Outcome(
            task.key, time.perf_counter() - started, failure=without_secrets(error.problems[0].what, task.secrets)
        )
    except ImportError as error:
        failure, lacks = said_by(error, secrets=task.secrets), _plain(error, task.secrets)
        return Outcome(task.key, time.perf_counter() - started, failure=failure, lacks=lacks)
    except NO_FAULT:
        raise
    except BaseException as error:  # noqa: BLE001 - a third party's learner may raise anything: it becomes a row of the report
        return Outcome(task.key, time.perf_counter() - started, failure=said_by(error, secrets=task.secrets))
    seconds = time.perf_counter() - started
    if failure:
        return Outcome(task.key, seconds, notes=notes, failure=failure)
    return Outcome(task.key, seconds, onnx=graph, scores=scores, notes=notes)


def _plain(error: ImportError, secrets: frozenset[str]) -> ImportError:
    """Return an error without secrets that comes back from a worker: a third party's own may not unpickle, and break all."""
    return ImportError(without_secrets(str(error), secrets), name=error.name)


def _notes_of(surrogate: Any, secrets: frozenset[str]) -> tuple[str, ...]:
    """Return the sentences for the report, without secrets; one that stands alone is one sentence, not its letters."""
    notes = getattr(surrogate, "notes", ())
    return tuple(without_secrets(str(each), secrets) for each in ((notes,) if isinstance(notes, str) else notes))


def _contract_breach(scores: Scores, shape: tuple[int, int]) -> str:
    """Say how scores break the contract of a surrogate; empty where they keep it."""
    if scores.shape != shape:
        return f"its graph gives scores of shape {scores.shape}, not {shape}"
    if scores.dtype != np.float32:
        return f"its graph gives scores of type {scores.dtype}, not float32"
    if not np.isfinite(scores).all():
        return "its graph gives scores that are not finite"
    return ""
