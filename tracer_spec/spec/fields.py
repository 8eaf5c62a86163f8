"""The kinds of value that a spec holds, and the checks behind each."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictFloat, StrictInt, StrictStr
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from tracer_spec.text_steps import MAX_CUT_CHARACTERS, StepError
from tracer_spec.text_steps.cutter import compile_cut
from tracer_spec.text_steps.language import EXTRACT_STEPS, STEPS, compile_step

NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
PLUGIN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_MAX_NAME = 64
_LEAST_CHANCE = 1e-9
LABEL_PLACE = "{label}"
_MAX_SERVED = 2000
MAX_SENTENCE = 2000


def refusal(fact: str, *, detail: str = "", hint: str = "", about_value: bool = True) -> PydanticCustomError:
    """Return an error with its remedy for a validator to raise.

    ``fact`` is read after the value as written, unless ``about_value`` is false, and never holds the value. ``detail`` may:
    it is left out where the value comes from the environment.
    """
    context = {"fact": fact, "detail": f": {detail}" if detail else "", "hint": hint, "about_value": about_value}
    return PydanticCustomError("spec", "{fact}{detail}", context)


def refusals(title: str, found: Sequence[tuple[tuple[str | int, ...], Any, PydanticCustomError]]) -> ValidationError:
    """Return one error of several refusals, each at its own place under the value being checked."""
    lines = [InitErrorDetails(type=error, loc=place, input=value) for place, value, error in found]
    return ValidationError.from_exception_data(title, lines)


def is_router_name(value: str) -> bool:
    """Return whether a router may be called so."""
    return bool(re.fullmatch(NAME, value)) and len(value) <= _MAX_NAME


def router_name_of(text: str) -> str:
    """Return the name of a router that is nearest to a text; empty where it has no letter and no digit of a name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_MAX_NAME].strip("-")


def _check_name(value: str) -> str:
    if not is_router_name(value):
        raise refusal(
            f"is not made of lower-case letters, digits and inner dashes, at most {_MAX_NAME} of them",
            hint="it becomes a file name" + (", as support-intents does" if router_name_of(value) else ""),
        )
    return value


def is_plugin_name(value: str) -> bool:
    """Return whether a plugin, or the alias of one, may be called so."""
    return bool(re.fullmatch(PLUGIN_NAME, value)) and len(value) <= _MAX_NAME


def _check_plugin_name(value: str) -> str:
    if not is_plugin_name(value):
        raise refusal(f"is not a name of letters, digits, dots and dashes, at most {_MAX_NAME} of them")
    return value


def _check_label(value: str) -> str:
    if not value:
        raise refusal("is empty; a label has at least one character")
    return unicodedata.normalize("NFC", value)  # as the teacher's answers are


def _refuse_value(given: Any) -> Any:
    """Refuse a number or a flag where an expression is asked for: in quotes it would be no expression either."""
    if isinstance(given, bool | int | float):
        written = str(given).lower()
        raise refusal("is not a JMESPath expression", hint=f"write a value that is always the same as '`{written}`'")
    return given


def _check_expression(value: str) -> str:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated literal syntax is valid, if old
            jmespath.compile(value)
    except (JMESPathError, ValueError, RecursionError) as error:
        raise refusal(
            "is not a JMESPath expression",
            detail=_what_jmespath_says(error),
            hint='keys with dots or dashes are quoted inside: attributes."input.value"; see jmespath.org',
        ) from None
    return value


def _what_jmespath_says(error: Exception) -> str:
    """Say on one line what JMESPath says on three."""
    position = getattr(error, "lex_position", getattr(error, "lexer_position", None))
    token = getattr(error, "token_value", getattr(error, "lexer_value", None))
    if type(error).__name__ == "EmptyExpressionError":
        return "it is empty"
    if type(error).__name__ == "IncompleteExpressionError" or token == "":
        return "it ends too early"
    if position is None or token is None:
        return "it is nested too deeply" if isinstance(error, RecursionError) else "it cannot be read"
    return f"unexpected {str(token)[:20]!r} at character {position + 1}"


