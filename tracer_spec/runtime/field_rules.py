"""What the fields of a dataclass say of their values in JSON: one description, which a reader checks and a schema tells.

A field is annotated with its type, a :class:`Rule` and a description, each where there is one:
``Annotated[tuple[Name, ...], Rule(1, 64), "in the order they are tried"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value may be, beyond its type.

    Parameters
    ----------
    least, most : int, float or None
        Of a number; of the length of a text, a list, or a mapping's keys.
    pattern : str
        Of a text, or of a mapping's keys.
    unique : bool
        Whether the items of a list differ.
    allowed : tuple of str
        The values there are; empty where any will do.
    required : tuple of str
        Keys that a mapping must have.
    key : str
        The key in JSON, where it is not the field's name.
    plain : bool
        Whether a text is printed as it is: one line, without characters that steer a terminal or a CI log.
    since : int
        The first format that has the key.
    may_lack : bool
        Whether the key may be left out, which says what null would.
    """

    least: float | None = None
    most: float | None = None
    pattern: str = ""
    unique: bool = False
    allowed: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    key: str = ""
    plain: bool = False
    since: int = 1
    may_lack: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A type hint, taken apart.

    Parameters
    ----------
    kind : type
        ``str``, ``int``, ``float``, ``tuple``, ``collections.abc.Mapping`` or a dataclass; ``object`` is anything.
    rule : Rule
    says : str
        The description; empty where there is none.
    item : Shape or None
        Of a tuple's items, or of a mapping's values.
    optional : bool
        Whether None will do.
    """

    kind: Any
    rule: Rule
    says: str
    item: Shape | None
    optional: bool


@cache
def shape_of(hint: Any) -> Shape:
    """Return the shape that a type hint describes."""
    rule, says, optional = Rule(), "", False
    while get_origin(hint) in (Annotated, Union, UnionType):
        if get_origin(hint) is not Annotated:
            hint, optional = get_args(hint)[0], True
            continue
        hint, *marks = get_args(hint)
        for mark in marks:
            rule, says = (mark, says) if isinstance(mark, Rule) else (rule, mark)
    kind: Any = object if hint is Any else get_origin(hint) or hint
    of = get_args(hint)
    item = shape_of(of[0]) if kind is tuple else shape_of(of[1]) if kind is Mapping else None
    return Shape(kind, rule, says, item, optional)


@cache
def fields_of(kind: Any) -> Mapping[str, tuple[str, Shape]]:
    """Return the fields of a dataclass by their keys in JSON: each one's name, and its shape."""
    hints = get_type_hints(kind, include_extras=True)
    shapes = {field.name: shape_of(hints[field.name]) for field in fields(kind)}
    return {shape.rule.key or name: (name, shape) for name, shape in shapes.items()}


def plain(value: Any) -> Any:
    """Return a value as JSON values: a dataclass as a mapping, a tuple as a list."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(getattr(value, name)) for key, (name, _) in fields_of(type(value)).items()}
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value
