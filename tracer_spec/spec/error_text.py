"""The text of a pydantic error: the value got, the values allowed, the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tracer_spec.errors import did_you_mean
from tracer_spec.spec.environment import names_variable
from tracer_spec.spec.model_lookup import BOUNDS, Slot
from tracer_spec.spec.nodes import Node, Pairs, Scalar, as_written, is_typed, scalars
from tracer_spec.spec.scalars import OutOfRangeError, resolve
from tracer_spec.text_format import plural

REASON_LEFT_OUT = "the reason is left out because it may quote the environment"
# what pydantic's type errors ask for
_ASKED_FOR = {
    "true or false": "bool_parsing bool_type",
    "a number": "float_parsing float_type",
    "a finite number": "finite_number",
    "a whole number": "int_from_float int_parsing int_parsing_size int_type",
    "a string": "string_type",
    "a list": "frozen_set_type list_type set_type tuple_type",
    "a mapping": "dict_type mapping_type model_attributes_type model_type",
    "null": "none_required",
}
_NOUNS = {kind: noun for noun, kinds in _ASKED_FOR.items() for kind in kinds.split()}
_NUMBERS = ("a number", "a whole number", "a finite number")
_SPOKEN_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%?")


def noun(error: Mapping[str, Any]) -> str:
    """Return what a type error asks for, or an empty string where it is no type error."""
    if error["type"] in ("literal_error", "enum"):
        return f"one of {str(error['ctx']['expected']).replace(' or ', ', ')}".replace("'", "")
    return _NOUNS.get(error["type"], "")


def is_private(node: Node) -> bool:
    """Return whether a value, or anything in it, comes from the environment."""
    return any(names_variable(scalar) for scalar in scalars(node))


def missing(key: str, slot: Slot) -> tuple[str, str]:
    """Return the fact and the remedy of a key that is not there."""
    said = slot.description.rstrip(".")
    said = said[:1].lower() + said[1:] if said[1:2].islower() or said[1:2] == " " else said
    return "the key is missing", f"add {key}: {said}" if said else ""


def fact_and_hint(error: Mapping[str, Any], node: Node, slot: Slot) -> tuple[str, str]:
    """Return the fact and the remedy of one of ``ValidationError.errors()``; its ``input`` is never looked at."""
    kind, context = error["type"], error.get("ctx", {})
    shown = as_written(node)
    if kind == "spec":
        detail = "" if is_private(node) else context["detail"]
        about = f"{shown} " if context["about_value"] else ""
        return f"{about}{context['fact']}{detail}", context["hint"]
    if noun(error):
        return not_a(node, [noun(error)], slot)
    bound = next((each for each in BOUNDS if each in context), None)
    if bound:
        return f"{shown} is not {slot.range or f'{BOUNDS[bound]} {context[bound]}'}", _fraction_hint(node, slot)
    if kind.endswith(("too_short", "too_long")):
        limit = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
        if kind.startswith("string"):
            return f"{shown} does not have {limit} characters", ""
        return f"{shown} has {plural(context['actual_length'], 'item')}, not {limit}", ""
    if kind == "string_pattern_mismatch":
        return f"{shown} does not match {context['pattern']}", ""
    return _in_others_words(error, node), ""


def not_a(node: Node, nouns: list[str], slot: Slot) -> tuple[str, str]:
    """Return the fact and the remedy of a value of the wrong type."""
    wanted = " or ".join(dict.fromkeys(nouns))
    if {"use", "as"} <= set(slot.keys):
        wanted = "a plugin: a name, or a mapping with 'use'"
    if slot.range and len(nouns) == 1 and nouns[0] in _NUMBERS:
        wanted = f"{wanted} {slot.range}"
    return f"{as_written(node)} is not {wanted}", _type_hint(node, nouns, slot)


def _type_hint(node: Node, nouns: list[str], slot: Slot) -> str:
    """Return the remedy of a value of the wrong type."""
    if isinstance(node, Pairs) and "a list" in nouns:
        return "start each item with '- '"
    is_of_keys = nouns == ["a mapping"] and slot.keys and "use" not in slot.keys
    keys = f"write a mapping of its keys: {', '.join(slot.keys)}" if is_of_keys else ""
    if not isinstance(node, Scalar):
        return keys
    text, wanted = node.text, set(nouns)
    if names_variable(node):
        typed = wanted & {*_NUMBERS, "true or false"}
        return "a variable in quotes stays a string; take the quotes away" if typed and not node.plain else ""
    if is_typed(node):
        if as_written(node) in ("null", "~", "Null", "NULL"):
            return "give it a value, or leave the key out"
        return f'put quotes around it: "{text}"' if any("string" in each for each in nouns) else keys
    if "true or false" in wanted and text.lower() in _SPOKEN_BOOLEANS:
        return f"write {_SPOKEN_BOOLEANS[text.lower()]}"
    if wanted & set(_NUMBERS) and _is_number(text):
        return _fraction_hint(node, slot) or f"take the quotes away: {text}"
    if wanted & set(_NUMBERS):
        return _fraction_hint(node, slot)
    if wanted == {"a list"}:
        return f"write [{text}]" if text.isprintable() and len(text) < 40 else ""
    options = [word for each in nouns if each.startswith("one of ") for word in each[7:].split(", ")]
    return keys or did_you_mean(text, options)


def _is_number(text: str) -> bool:
    try:
        return isinstance(resolve(text), int | float)
    except OutOfRangeError:
        return True


def _fraction_hint(node: Node, slot: Slot) -> str:
    """Return the fraction that a percentage was meant to be."""
    match = _PERCENT.fullmatch(node.text) if isinstance(node, Scalar) else None
    if not slot.is_fraction or match is None or not (2 <= float(match[1]) <= 100 or "%" in match[0]):
        return ""
    from decimal import Decimal

    return f"write {(Decimal(match[1]) / 100).normalize():f}"


def _in_others_words(error: Mapping[str, Any], node: Node) -> str:
    """Return an error in the words of the validator that raised it, unless they may quote a secret."""
    shown = as_written(node)
    if is_private(node):
        return f"{shown} is not accepted; {REASON_LEFT_OUT}"
    raised = error.get("ctx", {}).get("error")
    said = " ".join(str(raised if isinstance(raised, Exception) else error["msg"]).split())
    said = re.sub(r"^Input should (?:be|have) ", "it should be ", said)
    return f"{shown} is not accepted: {said}" if isinstance(node, Scalar) else said
