"""What ``policy.onnx`` may contain, checked on the bytes before any runtime parses them, without onnx.

A policy is a plain computation: standard operators, and constants that are inside the file and finite.
References to other files, other operator domains, local functions, sparse tensors, training parts and random
operators are refused, and so is any field that this library does not know, since what it cannot name it
cannot vouch for.

References
----------
ONNX, *Open Neural Network Exchange Intermediate Representation (ONNX IR) Specification*, and its
``onnx.proto``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, TypeAlias

import numpy as np

from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import POLICY, REFETCH
from tracer_spec.runtime.protobuf_wire import BYTES, FIXED32, VARINT, Field, WireError, fields
from tracer_spec.runtime.tensor_check import GraphRefusedError, check_finite_floats, check_tensor

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
RANDOM = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)

_Check: TypeAlias = Callable[[bytes, Field, int], None]
_ONE, _MANY = False, True


def check_graph(model: bytes) -> None:
    """Refuse a serialised ONNX model that is more than a plain computation.

    Parameters
    ----------
    model : bytes

    Raises
    ------
    BundleError
        With the fact and the remedy.
    """
    try:
        _read(model, 0, len(model), _MODEL, "a model", 0)
    except WireError as error:
        raise BundleError(f"is not an ONNX model: {error}", address=POLICY, hint=REFETCH) from None
    except GraphRefusedError as refusal:
        raise BundleError(str(refusal), address=POLICY, hint=refusal.hint) from None


def _read(data: bytes, start: int, end: int, schema: Mapping[int, _Rule], what: str, depth: int) -> None:
    """Check each field of a message by its rule."""
    if depth > limits.GRAPH_DEPTH * 3:  # each level of graphs is a graph, a node and an attribute
        raise GraphRefusedError(
            f"nests graphs more than {limits.GRAPH_DEPTH} deep", "rebuild it from plainer surrogates"
        )
    seen = 0
    for field in fields(data, start, end):
        rule = schema.get(field.number)
        if rule is None:
            raise GraphRefusedError(f"has {what} with field {field.number}, which this library does not know", UPGRADE)
        kind, many, check = rule
        if field.kind != kind:
            raise WireError(f"field {field.number} of {what} has wire type {field.kind}, not {kind}")
        if not many:
            # a second value would overwrite the first, or be merged with it, by rules that readers differ in
            if seen >> field.number & 1 or field.repeated > 1:
                raise WireError(f"field {field.number} of {what} is given twice")
            seen |= 1 << field.number
        if check is not None:
            if field.repeated > 1 and kind != FIXED32:
                for each in _unrolled(data, field):
                    check(data, each, depth)
            else:
                check(data, field, depth)


def _unrolled(data: bytes, run: Field) -> list[Field]:
    """Return the fields of a run one by one."""
    found: list[Field] = []
    at = run.start
    while at < run.end:
        # a run has one tag, so reading up to the end of one field at a time cannot start a new run
        each = next(fields(data, at, _end_of_one(data, at, run)))
        found.append(each)
        at = each.end
    return found


def _end_of_one(data: bytes, at: int, run: Field) -> int:
    """Return where the field at ``at`` ends: runs have one-byte tags and lengths, or are varints."""
    if run.kind == BYTES:
        return at + 2 + data[at + 1]
    end = at + 1
    while data[end] > 0x7F:
        end += 1
    return end + 1


def _text(data: bytes, field: Field) -> str:
    return data[field.start : field.end].decode("utf-8", "backslashreplace")


def _check_domain(data: bytes, field: Field, _depth: int) -> None:
    domain = _text(data, field)
    if domain not in DOMAINS:
        raise GraphRefusedError(
            f"uses operators of the domain {domain[:80]!r}; allowed: '', ai.onnx, ai.onnx.ml",
            "rebuild it from surrogates that export standard operators alone",
        )


def _check_operator(data: bytes, field: Field, _depth: int) -> None:
    operator = _text(data, field)
    if operator in RANDOM:
        raise GraphRefusedError(
            f"uses the random operator {operator}: the same input must give the same decision",
            "rebuild it without the surrogate that exports it",
        )


def _refused(what: str, hint: str) -> _Check:
    def refuse(_data: bytes, _field: Field, _depth: int) -> NoReturn:
        raise GraphRefusedError(f"has {what}", hint)

    return refuse


def _message(schema: Mapping[int, _Rule], what: str) -> _Check:
    def read(data: bytes, field: Field, depth: int) -> None:
        _read(data, field.start, field.end, schema, what, depth + 1)

    return read


def _tensor(data: bytes, field: Field, _depth: int) -> None:
    check_tensor(data, field.start, field.end)


def _floats(data: bytes, field: Field, _depth: int) -> None:
    if field.repeated == 1:
        check_finite_floats(np.frombuffer(data, "<f4", count=1, offset=field.start), "an attribute")
        return
    elements = np.frombuffer(data, np.uint8, count=field.end - field.start, offset=field.start).reshape(-1, 5)
    check_finite_floats(np.ascontiguousarray(elements[:, 1:]).view("<f4"), "an attribute")


_Rule: TypeAlias = tuple[int, bool, _Check | None]
UPGRADE = "build it with this version of tracer-spec, or upgrade: pip install -U tracer-spec"
_PLAIN = "rebuild it from surrogates that export plain graphs"

_SPARSE: _Rule = (BYTES, _MANY, _refused("a sparse tensor", _PLAIN))
_FUNCTIONS: _Rule = (BYTES, _MANY, _refused("local functions", _PLAIN))
_TRAINING: _Rule = (BYTES, _MANY, _refused("a training part", _PLAIN))
_DEVICES: _Rule = (BYTES, _MANY, _refused("a device configuration", _PLAIN))
_REFERENCE: _Rule = (BYTES, _ONE, _refused("a reference to a function's attribute", _PLAIN))
_OVERLOAD: _Rule = (BYTES, _ONE, _refused("an overloaded function", _PLAIN))
_STRING: _Rule = (BYTES, _ONE, None)
_STRINGS: _Rule = (BYTES, _MANY, None)
_INTEGER: _Rule = (VARINT, _ONE, None)
_INTEGERS: _Rule = (VARINT, _MANY, None)
_DOMAIN: _Rule = (BYTES, _ONE, _check_domain)
# types, shapes and documentation: nothing in them is computed with
_INFO: _Rule = (BYTES, _ONE, None)
_INFOS: _Rule = (BYTES, _MANY, None)

_ATTRIBUTE: dict[int, _Rule] = {
    1: _STRING,  # name
    2: (FIXED32, _ONE, _floats),  # f
    3: _INTEGER,  # i
    4: _STRING,  # s
    5: (BYTES, _ONE, _tensor),  # t
    7: (FIXED32, _MANY, _floats),  # floats
    8: _INTEGERS,  # ints
    9: _STRINGS,  # strings
    10: (BYTES, _MANY, _tensor),  # tensors
    13: _STRING,  # doc_string
    14: _INFO,  # tp
    15: _INFOS,  # type_protos
    20: _INTEGER,  # type
    21: _REFERENCE,  # ref_attr_name
    22: _SPARSE,  # sparse_tensor
    23: _SPARSE,  # sparse_tensors
}
_NODE: dict[int, _Rule] = {
    1: _STRINGS,  # input
    2: _STRINGS,  # output
    3: _STRING,  # name
    4: (BYTES, _ONE, _check_operator),  # op_type
    5: (BYTES, _MANY, _message(_ATTRIBUTE, "an attribute")),  # attribute
    6: _STRING,  # doc_string
    7: _DOMAIN,  # domain
    8: _OVERLOAD,  # overload
    9: _INFOS,  # metadata_props
    10: _DEVICES,  # device_configurations
}
_GRAPH: dict[int, _Rule] = {
    1: (BYTES, _MANY, _message(_NODE, "a node")),  # node
    2: _STRING,  # name
    5: (BYTES, _MANY, _tensor),  # initializer
    10: _STRING,  # doc_string
    11: _INFOS,  # input
    12: _INFOS,  # output
    13: _INFOS,  # value_info
    14: _INFOS,  # quantization_annotation
    15: _SPARSE,  # sparse_initializer
    16: _INFOS,  # metadata_props
}
_ATTRIBUTE[6] = (BYTES, _ONE, _message(_GRAPH, "a graph"))  # g
_ATTRIBUTE[11] = (BYTES, _MANY, _message(_GRAPH, "a graph"))  # graphs
_OPSET: dict[int, _Rule] = {1: _DOMAIN, 2: _INTEGER}
_MODEL: dict[int, _Rule] = {
    1: _INTEGER,  # ir_version
    2: _STRING,  # producer_name
    3: _STRING,  # producer_version
    4: _STRING,  # domain
    5: _INTEGER,  # model_version
    6: _STRING,  # doc_string
    7: (BYTES, _ONE, _message(_GRAPH, "a graph")),  # graph
    8: (BYTES, _MANY, _message(_OPSET, "an operator set")),  # opset_import
    14: _INFOS,  # metadata_props
    20: _TRAINING,  # training_info
    25: _FUNCTIONS,  # functions
    26: _DEVICES,  # configuration
}
