"""JMESPath's syntax trees, compiled to nested functions.

The library's interpreter would take minutes for a million records with ten expressions each. The functions return what it
returns, which tests check. What they do not cover (ordering, functions that take expressions) is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any, NamedTuple, TypeAlias

from jmespath import functions, visitor

Getter: TypeAlias = Callable[[Any], Any]
Node: TypeAlias = Mapping[str, Any]
_EQUAL = visitor.TreeInterpreter.COMPARATOR_FUNC["eq"]
_TOTAL_FUNCTIONS = frozenset(("not_null", "to_string", "to_array", "type"))


def children_of(tree: Node) -> list[Node]:
    """Return the trees below a tree."""
    return [child for child in tree["children"] if isinstance(child, dict)]


def is_false(value: Any) -> bool:
    """Tell JMESPath's falsehood, in which 0 is true."""
    return value is None or value is False or value == "" or value == [] or value == {}


class Closure(NamedTuple):
    """A compiled expression, and whether it fails on no value at all: then skipping it changes nothing."""

    get: Getter
    is_total: bool


class Compiler:
    """Compiles syntax trees; ``own`` are the functions that take one value of any kind and never fail."""

    def __init__(
        self, table: functions.Functions, own: Mapping[str, Getter], interpreter: visitor.TreeInterpreter
    ) -> None:
        self._table = table
        self._own = own
        self._interpreter = interpreter

    def compile(self, node: Node) -> Closure:
        """Return the function that gives what the interpreter gives for this tree."""
        kind, children = node["type"], node["children"]
        if kind == "field":
            return Closure(_field(node["value"]), True)
        if kind == "literal":
            value = node["value"]
            return Closure(lambda _: value, True)
        if kind in ("current", "identity"):
            return Closure(lambda value: value, True)
        if kind == "index":
            return Closure(_index(node["value"]), True)
        if kind == "comparator" and node["value"] in ("eq", "ne"):
            return self._equality(node)
        if kind == "function_expression":
            return self._call(node)
        if kind in _COMBINED:
            parts = [self.compile(child) for child in children]
            return Closure(_COMBINED[kind](node, [part.get for part in parts]), all(part.is_total for part in parts))
        return Closure(lambda value: self._interpreter.visit(node, value), False)

    def _equality(self, node: Node) -> Closure:
        left, right = (self.compile(child) for child in node["children"])
        wanted, get = node["value"] == "eq", left.get
        is_total = left.is_total and right.is_total
        other = node["children"][1]
        if other["type"] == "literal" and isinstance(other["value"], str):
            text = other["value"]  # a string equals nothing but a string: none of the library's cases of 0 and false
            return Closure(lambda value: (get(value) == text) is wanted, is_total)
        return Closure(lambda value: _EQUAL(get(value), right.get(value)) is wanted, is_total)

    def _call(self, node: Node) -> Closure:
        name = node["value"]
        if any(child["type"] == "expref" for child in node["children"]):
            return Closure(lambda value: self._interpreter.visit(node, value), False)
        parts = [self.compile(child) for child in node["children"]]
        getters, is_total = [part.get for part in parts], all(part.is_total for part in parts)
        if name in self._own:
            function, get = self._own[name], getters[0]
            return Closure(lambda value: function(get(value)), is_total)
        if name == "not_null" and is_total:
            return Closure(_first_not_null(node["children"], getters), True)
        call = self._table.call_function
        return Closure(lambda value: call(name, [get(value) for get in getters]), is_total and name in _TOTAL_FUNCTIONS)


def _field(name: str) -> Getter:
    def field(value: Any) -> Any:
        try:
            return value.get(name)
        except AttributeError:
            return None

    return field


def _index(place: int) -> Getter:
    def index(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        try:
            return value[place]
        except IndexError:
            return None

    return index


def _chain(node: Node, getters: Sequence[Getter]) -> Getter:
    names = _names(node)
    if names:
        return _path(names)
    if len(getters) == 2:
        first, second = getters
        return lambda value: second(first(value))

    def chain(value: Any) -> Any:
        for get in getters:
            value = get(value)
        return value

    return chain


def _names(node: Node) -> tuple[str, ...]:
    """Return the keys of a dotted path, none where the node is something else."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return ()
    parts = [_names(child) for child in node["children"]]
    return tuple(name for part in parts for name in part) if all(parts) else ()


def _path(names: tuple[str, ...]) -> Getter:
    def path(value: Any) -> Any:
        try:
            for name in names:
                value = value.get(name)
        except AttributeError:
            return None
        return value

    return path


def _or(_node: Node, getters: Sequence[Getter]) -> Getter:
    left, right = getters

    def either(value: Any) -> Any:
        found = left(value)
        return right(value) if is_false(found) else found

    return either


def _and(_node: Node, getters: Sequence[Getter]) -> Getter:
    left, right = getters

    def both(value: Any) -> Any:
        found = left(value)
        return found if is_false(found) else right(value)

    return both


def _not(_node: Node, getters: Sequence[Getter]) -> Getter:
    (get,) = getters

    def negation(value: Any) -> Any:
        found = get(value)
        # a number is true, 0 as well
        return False if isinstance(found, Number) and not isinstance(found, bool) else not found

    return negation


def _projection(_node: Node, getters: Sequence[Getter]) -> Getter:
    base, each = getters

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [found for item in items if (found := each(item)) is not None]

    return projection


def _values(_node: Node, getters: Sequence[Getter]) -> Getter:
    base, each = getters

    def values(value: Any) -> Any:
        try:
            items = base(value).values()
        except AttributeError:
            return None
        return [found for item in items if (found := each(item)) is not None]

    return values


def _filter(_node: Node, getters: Sequence[Getter]) -> Getter:
    base, each, condition = getters

    def chosen(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [found for item in items if not is_false(condition(item)) and (found := each(item)) is not None]

    return chosen


def _flatten(_node: Node, getters: Sequence[Getter]) -> Getter:
    (base,) = getters

    def flat(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [each for item in items for each in (item if isinstance(item, list) else (item,))]

    return flat


def _list(_node: Node, getters: Sequence[Getter]) -> Getter:
    return lambda value: None if value is None else [get(value) for get in getters]


def _dict(node: Node, getters: Sequence[Getter]) -> Getter:
    keyed = list(zip((child["value"] for child in node["children"]), getters, strict=True))
    return lambda value: None if value is None else {key: get(value) for key, get in keyed}


def _only(_node: Node, getters: Sequence[Getter]) -> Getter:
    return getters[0]


def _first_not_null(nodes: Sequence[Node], getters: Sequence[Getter]) -> Getter:
    if all(node["type"] == "field" for node in nodes):
        return _first_field(tuple(node["value"] for node in nodes))

    def first_not_null(value: Any) -> Any:
        for get in getters:
            found = get(value)
            if found is not None:
                return found
        return None

    return first_not_null


def _first_field(names: tuple[str, ...]) -> Getter:
    def first_field(value: Any) -> Any:
        try:
            for name in names:
                found = value.get(name)
                if found is not None:
                    return found
        except AttributeError:
            pass
        return None

    return first_field


_COMBINED: Mapping[str, Callable[[Node, Sequence[Getter]], Getter]] = {
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "projection": _projection,
    "value_projection": _values,
    "filter_projection": _filter,
    "flatten": _flatten,
    "multi_select_list": _list,
    "multi_select_dict": _dict,
    "key_val_pair": _only,
}
