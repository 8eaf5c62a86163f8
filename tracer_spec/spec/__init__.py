"""The spec language: router.yaml as frozen data, every value with its line and column."""

from tracer_spec.spec.digest import canonical, spec_digest
from tracer_spec.spec.labels import read_labels
from tracer_spec.spec.load import LoadedSpec, load_spec, read_spec
from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.schema import router_schema

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
