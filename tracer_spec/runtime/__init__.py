"""Serves a bundle, with numpy, onnxruntime and the standard library alone."""

from tracer_spec.runtime.bundle import Bundle, read_bundle
from tracer_spec.runtime.decision import Batch, Decision, Reason
from tracer_spec.runtime.load import load
from tracer_spec.runtime.router import Router

__all__ = ["Batch", "Bundle", "Decision", "Reason", "Router", "load", "read_bundle"]
