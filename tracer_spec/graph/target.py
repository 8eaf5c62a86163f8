"""What every graph of this project is: its versions, its names, and how large an export may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_spec.errors import PluginError

if TYPE_CHECKING:
    from onnx import ModelProto

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Domain to operator set version: the only domains there are."""
IR_VERSION = 8
"""The oldest one that carries :data:`OPSETS`, so that the oldest runtimes read it."""
PRODUCER = "tracer-spec"
GRAPH_NAME = "graph"

MIB = 1024 * 1024
MAX_EXPORT_BYTES = 64 * MIB
"""How large one surrogate may be: the whole policy must load fast, and be worth shipping."""


def check_export_size(model: ModelProto, *, name: str, remedy: str, limit_bytes: int = MAX_EXPORT_BYTES) -> None:
    """Refuse a graph that is too large to ship.

    Parameters
    ----------
    model : ModelProto
    name : str
        Whose graph it is, for the message.
    remedy : str
        What makes it smaller.
    limit_bytes : int

    Raises
    ------
    PluginError
        Where the serialised graph would be larger than ``limit_bytes``.
    """
    size_bytes = model.ByteSize()
    if size_bytes > limit_bytes:
        raise PluginError(
            f"'{name}' exports {size_bytes / MIB:.1f} MiB; at most {limit_bytes / MIB:.1f} MiB are allowed", hint=remedy
        )
