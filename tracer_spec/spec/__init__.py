"""The spec language: router.yaml as frozen data, every value with its line and column.

Names are bound when first used: to read what a spec says needs no pydantic, and to check it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer_spec.spec.digest import canonical, spec_digest
    from tracer_spec.spec.labels import read_labels
    from tracer_spec.spec.load import LoadedSpec, load_spec, read_spec
    from tracer_spec.spec.model import RouterSpec
    from tracer_spec.spec.schema import router_schema

_HOMES = {
    "LoadedSpec": "load",
    "RouterSpec": "model",
    "canonical": "digest",
    "load_spec": "load",
    "read_labels": "labels",
    "read_spec": "load",
    "router_schema": "schema",
    "spec_digest": "digest",
}

__all__ = [
    "LoadedSpec",
    "RouterSpec",
    "canonical",
    "load_spec",
    "read_labels",
    "read_spec",
    "router_schema",
    "spec_digest",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
