"""Checks the graph of a text encoder, on its bytes, before ONNX Runtime reads them.

An embedder that brings a graph, in a bundle or from a folder, is as much data from elsewhere as a policy is: operators
of a list, no branches and loops, constants inside the file, and a cost that the file's size and the text's length bound.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass

from tracer_spec.errors import PluginError
from tracer_spec.runtime.encoder_operators import ENCODER_OPERATORS, MIXING, extra_cost
from tracer_spec.runtime.graph_check import check_fields
from tracer_spec.runtime.graph_cost import Budget, walk
from tracer_spec.runtime.graph_reader import Shape, Value, read_model
from tracer_spec.runtime.limits import MIB
from tracer_spec.runtime.protobuf_wire import WireError
from tracer_spec.runtime.tensor_check import GraphRefusedError

MAX_BYTES = 480 * MIB
"""Of a graph: a bundle holds one, and its policy, in 512 MiB."""

_ELEMENTS, _BASE = 1 << 32, 1 << 28
_HINT = "export the model as one ONNX file of standard operators, with a free batch and length, or lower max_tokens"


@dataclass(frozen=True, slots=True)
class EncoderGraph:
    """What is known of a graph that has been checked.

    Attributes
    ----------
    inputs : tuple of str
        Names of its inputs.
    outputs : mapping of str to tuple of int
        Shapes of its outputs for one text of as many tokens as were asked about.
    mixes_texts : bool
        Whether an operator takes its scale from the whole of a batch (dynamic quantisation): the vector of a text then
        depends on the texts beside it, and texts have to be run one at a time.
    """

    inputs: tuple[str, ...]
    outputs: dict[str, Shape]
    mixes_texts: bool


def check_encoder(model: bytes, *, n_tokens: int, address: str = "") -> EncoderGraph:
    """Refuse a serialised ONNX model that is more than a text encoder of bounded cost.

    Parameters
    ----------
    model : bytes
    n_tokens : int
        Tokens of the longest text that it will be given, at least 1.
    address : str
        Where it is from, for the error.

    Returns
    -------
    EncoderGraph

    Raises
    ------
    PluginError
        With the fact and the remedy.

    Notes
    -----
    For one text of ``n_tokens`` tokens, the elements read and written and a quarter of the multiplications are at most twice
    the bytes times the tokens: a transformer multiplies each weight once a token. A file costs no more than its size allows.
    """
    try:
        if len(model) > MAX_BYTES:
            raise GraphRefusedError(f"has {len(model)} bytes; at most {MAX_BYTES} are read", _HINT)
        check_fields(model, domains=None, masks=True)
        return _walked(model, n_tokens)
    except WireError as error:
        raise PluginError(f"is not an ONNX model: {error}", address=address, hint=_HINT) from None
    except GraphRefusedError as refusal:
        raise PluginError(f"the encoder's graph {refusal}", address=address, hint=_HINT) from None


def _walked(model: bytes, n_tokens: int) -> EncoderGraph:
    graph = read_model(model)
    given = {name: shape for name, shape in graph.inputs.items() if name not in graph.constants}
    for name, shape in given.items():
        if len(shape) != 2 or any(size is not None for size in shape):
            raise GraphRefusedError(
                f"takes {name[:80]!r} of shape {list(shape)}, not (texts, tokens) of any number", _HINT
            )
    budget = Budget(
        elements=min(8 * len(model) + n_tokens * len(model) // 8 + _BASE, _ELEMENTS),
        operations=2 * len(model) * n_tokens + _BASE,
        operators=ENCODER_OPERATORS,
        extra_cost=extra_cost,
        user="an encoder",
    )
    made = walk(graph, ChainMap({}, {name: Value((1, n_tokens)) for name in given}), budget)
    return EncoderGraph(
        inputs=tuple(given),
        outputs={name: value.shape for name, value in zip(graph.outputs, made, strict=True)},
        mixes_texts=any(node.op in MIXING for node in graph.nodes),
    )
