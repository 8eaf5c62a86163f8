"""Checks of an exported graph: plain, valid, stable, and equal to the model it was exported from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import TracerError
from tracer_spec.testing.contract import Contract, what_is_said

Arrays = Mapping[str, NDArray[Any]]
USE_TIDY = (
    "build the graph from tracer_spec.graph, or pass the converter's through "
    "tracer_spec.graph.tidy(model, inputs=..., outputs=...)"
)


def exported(contract: Contract, fitted: Any, inputs: Sequence[str], output: str) -> bytes:
    """Return the graph of a trained part, having required that it may ship: with inputs of these names, and one output."""
    import onnx

    from tracer_spec.graph import check_export_size, tidy
    from tracer_spec.runtime.graph_check import check_graph

    model = fitted.to_onnx()
    contract.require(
        isinstance(model, onnx.ModelProto), f"to_onnx gives {type(model).__name__}", fix="return an onnx.ModelProto"
    )
    constants = {each.name for each in model.graph.initializer}
    got = [each.name for each in model.graph.input if each.name not in constants]
    contract.require(
        bool(got) and set(got) <= set(inputs),
        f"the graph's inputs are {', '.join(got) or 'none'}",
        fix=f"call them as the contract does, from {', '.join(inputs)}; {USE_TIDY}",
    )
    names = [each.name for each in model.graph.output]
    contract.require(
        names == [output],
        f"the graph's outputs are {', '.join(names) or 'none'}",
        fix=f"keep one output and call it {output}; {USE_TIDY}",
    )
    graph: bytes = model.SerializeToString(deterministic=True)
    try:
        onnx.checker.check_model(model, full_check=True)
        check_graph(graph)
        tidy(model, inputs=got, outputs=names)
        check_export_size(model, name=contract.descriptor.name, remedy="train a smaller model")
    except (onnx.checker.ValidationError, TracerError) as error:
        contract.require(False, f"the graph may not ship: {what_is_said(error, 300)}", fix=USE_TIDY)
    return graph


def run(contract: Contract, graph: bytes, feeds: Arrays) -> NDArray[np.float32]:
    """Return what a graph says of some rows."""
    from tracer_spec.graph import Scorer

    scorer = Scorer(graph)
    (said,) = scorer.run({name: feeds[name] for name in scorer.inputs})
    contract.require(
        said.dtype == np.float32, f"the graph gives {said.dtype}", fix="end it in a Cast to float32: tensor(float)"
    )
    return said


def require_rows(contract: Contract, values: Any, shape: tuple[int, ...], what: str) -> None:
    """Require a finite float32 array of a shape."""
    is_array = isinstance(values, np.ndarray)
    contract.require(
        is_array and values.shape == shape and values.dtype == np.float32,
        f"{what} gives {f'{values.dtype} of shape {values.shape}' if is_array else type(values).__name__}",
        fix=f"return a NumPy array of float32 and of shape {shape}: numpy.asarray(values, numpy.float32)",
    )
    lost = int((~np.isfinite(values)).sum())
    contract.require(
        lost == 0, f"{what} gives {lost} values that are not finite", fix="give finite numbers for finite input"
    )


def require_equal(
    contract: Contract, got: NDArray[Any], wanted: NDArray[Any], what: str, *, tolerance: float, fix: str
) -> None:
    """Require two arrays to be near: within ``tolerance``, or that share of the larger."""
    contract.require(got.shape == wanted.shape, f"{what} differ in shape: {got.shape} and {wanted.shape}", fix=fix)
    if got.size == 0:
        return
    apart = np.abs(got.astype(np.float64) - wanted) / np.maximum(1.0, np.abs(wanted.astype(np.float64)))
    contract.require(
        bool(apart.max() <= tolerance), f"{what} differ by {apart.max():.3g}; at most {tolerance:g} is allowed", fix=fix
    )
