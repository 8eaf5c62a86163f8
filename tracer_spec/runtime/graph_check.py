"""Checks what ``policy.onnx`` contains, on its bytes, before ONNX Runtime reads them.

A policy is a plain computation of bounded cost: operators of a list, and constants that are inside the file and finite.
References to other files, other operator domains, local functions, sparse tensors, training parts and any field that this
library does not know are refused.

References
----------
ONNX, *Open Neural Network Exchange Intermediate Representation (ONNX IR) Specification*, and its
``onnx.proto``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn, TypeAlias

import numpy as np

from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import POLICY, REFETCH
from tracer_spec.runtime.graph_cost import check_cost
from tracer_spec.runtime.protobuf_wire import BYTES, FIXED32, VARINT, Field, WireError, fields, one_by_one
from tracer_spec.runtime.tensor_check import GraphRefusedError, check_finite_floats, check_tensor

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


@dataclass(slots=True)
class _Count:
    """What the model may hold, and how many fields have been met in the whole of it."""

    domains: tuple[str, ...] | None = DOMAINS
    masks: bool = False
    n_fields: int = 0
    n_texts: int = 0

    def add(self) -> None:
        self.n_fields += 1
        if self.n_fields > limits.GRAPH_FIELDS:
            raise GraphRefusedError(
                f"has more than {limits.GRAPH_FIELDS} nodes, names and descriptions",
                "rebuild it from smaller surrogates",
            )


# a run of an attribute's strings: tag, length, text
_SHORT = b"\x4a(?:" + b"|".join(b"\\x%02x.{%d}" % (n, n) for n in range(limits.STRING_BYTES + 1)) + b")"
_SHORT_TEXT, _SHORT_TEXTS = re.compile(_SHORT, re.DOTALL), re.compile(b"(?:" + _SHORT + b")++", re.DOTALL)

_Check: TypeAlias = Callable[[bytes, Field, int, _Count], None]
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
        check_fields(model)
        check_cost(model)
    except WireError as error:
        raise BundleError(f"is not an ONNX model: {error}", address=POLICY, hint=REFETCH) from None
    except GraphRefusedError as refusal:
        raise BundleError(str(refusal), address=POLICY, hint=refusal.hint) from None


def check_fields(model: bytes, *, domains: tuple[str, ...] | None = DOMAINS, masks: bool = False) -> None:
    """Refuse fields that this library does not know, and constants that are not whole.

    Parameters
    ----------
    model : bytes
    domains : tuple of str or None
        The domains that it may name; None where its operators are compared with a list of both later.
    masks : bool
        Whether a constant may hold minus infinity, as attention masks do.

    Raises
    ------
    WireError, GraphRefusedError
    """
    _read(model, Field(0, BYTES, 0, len(model), 0, 1), _MODEL, "a model", 0, _Count(domains, masks))


def _read(data: bytes, where: Field, schema: Mapping[int, _Rule], what: str, depth: int, count: _Count) -> None:
    """Check each field of a message by its rule."""
    if depth > limits.GRAPH_DEPTH * 3:  # each level of graphs is a graph, a node and an attribute
        raise GraphRefusedError(
            f"nests graphs more than {limits.GRAPH_DEPTH} deep", "rebuild it from plainer surrogates"
        )
    seen = 0
    for field in fields(data, where.start, where.end):
        count.add()
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
            if kind == FIXED32 or check is _short_texts:
                check(data, field, depth, count)
                continue
            for each in one_by_one(data, field):
                count.add()
                check(data, each, depth, count)


def _text(data: bytes, field: Field) -> str:
    return data[field.start : field.end].decode("utf-8", "backslashreplace")


def _check_domain(data: bytes, field: Field, _depth: int, count: _Count) -> None:
    domain = _text(data, field)
    if count.domains is not None and domain not in count.domains:
        raise GraphRefusedError(
            f"uses operators of the domain {domain[:80]!r}; allowed: '', ai.onnx, ai.onnx.ml",
            "rebuild it from surrogates that export standard operators alone",
        )


def _refused(what: str) -> _Check:
    def refuse(_data: bytes, _field: Field, _depth: int, _count: _Count) -> NoReturn:
        raise GraphRefusedError(f"has {what}", _PLAIN)

    return refuse


def _message(schema: Mapping[int, _Rule], what: str, levels: int = 1) -> _Check:
    def read(data: bytes, field: Field, depth: int, count: _Count) -> None:
        _read(data, field, schema, what, depth + levels, count)

    return read


def _counted(_data: bytes, _field: Field, _depth: int, _count: _Count) -> None:
    """Take a field as it is: it is only counted."""


def _tensor(data: bytes, field: Field, _depth: int, count: _Count) -> None:
    check_tensor(data, field.start, field.end, masks=count.masks)


def _dimension(data: bytes, field: Field, depth: int, count: _Count) -> None:
    _read(data, field, _DIMENSION, "a dimension", depth, count)
    if sum(1 for each in fields(data, field.start, field.end) if each.number in (1, 2)) > 1:
        raise WireError("a dimension has a size and a name")


def _short(_data: bytes, field: Field, _depth: int, _count: _Count) -> None:
    if field.end - field.start > limits.STRING_BYTES:
        raise GraphRefusedError(f"has a text of more than {limits.STRING_BYTES} bytes in an attribute", _PLAIN)


def _short_texts(data: bytes, field: Field, depth: int, count: _Count) -> None:
    """Check texts whole, since trees have one a node; they are counted apart."""
    if field.repeated == 1:
        _short(data, field, depth, count)
        count.n_texts += 1
    else:
        if not _SHORT_TEXTS.fullmatch(data, field.start, field.end):
            raise GraphRefusedError(f"has a text of more than {limits.STRING_BYTES} bytes in an attribute", _PLAIN)
        texts = _SHORT_TEXT.finditer(data, field.start, field.end)
        count.n_texts += sum(map(bool, islice(texts, limits.TREE_NODES + 1)))
    if count.n_texts > limits.TREE_NODES:
        raise GraphRefusedError(f"has more than {limits.TREE_NODES} texts in attributes", _PLAIN)


def _floats(data: bytes, field: Field, _depth: int, count: _Count) -> None:
    if field.repeated == 1:
        check_finite_floats(np.frombuffer(data, "<f4", count=1, offset=field.start), "an attribute", masks=count.masks)
        return
    elements = np.frombuffer(data, np.uint8, count=field.end - field.start, offset=field.start).reshape(-1, 5)
    check_finite_floats(np.ascontiguousarray(elements[:, 1:]).view("<f4"), "an attribute", masks=count.masks)


_Rule: TypeAlias = tuple[int, bool, _Check | None]
UPGRADE = "build it with this version of tracer-spec, or upgrade: pip install -U tracer-spec"
_PLAIN = "rebuild it from surrogates that export plain graphs"

_SPARSE: _Rule = (BYTES, _MANY, _refused("a sparse tensor"))
_FUNCTIONS: _Rule = (BYTES, _MANY, _refused("local functions"))
_TRAINING: _Rule = (BYTES, _MANY, _refused("a training part"))
_DEVICES: _Rule = (BYTES, _MANY, _refused("a device configuration"))
_REFERENCE: _Rule = (BYTES, _ONE, _refused("a reference to a function's attribute"))
_OVERLOAD: _Rule = (BYTES, _ONE, _refused("an overloaded function"))
_STRING: _Rule = (BYTES, _ONE, None)
_NAMES: _Rule = (BYTES, _MANY, _counted)
_TEXT: _Rule = (BYTES, _ONE, _short)
_TEXTS: _Rule = (BYTES, _MANY, _short_texts)
_INTEGER: _Rule = (VARINT, _ONE, None)
_INTEGERS: _Rule = (VARINT, _MANY, None)
_DOMAIN: _Rule = (BYTES, _ONE, _check_domain)
_TYPES: _Rule = (BYTES, _MANY, _refused("a type other than a tensor's"))
_ENTRY: dict[int, _Rule] = {1: _STRING, 2: _STRING}  # key, value
_METADATA: _Rule = (BYTES, _MANY, _message(_ENTRY, "an entry of metadata", 0))

_DIMENSION: dict[int, _Rule] = {1: _INTEGER, 2: _STRING, 3: _STRING}  # dim_value, dim_param, denotation
_SHAPE: dict[int, _Rule] = {1: (BYTES, _MANY, _dimension)}
_TENSOR_TYPE: dict[int, _Rule] = {1: _INTEGER, 2: (BYTES, _ONE, _message(_SHAPE, "a shape", 0))}
_TYPE: dict[int, _Rule] = {
    1: (BYTES, _ONE, _message(_TENSOR_TYPE, "a type", 0)),  # tensor_type
    4: _TYPES,  # sequence_type
    5: _TYPES,  # map_type
    6: _STRING,  # denotation
    7: _TYPES,  # opaque_type
    8: _TYPES,  # sparse_tensor_type
    9: _TYPES,  # optional_type
}
_VALUE: dict[int, _Rule] = {
    1: _STRING,  # name
    2: (BYTES, _ONE, _message(_TYPE, "a type", 0)),
    3: _STRING,  # doc_string
    4: _METADATA,
}
_VALUES: _Rule = (BYTES, _MANY, _message(_VALUE, "a description of a value", 0))

_ATTRIBUTE: dict[int, _Rule] = {
    1: _STRING,  # name
    2: (FIXED32, _ONE, _floats),  # f
    3: _INTEGER,  # i
    4: _TEXT,  # s
    5: (BYTES, _ONE, _tensor),  # t
    7: (FIXED32, _MANY, _floats),  # floats
    8: _INTEGERS,  # ints
    9: _TEXTS,  # strings
    10: (BYTES, _MANY, _tensor),  # tensors
    13: _STRING,  # doc_string
    14: _TYPES,  # tp
    15: _TYPES,  # type_protos
    20: _INTEGER,  # type
    21: _REFERENCE,  # ref_attr_name
    22: _SPARSE,  # sparse_tensor
    23: _SPARSE,  # sparse_tensors
}
_NODE: dict[int, _Rule] = {
    1: _NAMES,  # input
    2: _NAMES,  # output
    3: _STRING,  # name
    4: _STRING,  # op_type
    5: (BYTES, _MANY, _message(_ATTRIBUTE, "an attribute")),  # attribute
    6: _STRING,  # doc_string
    7: _DOMAIN,  # domain
    8: _OVERLOAD,  # overload
    9: _METADATA,  # metadata_props
    10: _DEVICES,  # device_configurations
}
_GRAPH: dict[int, _Rule] = {
    1: (BYTES, _MANY, _message(_NODE, "a node")),  # node
    2: _STRING,  # name
    5: (BYTES, _MANY, _tensor),  # initializer
    10: _STRING,  # doc_string
    11: _VALUES,  # input
    12: _VALUES,  # output
    13: _VALUES,  # value_info
    14: (BYTES, _MANY, _refused("a quantization annotation")),
    15: _SPARSE,  # sparse_initializer
    16: _METADATA,  # metadata_props
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
    14: _METADATA,  # metadata_props
    20: _TRAINING,  # training_info
    25: _FUNCTIONS,  # functions
    26: _DEVICES,  # configuration
}