def _check_distance(value: float) -> float:
    """Refuse a rate that is 0 or 1 but for rounding: nothing is left of what it leaves to chance."""
    if not _LEAST_CHANCE <= value <= 1 - _LEAST_CHANCE:
        raise refusal(f"is too near to 0 or 1: it must be between {_LEAST_CHANCE} and 1 - {_LEAST_CHANCE}")
    return value


def _checked(compile_one: Callable[[str], object]) -> Callable[[str], str]:
    """Return a check that a step can be compiled."""

    def check(value: str) -> str:
        try:
            compile_one(value)
        except StepError as error:
            raise refusal(error.fact, detail=error.detail, hint=error.hint) from None
        return value

    return check


def _steps_schema(steps: Sequence[str]) -> dict[str, Any]:
    """Return what a JSON Schema says of a step."""
    plain = [each for each in steps if ":" not in each]
    kinds = "|".join(re.escape(each.partition(":")[0]) for each in steps if ":" in each)
    return {"anyOf": [{"enum": plain}, {"pattern": f"^({kinds}):(.|\\n)+"}]}


def _check_template(value: str) -> str:
    if LABEL_PLACE not in value:
        raise refusal(f"does not say where the label goes; write {LABEL_PLACE} there")
    return value


def unique(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a value that is given twice."""
    first: dict[str, int] = {}
    found = [
        ((index,), value, refusal(f"is given twice: items {first[value]} and {index}", hint="keep one of them"))
        for index, value in enumerate(values)
        if first.setdefault(value, index) != index
    ]
    if found:
        raise refusals("list", found)
    return values


# of a key that takes one value or a list of them: which of the two was written
ONE, SEVERAL = TAGS = ("(one)", "(several)")


def one_or_several(value: Any) -> str:
    """Return which of the two was written."""
    return SEVERAL if isinstance(value, list | tuple) else ONE


def non_empty(what: str) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return a check that a list has at least one item."""

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise refusal(f"the list is empty; at least one {what} is needed", about_value=False)
        return values

    return check


Name = Annotated[
    StrictStr, AfterValidator(_check_name), Field(json_schema_extra={"pattern": NAME, "maxLength": _MAX_NAME})
]
PluginName = Annotated[
    StrictStr,
    AfterValidator(_check_plugin_name),
    Field(json_schema_extra={"pattern": PLUGIN_NAME, "maxLength": _MAX_NAME}),
]
Label = Annotated[StrictStr, AfterValidator(_check_label), Field(json_schema_extra={"minLength": 1})]
Sentence = Annotated[StrictStr, Field(min_length=1, max_length=MAX_SENTENCE)]
Labels = Annotated[tuple[Label, ...], AfterValidator(unique), Field(json_schema_extra={"uniqueItems": True})]
Expression = Annotated[
    StrictStr,
    BeforeValidator(_refuse_value),
    AfterValidator(_check_expression),
    Field(json_schema_extra={"minLength": 1}),
]
Served = Annotated[Expression, Field(max_length=_MAX_SERVED)]
AnswerTemplate = Annotated[
    StrictStr,
    AfterValidator(_check_template),
    Field(max_length=_MAX_SERVED, json_schema_extra={"pattern": re.escape(LABEL_PLACE)}),
]
Step = Annotated[StrictStr, AfterValidator(_checked(compile_step)), Field(json_schema_extra=_steps_schema(STEPS))]
ExtractStep = Annotated[
    StrictStr,
    AfterValidator(_checked(compile_cut)),
    Field(json_schema_extra=_steps_schema(EXTRACT_STEPS) | {"maxLength": MAX_CUT_CHARACTERS}),
]
OpenFraction = Annotated[StrictFloat, Field(gt=0, lt=1), AfterValidator(_check_distance)]
HalfOpenFraction = Annotated[StrictFloat, Field(ge=0, lt=1)]
Amount = Annotated[StrictFloat, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[StrictInt, Field(ge=0)]
