"""Asks a pydantic model what it takes at a path: which keys, in which range, described how."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tracer_spec.spec.nodes import Path


@dataclass(frozen=True, slots=True)
class Slot:
    """What a model takes at one path.

    Parameters
    ----------
    keys : tuple of str
        The keys of the mappings it takes there.
    at_least, above, at_most, below : float or None
        The bounds of the numbers it takes there.
    description : str
    """

    keys: tuple[str, ...] = ()
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    description: str = ""

    @property
    def range(self) -> str:
        """Return the bounds in words, or an empty string."""
        low = "" if self.above is None else f"above {_number(self.above)}"
        low = low or ("" if self.at_least is None else f"at least {_number(self.at_least)}")
        high = "" if self.below is None else f"below {_number(self.below)}"
        high = high or ("" if self.at_most is None else f"at most {_number(self.at_most)}")
        if self.above is not None and self.below is not None:
            return f"between {_number(self.above)} and {_number(self.below)} (exclusive)"
        if low.startswith("at") and high.startswith("at"):
            return f"between {_number(self.at_least)} and {_number(self.at_most)}"
        return " and ".join(part for part in (low, high) if part)

    @property
    def is_fraction(self) -> bool:
        """Return whether it takes numbers within [0, 1] only."""
        low = self.above if self.above is not None else self.at_least
        high = self.below if self.below is not None else self.at_most
        return low == 0 and high == 1


def slot_at(model: type[BaseModel], path: Path) -> Slot:
    """Return what ``model`` takes at ``path``; an empty slot where that cannot be told."""
    here: list[Any] = [model]
    for segment in path:
        here = [found for each in here for found in _below(each, segment)]
    keys: list[str] = []
    bounds: dict[str, Any] = {}
    for each in here:
        for part in _parts(each):
            if isinstance(part, FieldInfo) and part.description:
                bounds.setdefault("description", part.description)
            elif isinstance(part, type) and issubclass(part, BaseModel):
                keys += _fields(part)
            else:
                bounds |= _bounds(part)
    return Slot(tuple(dict.fromkeys(keys)), **bounds)


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


def _bounds(constraint: Any) -> dict[str, Any]:
    """Return the bounds that a constraint sets."""
    names = {"ge": "at_least", "gt": "above", "le": "at_most", "lt": "below"}
    found = {ours: getattr(constraint, theirs, None) for theirs, ours in names.items()}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _number(value: float | None) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
