"""What every graph of this project is: its versions, its names, and how large an export may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tracer_spec.errors import BundleError, PluginError
from tracer_spec.runtime.graph_check import check_graph

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


class Exportable(Protocol):
    """A trained surrogate, acceptor or guard."""

    def to_onnx(self) -> ModelProto:
        """Return its graph."""
        ...


def export(part: Exportable) -> bytes:
    """Return the graph of a trained part, as a bundle holds it.

    Raises
    ------
    PluginError
        Where it is none, or no bundle may hold it, for what it uses or for what it costs.
    """
    import onnx

    model = part.to_onnx()
    if not isinstance(model, onnx.ModelProto):
        raise PluginError(f"its to_onnx gave {type(model).__name__}, not an onnx.ModelProto")
    graph: bytes = model.SerializeToString(deterministic=True)
    try:
        check_graph(graph)
    except BundleError as error:
        raise PluginError(f"its graph {error.problems[0].what}", hint=error.problems[0].hint) from None
    return graph


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
