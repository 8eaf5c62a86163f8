"""Bound on what a regular expression costs: one in a bundle must not keep ``route`` busy.

Python's ``re`` tries, where a match fails, every way in which the repeats can share the text between them, and has no time
limit. So a pattern is taken only where there are few ways, as far as its structure tells.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from tracer_spec.text_steps import StepError

# with these, the worst text for a pattern costs about a second
PATTERN_CHARACTERS = 8192
"""A longer text matches no pattern."""
_WAYS = 4
_DEGREE = 2
# a repeat of no more than so many is counted by its ways, any other as one without a bound
_FEW = 4
# Python looks at every character of a range when it compiles it
_RANGE = 1 << 14
_REGEX = "regex:"
_ONE_WAY = frozenset(("LITERAL", "NOT_LITERAL", "ANY", "AT"))
_REPEATS = frozenset(("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"))
_HINT = (
    "take out all repeats (*, +, {n,}) but one, with no other inside it: white space at the ends is for the step 'strip'; or "
    "write between:START...END"
)


def compiled_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern, of one group at most.

    Raises
    ------
    StepError
        Where it is no regular expression, or it is not clear which group is meant.
    """
    with _as_step_errors():
        compiled = re.compile(pattern)
    if compiled.groups > 1:
        raise StepError(
            f"has {compiled.groups} capture groups; one, or none, says what is kept",
            hint="write (?:...) for groups that only group",
        )
    return compiled


def check_cost(pattern: str) -> None:
    """Refuse a pattern that could take long on some text, or to compile.

    Raises
    ------
    StepError
        Where a failing match could take more than some n**2 steps on n characters, or that cannot be told.
    """
    with _as_step_errors():
        tree = import_module("re._parser").parse(pattern)
        items = list(tree)
        degree, ways = _cost(items)
    is_anchored = bool(items) and str(items[0][0]) == "AT" and str(items[0][1]) in _starts(tree.state.flags)
    if degree + (not is_anchored) > _DEGREE or ways > _WAYS:
        raise StepError("could take too long on some texts: it can match in too many ways", hint=_HINT)


def check_step_cost(step: str) -> None:
    """Refuse a step from an answer to a label that could take long on some answer, as :func:`check_cost` does."""
    if step.startswith(_REGEX):
        check_cost(step.removeprefix(_REGEX))


def around_group(pattern: str) -> tuple[str, str]:
    r"""Return the shortest text that a pattern wants on either side of its group; empty where that is not plain.

    Examples
    --------
    >>> around_group(r"^(?:Label|Intent):\s+(\w+)\.$"), around_group(r"\w+")
    (('Label: ', '.'), ('', ''))
    """
    items = list(import_module("re._parser").parse(pattern))
    at = next((place for place, (operator, argument) in enumerate(items) if _is_group(operator, argument)), None)
    if at is None:
        return "", ""
    try:
        return _shortest(items[:at]), _shortest(items[at + 1 :])
    except ValueError:
        return "", ""


def _is_group(operator: Any, argument: Any) -> bool:
    return str(operator) == "SUBPATTERN" and argument[0] is not None


def _shortest(items: Sequence[tuple[Any, Any]]) -> str:
    """Return the shortest text that matches; ValueError where it is not plain which."""
    return "".join(_shortest_of_one(str(operator), argument) for operator, argument in items)


def _shortest_of_one(operator: str, argument: Any) -> str:
    if operator == "LITERAL":
        return chr(argument)
    if operator == "AT":
        return ""
    if operator == "SUBPATTERN":
        return _shortest(argument[-1])
    if operator == "BRANCH":
        return _shortest(argument[1][0])
    if operator in _REPEATS:
        least, _, body = argument
        return least * _shortest(body) if least else ""
    if operator == "IN":
        kind, value = argument[0]
        if str(value) == "CATEGORY_SPACE":
            return " "
        if str(kind) == "LITERAL":
            return chr(value)
    raise ValueError(operator)


@contextmanager
def _as_step_errors() -> Iterator[None]:
    """Say what Python does not take for a regular expression; what it doubts is its author's business."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (re.error, OverflowError, RecursionError) as error:
        raise StepError("is not a regular expression", detail=" ".join(str(error).split())) from None


def _starts(flags: int) -> frozenset[str]:
    """Return the anchors that only the start of a text matches."""
    return frozenset(("AT_BEGINNING_STRING",) if flags & re.MULTILINE else ("AT_BEGINNING_STRING", "AT_BEGINNING"))


def _cost(items: Sequence[tuple[Any, Any]]) -> tuple[int, int]:
    """Return how many repeats share a text between them, and in how many ways the rest can match."""
    degree, ways = 0, 1
    for operator, argument in items:
        more_degree, more_ways = _cost_of_one(str(operator), argument)
        degree, ways = degree + more_degree, ways * more_ways
    return degree, ways


def _cost_of_one(operator: str, argument: Any) -> tuple[int, int]:
    if operator in _ONE_WAY:
        return 0, 1
    if operator == "IN":
        if any(str(kind) == "RANGE" and value[1] - value[0] > _RANGE for kind, value in argument):
            raise StepError(
                f"holds a range of more than {_RANGE:,} characters", hint="write [^...], or between:START...END"
            )
        return 0, 1
    if operator == "SUBPATTERN":
        return _cost(argument[-1])
    if operator == "ATOMIC_GROUP":
        return _cost(argument)
    if operator in ("ASSERT", "ASSERT_NOT"):
        return _cost(argument[1])
    if operator == "BRANCH":
        costs = [_cost(branch) for branch in argument[1]]
        return max(degree for degree, _ in costs), sum(ways for _, ways in costs)
    if operator in _REPEATS:
        return _cost_of_repeat(*argument)
    raise StepError("holds a reference to a group, whose cost cannot be told", hint=_HINT)


def _cost_of_repeat(least: int, most: int, body: Sequence[tuple[Any, Any]]) -> tuple[int, int]:
    degree, ways = _cost(body)
    if (degree, ways) != (0, 1):
        if most > 1:
            raise StepError("repeats what can itself match in several ways", hint=_HINT)
        return degree, ways + 1
    n_lengths = int(most) - least + 1
    return (0, n_lengths) if n_lengths <= _FEW else (1, 1)
