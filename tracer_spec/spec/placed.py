"""Lines of router.yaml for errors about its values, whoever raises them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tracer_spec.errors import BundleError, LockError, Problem, TracerError
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import path_of


@contextmanager
def placed(loaded: LoadedSpec) -> Iterator[None]:
    """Add ``file:line:column`` to every problem raised inside that has the address of a value which is written in the spec.

    An address in a bundle or a lock is none in the spec.
    """
    try:
        yield
    except (BundleError, LockError):
        raise
    except TracerError as error:
        error.problems = tuple(_placed(loaded, each) for each in error.problems)
        raise


def _placed(loaded: LoadedSpec, problem: Problem) -> Problem:
    path = path_of(loaded.tree, problem.address) if problem.address and not problem.where else ()
    return replace(problem, where=loaded.where(path)) if path else problem
