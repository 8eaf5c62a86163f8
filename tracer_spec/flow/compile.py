"""Compiler of a policy: every stage merged into one ``policy.onnx``.

``embedding (n, d) float32 -> label int64, handled bool, score float32, stage int64, reason int64``, each of shape (n,).

Every test is written as *accept if*, so that whatever is not a number defers. A stage after the first runs on the rows
still open alone (NonZero, Gather, the stage, ScatterElements), and not at all where there are none. One row costs some
half a microsecond an operator, so there are as few of them as can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tracer_spec.errors import PluginError
from tracer_spec.graph import IR_VERSION, OPSETS, PRODUCER, inline
from tracer_spec.graph.walk import rename_captured, subgraphs
from tracer_spec.runtime.decision import INPUT, OUTPUTS, Reason
from tracer_spec.runtime.session import as_list

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

    from tracer_spec.plugin import Mask, Policy, Stage

_KINDS = {"tensor(int64)": TensorProto.INT64, "tensor(bool)": TensorProto.BOOL, "tensor(float)": TensorProto.FLOAT}
_MERGED = ("label", "score", "reason")  # the other two follow from these


class _Body:
    """Nodes in the making. Initializers always belong to the outer graph, where subgraphs see them."""

    def __init__(self, initializers: dict[str, TensorProto]) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers = initializers

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        """Add one node and return the name of its output."""
        node = helper.make_node(op, list(inputs), [output], name=f"{output}.{op}")
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self.nodes.append(node)
        return output

    def rename(self, value: str, name: str) -> None:
        """Give a value another name: as an output of the graph, without a node that copies it."""
        for node in self.nodes:
            node.input[:] = [name if each == value else each for each in node.input]
            node.output[:] = [name if each == value else each for each in node.output]
            for graph in subgraphs(node):
                rename_captured(graph, value, name)

    def constant(self, name: str, value: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
        """Add a constant once and return its name."""
        self.initializers.setdefault(name, numpy_helper.from_array(value, name))
        return name

    def integers(self, value: int | list[int]) -> str:
        """Return the name of an int64 constant."""
        name = f"int_{value[0]}_list" if isinstance(value, list) else f"int_{value}"
        return self.constant(name, np.array(value, np.int64))

    def splice(self, graph: bytes, prefix: str, feeds: Mapping[str, str]) -> dict[str, str]:
        """Merge a trained graph in, fed with whatever it has an input for, and return the names of its outputs."""
        model = onnx.load_from_string(graph)
        wanted = {each.name for each in model.graph.input}
        inlined = inline(model, prefix, {name: value for name, value in feeds.items() if name in wanted})
        self.nodes += inlined.nodes
        self.initializers |= {tensor.name: tensor for tensor in inlined.initializers}
        return inlined.outputs


def compile_policy(
    policy: Policy,
    *,
    dimension: int,
    denied: Sequence[bool] | Mask,
    labels: Sequence[str] = (),
    name: str = "",
    open_thresholds: bool = False,
) -> ModelProto:
    """Merge a policy of at least one stage into one graph, checked by ``onnx.checker``.

    Parameters
    ----------
    dimension : int
        d, the length of an embedding.
    denied : sequence of bool, length k
        Which labels the surrogate may never answer.
    labels : sequence of str, length k, optional
        What ``label`` counts, for whoever has the graph alone: they go into its metadata with the router's ``name`` and the
        names of the stages' surrogates.
    open_thresholds : bool
        Let a caller override each stage's ``threshold_J`` at run time, so that one graph serves to test a whole chain.
        What ships has them frozen.

    Raises
    ------
    PluginError
        Where a stage's graph cannot be merged.
    """
    if not policy:
        raise ValueError("a policy has at least one stage")
    body = _Body({})
    zero = body.constant("zero", np.array(0, np.float32))
    # multiplies each score: 1, and NaN for rows that are zero or not finite, which no test then passes; scores alone do not
    # tell, since trees give a NaN a finite one. A number by itself is 1, and 0, NaN or infinity by itself is NaN
    body.add("ReduceSumSquare", ["embedding", body.integers([1])], "row_norm", keepdims=0)
    body.add("Div", ["row_norm", "row_norm"], "known")
    held = _stage(body, 0, policy[0], {"embedding": "embedding", "known": "known"}, denied)
    held["stage"] = held["deferred"]
    for position, stage in enumerate(policy[1:], start=1):
        held = _later_stage(body, position, stage, held, denied)
    body.add("IsNaN", [held["score"]], "unscored")
    body.add("Where", ["unscored", zero, held["score"]], "score")
    # the zero vector is one of which the embedder knows nothing
    body.add("Equal", ["row_norm", zero], "is_zero")
    numbers = [body.integers(reason.number) for reason in (Reason.OUT_OF_DISTRIBUTION, Reason.UNAVAILABLE)]
    body.add("Where", ["is_zero", *numbers], "why_unscored")
    body.add("Where", ["unscored", "why_unscored", held["reason"]], "reason")
    body.add("BitwiseOr", [held["label"], held["deferred"]], "label")
    for output in ("handled", "stage"):
        body.rename(held[output], output)
    model = _checked(body, policy, dimension, open_thresholds)
    if labels:
        surrogates = [stage.surrogate.name for stage in policy]
        helper.set_model_props(model, {"labels": as_list(labels), "name": name, "surrogates": as_list(surrogates)})
    return model


def _stage(
    body: _Body, position: int, stage: Stage, rows: Mapping[str, str], denied: Sequence[bool] | Mask
) -> dict[str, str]:
    """Add one stage over some rows, embeddings and whether they are known: return label, handled, score and reason."""
    at, embedding = f"stage_{position}", rows["embedding"]
    given = {"embedding": embedding} | body.splice(stage.surrogate.onnx, f"{at}.surrogate.", {"embedding": embedding})
    scores = given["scores"]
    label = body.add("ArgMax", [scores], f"{at}.label", axis=1, keepdims=0)
    if stage.acceptor is None:
        score = body.add("ReduceMax", [scores, body.integers([1])], f"{at}.best", keepdims=0)
    else:
        score = body.splice(stage.acceptor.onnx, f"{at}.acceptor.", given)["accept"]
    score = body.add("Mul", [score, rows["known"]], f"{at}.score")
    threshold = body.constant(f"threshold_{position}", np.array(stage.threshold, np.float32))
    reason = body.integers(Reason.LOW_SCORE.number)
    handled = body.add("GreaterOrEqual", [score, threshold], f"{at}.sure")
    if any(denied):
        body.constant("allowed_labels", ~np.array(denied, bool))
        allowed = body.add("Gather", ["allowed_labels", label], f"{at}.allowed")
        reason = body.add("Where", [allowed, reason, body.integers(Reason.DENIED_LABEL.number)], f"{at}.denied_reason")
        handled = body.add("And", [handled, allowed], f"{at}.sure_allowed")
    for number, fence in enumerate(stage.fences):
        on = f"{at}.fence_{number}"
        distance = body.splice(fence.guard.onnx, f"{on}.", {"embedding": embedding, "label": label})["distance"]
        limit = body.constant(f"{on}.limit", np.array(fence.limit, np.float32))
        near = body.add("LessOrEqual", [distance, limit], f"{on}.near")
        reason = body.add("Where", [near, reason, body.integers(Reason.OUT_OF_DISTRIBUTION.number)], f"{on}.reason")
        handled = body.add("And", [handled, near], f"{on}.passed")
    deferred = _deferred(body, handled, at)
    reason = body.add("BitwiseAnd", [reason, deferred], f"{at}.reason")
    return {"label": label, "handled": handled, "deferred": deferred, "score": score, "reason": reason}


def _deferred(body: _Body, handled: str, at: str) -> str:
    """Add 0 for rows that are handled and -1, all bits, for others: selecting by bits costs half of what Where does."""
    body.add("Cast", [handled], f"{at}.handled_count", to=TensorProto.INT64)
    return body.add("Sub", [f"{at}.handled_count", body.integers(1)], f"{at}.deferred")


def _later_stage(
    outer: _Body, position: int, stage: Stage, held: Mapping[str, str], denied: Sequence[bool] | Mask
) -> dict[str, str]:
    """Add a stage that runs on the rows still open, if there are any."""
    at = f"stage_{position}"
    is_open = outer.add("Not", [held["handled"]], f"{at}.open")
    outer.add("ReduceSum", [held["deferred"]], f"{at}.n_open", keepdims=0)
    outer.add("Cast", [f"{at}.n_open"], f"{at}.any_open", to=TensorProto.BOOL)

    inner = _Body(outer.initializers)
    inner.add("NonZero", [is_open], f"{at}.rows_2d")
    rows = inner.add("Squeeze", [f"{at}.rows_2d", inner.integers([0])], f"{at}.rows")
    taken = {name: inner.add("Gather", [name, rows], f"{at}.{name}", axis=0) for name in ("embedding", "known")}
    ours = _stage(inner, position, stage, taken, denied)
    skip = _Body(outer.initializers)
    for name in _MERGED:
        inner.add("ScatterElements", [held[name], rows, ours[name]], f"{at}.merged_{name}", axis=0)
        skip.add("Identity", [held[name]], f"{at}.kept_{name}")
    after = {name: f"{at}.after_{name}" for name in _MERGED}
    branches = {
        "then_branch": _branch(inner, f"{at}.then", f"{at}.merged_"),
        "else_branch": _branch(skip, f"{at}.else", f"{at}.kept_"),
    }
    outer.nodes.append(helper.make_node("If", [f"{at}.any_open"], list(after.values()), name=f"{at}.If", **branches))
    # outside of the branch these cost less than two more columns to scatter; a row newly handled was at -1
    after["handled"] = outer.add(
        "Equal", [after["reason"], outer.integers(Reason.HANDLED.number)], f"{at}.after_handled"
    )
    after["deferred"] = _deferred(outer, after["handled"], f"{at}.after")
    outer.add("Sub", [after["deferred"], held["deferred"]], f"{at}.newly")
    outer.add("Mul", [f"{at}.newly", outer.integers(position + 1)], f"{at}.newly_here")
    after["stage"] = outer.add("Add", [held["stage"], f"{at}.newly_here"], f"{at}.after_stage")
    return after


def _branch(body: _Body, name: str, outputs: str) -> GraphProto:
    """Make the graph of one branch; its outputs are what stages merge."""
    return helper.make_graph(body.nodes, name, [], [_column(f"{outputs}{key}", OUTPUTS[key]) for key in _MERGED])


def _column(name: str, kind: str) -> ValueInfoProto:
    """Describe a value of one item a row."""
    return helper.make_tensor_value_info(name, _KINDS[kind], ["n"])


def _checked(body: _Body, policy: Policy, dimension: int, open_thresholds: bool) -> ModelProto:
    """Wrap nodes and initializers into a model and have the checker read it."""
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", dimension])]
    if open_thresholds:
        inputs += [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [])
            for name in sorted(body.initializers)
            if name.startswith("threshold_")
        ]
    outputs = [_column(name, kind) for name, kind in OUTPUTS.items()]
    initializers = [body.initializers[name] for name in sorted(body.initializers)]
    graph = helper.make_graph(body.nodes, "policy", inputs, outputs, initializer=initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(OPSETS.items())]
    model = helper.make_model(graph, producer_name=PRODUCER, opset_imports=opsets, ir_version=IR_VERSION)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        names = ", ".join(stage.surrogate.name for stage in policy)
        raise PluginError(
            f"the graphs of {names} do not merge: {' '.join(str(error).split())[:300]}",
            hint="run the surrogate through tracer_spec.testing",
        ) from error
    return model


def overrides(policy: Policy) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return the feeds that give a graph with open thresholds the thresholds of ``policy``."""
    return {f"threshold_{position}": np.array(stage.threshold, np.float32) for position, stage in enumerate(policy)}
