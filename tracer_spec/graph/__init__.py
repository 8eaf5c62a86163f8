"""ONNX building blocks: graphs in the one form that ships, merged, spread over all classes, and run."""

from tracer_spec.graph.columns import constant_scores, spread_columns
from tracer_spec.graph.inline import Inlined, inline
from tracer_spec.graph.session import ROWS_PER_RUN, Scorer, score
from tracer_spec.graph.target import IR_VERSION, MAX_EXPORT_BYTES, OPSETS, PRODUCER, check_export_size, export
from tracer_spec.graph.tidy import finished, tidy
from tracer_spec.graph.trees import NEVER, Tree, float32_thresholds, tree_ensemble

__all__ = [
    "IR_VERSION",
    "MAX_EXPORT_BYTES",
    "NEVER",
    "OPSETS",
    "PRODUCER",
    "ROWS_PER_RUN",
    "Inlined",
    "Scorer",
    "Tree",
    "check_export_size",
    "constant_scores",
    "export",
    "finished",
    "float32_thresholds",
    "inline",
    "score",
    "spread_columns",
    "tidy",
    "tree_ensemble",
]
