"""tracer-spec: a small local model for the easy part of an LLM classifier's traffic, with a certificate.

``build`` makes a bundle from a spec; ``load`` opens one and routes. Names are bound when first used, so that ``load`` in
an app imports the runtime alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer_spec.engine import BuildResult, build
    from tracer_spec.errors import BundleError, DataError, LockError, PluginError, SpecError, TracerError
    from tracer_spec.production.cases import Label
    from tracer_spec.production.decision_log import DecisionLog
    from tracer_spec.production.deployment import Deployment, deploy
    from tracer_spec.production.transport import openai_transport
    from tracer_spec.runtime import Batch, Decision, Router, load
    from tracer_spec.runtime.router_ref import RouterRef

__version__ = "0.1.0"

_HOMES = {
    "BuildResult": "tracer_spec.engine",
    "build": "tracer_spec.engine",
    "Batch": "tracer_spec.runtime",
    "Decision": "tracer_spec.runtime",
    "Router": "tracer_spec.runtime",
    "RouterRef": "tracer_spec.runtime.router_ref",
    "load": "tracer_spec.runtime",
    "DecisionLog": "tracer_spec.production.decision_log",
    "Deployment": "tracer_spec.production.deployment",
    "Label": "tracer_spec.production.cases",
    "deploy": "tracer_spec.production.deployment",
    "openai_transport": "tracer_spec.production.transport",
    "BundleError": "tracer_spec.errors",
    "DataError": "tracer_spec.errors",
    "LockError": "tracer_spec.errors",
    "PluginError": "tracer_spec.errors",
    "SpecError": "tracer_spec.errors",
    "TracerError": "tracer_spec.errors",
}

__all__ = [
    "Batch",
    "BuildResult",
    "BundleError",
    "DataError",
    "Decision",
    "DecisionLog",
    "Deployment",
    "Label",
    "LockError",
    "PluginError",
    "Router",
    "RouterRef",
    "SpecError",
    "TracerError",
    "__version__",
    "build",
    "deploy",
    "load",
    "openai_transport",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tracer_spec' has no attribute '{name}'")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
