"""The hooks of a tracer-spec plugin: one per kind, each yields :class:`~tracer_spec.plugin.Plugin` descriptors.

A whole plugin is a module, named by an entry point of the group ``tracer_spec``::

    from pydantic import Field
    from tracer_spec.plugin import Options, Plugin, hookimpl

    class CentroidOptions(Options):
        sharpness: float = Field(10.0, gt=0, description="how fast scores fall with distance")

    def make(options):
        from my_package.centroid import Centroid      # heavy imports live here
        return Centroid(options.sharpness)

    @hookimpl
    def tracer_spec_surrogates():
        yield Plugin("centroid", "nearest class centroid", make, CentroidOptions)
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from tracer_spec.plugin.contracts import (
    AcceptorLearner,
    Embedder,
    Fittable,
    GuardLearner,
    Plugin,
    Source,
    SurrogateLearner,
    VectorReaderPlugin,
)
from tracer_spec.plugin.proposing import CalibratorPlugin, Family

GROUP = "tracer_spec"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def tracer_spec_sources() -> Iterable[Plugin[Source]]:  # type: ignore[empty-body]
    """Yield trace sources: where raw records come from."""


@hookspec
def tracer_spec_embedders() -> Iterable[Plugin[Embedder | Fittable] | VectorReaderPlugin]:  # type: ignore[empty-body]
    """Yield embedders: text to vector; one that reads vectors is a ``VectorReaderPlugin``."""


@hookspec
def tracer_spec_surrogates() -> Iterable[Plugin[SurrogateLearner]]:  # type: ignore[empty-body]
    """Yield surrogate learners: vector to class scores."""


@hookspec
def tracer_spec_acceptors() -> Iterable[Plugin[AcceptorLearner]]:  # type: ignore[empty-body]
    """Yield acceptor learners: they predict whether a surrogate agrees with the teacher."""


@hookspec
def tracer_spec_guards() -> Iterable[Plugin[GuardLearner]]:  # type: ignore[empty-body]
    """Yield guards: they measure how far an input is from the fit rows."""


@hookspec
def tracer_spec_families() -> Iterable[Plugin[Family]]:  # type: ignore[empty-body]
    """Yield families: shapes of policy."""


@hookspec
def tracer_spec_calibrators() -> Iterable[CalibratorPlugin]:  # type: ignore[empty-body]
    """Yield calibrators, each a ``CalibratorPlugin``: what may ship."""
