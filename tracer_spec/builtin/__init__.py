"""The built-in plugins. They come through the same door as everybody's: the entry point group ``tracer_spec``."""

from __future__ import annotations

from tracer_spec.plugin import (
    AcceptorLearner,
    CalibratorPlugin,
    Embedder,
    Family,
    Fittable,
    GuardLearner,
    Plugin,
    Source,
    SurrogateLearner,
    VectorReaderPlugin,
    hookimpl,
)


@hookimpl
def tracer_spec_sources() -> list[Plugin[Source]]:
    """Yield the built-in trace sources."""
    from tracer_spec.builtin.sources import sources

    return sources()


@hookimpl
def tracer_spec_embedders() -> list[Plugin[Embedder | Fittable] | VectorReaderPlugin]:
    """Yield the built-in embedders."""
    from tracer_spec.builtin.embedders import embedders

    return embedders()


@hookimpl
def tracer_spec_surrogates() -> list[Plugin[SurrogateLearner]]:
    """Yield the built-in surrogate learners."""
    from tracer_spec.builtin.surrogates import surrogates

    return surrogates()


@hookimpl
def tracer_spec_acceptors() -> list[Plugin[AcceptorLearner]]:
    """Yield the built-in acceptors."""
    from tracer_spec.builtin.acceptors import acceptors

    return acceptors()


@hookimpl
def tracer_spec_guards() -> list[Plugin[GuardLearner]]:
    """Yield the built-in guards."""
    from tracer_spec.builtin.guards import guards

    return guards()


@hookimpl
def tracer_spec_families() -> list[Plugin[Family]]:
    """Yield the built-in families."""
    from tracer_spec.builtin.families import families

    return families()


@hookimpl
def tracer_spec_calibrators() -> list[CalibratorPlugin]:
    """Yield the built-in calibrators."""
    from tracer_spec.builtin.calibrators import calibrators

    return calibrators()
