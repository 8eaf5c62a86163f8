"""JMESPath, compiled: parsed by the library, checked, and run as functions (see :mod:`.closures`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jmespath
from jmespath import exceptions, functions, visitor

from tracer_spec.errors import SpecError, did_you_mean
from tracer_spec.expressions.closures import Compiler, Getter, Node
from tracer_spec.expressions.functions import FUNCTIONS


class ExpressionError(Exception):
    """An expression cannot be applied to a record; the message holds no text of the record."""


def _of_one(function: Callable[[Any], Any]) -> Node:
    """Return a function of one argument of any type as the library's table holds it."""
    return {"function": lambda _owner, value: function(value), "signature": [{"types": []}]}


_FUNCTIONS = functions.Functions()
_FUNCTIONS.FUNCTION_TABLE = _FUNCTIONS.FUNCTION_TABLE | {name: _of_one(each) for name, each in FUNCTIONS.items()}
_COMPILER = Compiler(_FUNCTIONS, FUNCTIONS, visitor.TreeInterpreter(jmespath.Options(custom_functions=_FUNCTIONS)))
_RUNTIME = (
    exceptions.JMESPathError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
)


def compile_expression(expression: str, *, address: str = "") -> Getter:
    """Compile a JMESPath expression.

    Parameters
    ----------
    expression : str
        JMESPath, with the functions of :data:`FUNCTIONS`.
    address : str
        Where it stands in the spec, for messages.

    Returns
    -------
    callable
        ``getter(record)`` gives the value, None where there is none; it raises :class:`ExpressionError` where
        a function is applied to a value that it does not take.

    Raises
    ------
    SpecError
        Where it is not JMESPath, or calls a function that does not exist or with another number of arguments.

    Examples
    --------
    >>> compile_expression("not_null(question, input.text)")({"input": {"text": "where is my card?"}})
    'where is my card?'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old literal syntax is valid still
            tree = jmespath.compile(expression).parsed
    except (exceptions.JMESPathError, RecursionError) as error:
        raise SpecError(
            f"'{expression}' is not JMESPath: {_first_line(error)}",
            hint="quote keys that hold dots, dashes or spaces: '\"gen_ai.input\".text'",
            address=address,
        ) from None
    for call in _calls(tree):
        _check_call(call, expression, address)
    return _compiled(tree, address or expression)


def _first_line(error: BaseException) -> str:
    """Say what the library says, without its drawing of the expression."""
    said = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
    return said.removesuffix(":").removesuffix(", for expression")


def _calls(tree: Node) -> Iterator[Node]:
    """Yield every function call of a syntax tree."""
    if tree["type"] == "function_expression":
        yield tree
    for child in tree["children"]:
        if isinstance(child, dict):
            yield from _calls(child)


def _check_call(call: Node, expression: str, address: str) -> None:
    """Raise where a function does not exist or takes another number of arguments."""
    name, n_given = call["value"], len(call["children"])
    known = _FUNCTIONS.FUNCTION_TABLE
    if name not in known:
        raise SpecError(
            f"'{expression}' calls {name}(), which does not exist; known: {', '.join(sorted(known))}",
            hint=did_you_mean(name, known),
            address=address,
        )
    signature = known[name]["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if n_given < len(signature) if variadic else n_given != len(signature):
        takes = f"at least {len(signature)}" if variadic else f"{len(signature)}"
        raise SpecError(f"'{expression}' gives {name}() {n_given} arguments; it takes {takes}", address=address)


def _compiled(tree: Node, address: str) -> Getter:
    get, is_total = _COMPILER.compile(tree)
    if is_total and _is_plain(tree):
        return get

    def guarded(record: Any) -> Any:
        try:
            return get(record)
        except _RUNTIME as error:
            raise ExpressionError(f"{address}: {_explain(error)}") from None

    return guarded


def _is_plain(tree: Node) -> bool:
    """Tell whether an expression goes into no depth of a record, where recursion could end."""
    if tree["type"] == "function_expression" and tree["value"] != "not_null":
        return False
    return all(_is_plain(child) for child in tree["children"] if isinstance(child, dict))


def _explain(error: Exception) -> str:
    """Say what failed without the value that it failed on: the library's own message quotes it."""
    if isinstance(error, exceptions.JMESPathTypeError):
        return f"{error.function_name}() got {error.actual_type}, takes {' or '.join(error.expected_types)}"
    return f"cannot be applied ({type(error).__name__})"
