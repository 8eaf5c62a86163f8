"""What a pydantic model takes at a path: which keys, in which range, described how."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tracer_spec.spec.nodes import Path

BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


@dataclass(frozen=True, slots=True)
class Slot:
    """What a model takes at one path: the keys of mappings, the bounds of numbers by their names in :data:`BOUNDS`."""

    keys: tuple[str, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    description: str = ""

    def _ends(self) -> tuple[str, ...]:
        """Return the names of the bounds that count, the lower one first: an exclusive one before an inclusive one."""
        ends = (next((each for each in pair if each in self.bounds), "") for pair in (("gt", "ge"), ("lt", "le")))
        return tuple(end for end in ends if end)

    @property
    def range(self) -> str:
        """Return the bounds in words, or an empty string."""
        ends = self._ends()
        numbers = [_number(self.bounds[end]) for end in ends]
        if ends in (("gt", "lt"), ("ge", "le")):
            return f"between {' and '.join(numbers)}{' (exclusive)' if ends[0] == 'gt' else ''}"
        return " and ".join(f"{BOUNDS[end]} {number}" for end, number in zip(ends, numbers, strict=True))

    @property
    def is_fraction(self) -> bool:
        """Return whether it takes numbers within [0, 1] only."""
        return [self.bounds[end] for end in self._ends()] == [0, 1]


def slot_at(model: type[BaseModel], path: Path) -> Slot:
    """Return what ``model`` takes at ``path``; an empty slot where that cannot be told."""
    here: list[Any] = [model]
    for segment in path:
        here = [found for each in here for found in _below(each, segment)]
    keys: list[str] = []
    bounds: dict[str, float] = {}
    description = ""
    for part in (part for each in here for part in _parts(each)):
        if isinstance(part, FieldInfo) and part.description:
            description = description or part.description
        elif isinstance(part, type) and issubclass(part, BaseModel):
            keys += _fields(part)
        else:
            set_here = {name: getattr(part, name, None) for name in BOUNDS}
            bounds |= {name: value for name, value in set_here.items() if isinstance(value, int | float)}
    return Slot(tuple(dict.fromkeys(keys)), bounds, description)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys that YAML uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _below(annotation: Any, segment: str | int) -> Iterator[Any]:
    """Yield what may stand under a key or an index."""
    for part in _parts(annotation):
        origin, args = typing.get_origin(part), typing.get_args(part)
        if isinstance(part, type) and issubclass(part, BaseModel) and isinstance(segment, str):
            yield from (info for key, info in _fields(part).items() if key == segment)
        elif isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2:
            yield args[1]
        elif origin is tuple and isinstance(segment, int) and args:
            yield args[0] if args[-1] is Ellipsis else args[min(segment, len(args) - 1)]
        elif isinstance(segment, int) and len(args) == 1:
            yield args[0]


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the types, field infos and constraints that an annotation is made of; containers stay whole."""
    if isinstance(annotation, FieldInfo):
        yield annotation
        yield from annotation.metadata
        if annotation.annotation is not None:
            yield from _parts(annotation.annotation)
        return
    origin = typing.get_origin(annotation)
    if origin in (Annotated, typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from _parts(each)
    else:
        yield annotation


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
