"""Nodes, constants and signatures of a graph whose bytes have been checked, as far as its cost depends on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from tracer_spec.runtime.protobuf_wire import BYTES, Field, fields, one_by_one, signed, varint_array
from tracer_spec.runtime.tensor_check import PLAIN, GraphRefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, ...]
MAX_ITEMS = 64
"""Constants of up to so many whole numbers are read: axes, shapes, paddings."""

_INT32, _INT64 = 6, 7
# AttributeProto's fields of values, and the types they are of: f, i, s, t, g, floats, ints, strings, tensors, graphs
_KIND_OF = {2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 10: 9, 11: 10}


class Value(NamedTuple):
    """What is known of a value.

    ``shape`` holds upper bounds. ``items`` are the whole numbers in it, where they are known; exactly, or as upper bounds.
    """

    shape: Shape
    items: Shape | None = None
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a node, read when it is asked for."""

    data: bytes = field(repr=False)
    fields: Mapping[int, list[Field]]

    @property
    def kind(self) -> int:
        """Return its type, where the one value that it holds is of that type, else 0."""
        kind = self.fields[20][-1].value if 20 in self.fields else 0
        return kind if {_KIND_OF[number] for number in self.fields if number in _KIND_OF} <= {kind} else 0

    def integer(self) -> int:
        """Return ``i``."""
        return signed(self.fields[3][-1].value) if 3 in self.fields else 0

    def integers(self) -> NDArray[np.int64]:
        """Return ``ints``."""
        parts = [_integers(self.data, each) for each in self.fields.get(8, ())]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def n_items(self) -> int:
        """Return how many numbers or texts its list has."""
        texts = sum(1 for each in self.fields.get(9, ()) for _ in one_by_one(self.data, each))
        floats = sum((each.end - each.start) // 4 for each in self.fields.get(7, ()))
        return texts + floats + len(self.integers())

    def tensor(self) -> Value | None:
        """Return ``t``."""
        return tensor_value(self.data, self.fields[5][-1])[1] if 5 in self.fields else None

    def graph(self) -> Graph | None:
        """Return ``g``."""
        return read_graph(self.data, self.fields[6][-1]) if 6 in self.fields else None


@dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    op: tuple[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(repr=False)
    n_bytes: int

    def integer(self, name: str, default: int) -> int:
        """Return a whole number."""
        return self.attributes[name].integer() if name in self.attributes else default

    def integers(self, name: str) -> NDArray[np.int64]:
        """Return a list of whole numbers; empty where there is none."""
        return self.attributes[name].integers() if name in self.attributes else np.empty(0, np.int64)

    def n_items(self, name: str) -> int:
        """Return the length of a list."""
        return self.attributes[name].n_items() if name in self.attributes else 0


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph: its nodes in order, its constants, the shapes of its inputs (None where not fixed), its outputs' names."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Value]
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]


def read_model(data: bytes) -> Graph:
    """Return the graph of a model."""
    nothing = Field(7, BYTES, 0, 0, 0, 1)
    return read_graph(data, next((each for each in fields(data, 0, len(data)) if each.number == 7), nothing))


def read_graph(data: bytes, where: Field) -> Graph:
    """Return the graph ``data[where.start:where.end]``."""
    found = _grouped(data, where)
    constants = [tensor_value(data, each) for each in found.get(5, ())]
    if len(dict(constants)) != len(constants):
        raise GraphRefusedError("has two constants of one name", PLAIN)
    return Graph(
        nodes=tuple(_node(data, each) for each in found.get(1, ())),
        constants=dict(constants),
        inputs=dict(_signature(data, each) for each in found.get(11, ())),
        outputs=tuple(_signature(data, each)[0] for each in found.get(12, ())),
    )


def tensor_value(data: bytes, where: Field) -> tuple[str, Value]:
    """Return a constant's name, shape and, where they are few whole numbers, its items."""
    found = dict(_runs(data, where))
    dims = tuple(int(each) for part in _all_runs(data, where, 1) for each in part)
    kind = found[2].value if 2 in found else 0
    items: Shape | None = None
    if kind in (_INT32, _INT64) and np.prod(dims, dtype=np.float64) <= MAX_ITEMS:
        if 9 in found:
            raw = data[found[9].start : found[9].end]
            items = tuple(np.frombuffer(raw, "<i8" if kind == _INT64 else "<i4").tolist())
        else:
            number = 7 if kind == _INT64 else 5
            items = tuple(int(each) for part in _all_runs(data, where, number) for each in part)
    return _text(data, found.get(8)), Value(dims, items, is_exact=items is not None)


def _node(data: bytes, where: Field) -> Node:
    found = _grouped(data, where)
    attributes: dict[str, Attribute] = {}
    for each in found.get(5, ()):
        parts: dict[int, list[Field]] = {}
        for number, part in _runs(data, each):
            parts.setdefault(number, []).append(part)
        name = _text(data, parts[1][-1] if 1 in parts else None)
        if name in attributes:
            raise GraphRefusedError(f"has a node with two attributes {name[:80]!r}", PLAIN)
        attributes[name] = Attribute(data, parts)
    domain = _last(data, found, 7)
    return Node(
        op=("" if domain == "ai.onnx" else domain, _last(data, found, 4)),
        inputs=tuple(_text(data, each) for each in found.get(1, ())),
        outputs=tuple(_text(data, each) for each in found.get(2, ())),
        attributes=attributes,
        n_bytes=where.end - where.start,
    )


def _signature(data: bytes, where: Field) -> tuple[str, tuple[int | None, ...]]:
    """Return the name and the shape of an input or output."""
    found = _grouped(data, where)
    name = _last(data, found, 1)
    for number in (2, 1, 2):  # type, tensor_type, shape
        if number not in found:
            return name, ()
        found = _grouped(data, found[number][-1])
    dims: list[int | None] = []
    for each in found.get(1, ()):
        size = [part.value for part in fields(data, each.start, each.end) if part.number == 1]
        dims.append(signed(size[-1]) if size else None)
    return name, tuple(dims)


def _runs(data: bytes, where: Field) -> Iterator[tuple[int, Field]]:
    return ((each.number, each) for each in fields(data, where.start, where.end))


def _grouped(data: bytes, where: Field) -> dict[int, list[Field]]:
    """Return the fields of a message by number, one by one."""
    found: dict[int, list[Field]] = {}
    for number, run in _runs(data, where):
        found.setdefault(number, []).extend(one_by_one(data, run))
    return found


def _all_runs(data: bytes, where: Field, number: int) -> Iterator[NDArray[np.int64]]:
    return (_integers(data, each) for found, each in _runs(data, where) if found == number)


def _integers(data: bytes, where: Field) -> NDArray[np.int64]:
    """Return whole numbers, packed or one by one."""
    if where.kind == BYTES:
        return varint_array(data[where.start : where.end])
    if where.repeated == 1:
        return np.array([signed(where.value)], np.int64)
    return varint_array(data[where.start : where.end])[1::2]  # tag, number, tag, number


def _last(data: bytes, found: Mapping[int, list[Field]], number: int) -> str:
    return _text(data, found[number][-1] if number in found else None)


def _text(data: bytes, where: Field | None) -> str:
    return "" if where is None else data[where.start : where.end].decode("utf-8", "backslashreplace")
