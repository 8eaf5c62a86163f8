"""The language of steps: each one's name, what it takes, what it says, and the function behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracer_spec.errors import did_you_mean
from tracer_spec.text_steps import Step, StepError, ToolCall, UnusableError
from tracer_spec.text_steps.json_answers import json_step, optional_json_step
from tracer_spec.text_steps.patterns import compiled_pattern

_FENCE = "```"
_SEPARATOR = "..."
# what models write around what they think: the opening, and the closing of it
_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>|(◁think▷)", re.IGNORECASE)
_THOUGHT_ENDS = re.compile(r"</(?:think|thinking|thought|reasoning)>|◁/think▷", re.IGNORECASE)
# what joins the words of a label; a sign in front of a number, or after a letter, joins none
_BETWEEN_WORDS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of step: ``make`` gives the function for what stands after the colon, ``argument`` names that in messages."""

    name: str
    argument: str
    make: Callable[[str], Step]
    cuts_texts: bool = False

    @property
    def written(self) -> str:
        """Return the step as messages and docs name it."""
        return f"{self.name}:{self.argument}" if self.argument else self.name


def compile_step(text: str) -> Step:
    """Return the function of one step.

    Raises
    ------
    StepError
        Where there is no such step, or what stands after its colon makes no sense.

    Examples
    --------
    >>> compile_step("json:intent")('Here it is: {"intent": "refund"}')
    'refund'
    """
    return kind_of(text).make(text.partition(":")[2])


def kind_of(text: str, known: tuple[str, ...] = ()) -> Kind:
    """Return the kind of a step as written; ``known`` are the only ones that will do, all where it is empty."""
    name, colon, argument = text.partition(":")
    kind, known = _KINDS.get(name), known or STEPS
    if kind is None or kind.written not in known or bool(colon) != bool(kind.argument):
        near = next((each for each in known if each.partition(":")[0] == name), "")
        near = f"write {near}" if near else did_you_mean(text.replace("_", "-"), [each.split(":")[0] for each in known])
        raise StepError(f"is no step; known: {', '.join(known)}", hint=near)
    if colon and not argument:
        raise StepError("has nothing after the colon", hint=f"write {kind.written}")
    return kind


# --- steps that take nothing ----------------------------------------------------------------------------------------------


def _on_text(step: Callable[[str], str]) -> Step:
    """Let objects pass: only ``json:KEY`` and ``tool-name`` read them."""
    return lambda value: step(value) if isinstance(value, str) else value


def _plain(step: Callable[[str], str]) -> Callable[[str], Step]:
    return lambda _: _on_text(step)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _inside_fence(text: str) -> str:
    _, opening, rest = text.partition(_FENCE)
    if not opening:
        return text
    inside = rest.partition(_FENCE)[0]
    language, newline, body = inside.partition("\n")
    # a word after the opening fence is the language, unless the whole block is on that one line
    return body if newline and " " not in language.strip() else inside


def _without_thoughts(text: str) -> str:
    """Return an answer without what was thought; the opening may be missing, for it can be part of the prompt."""
    first, ends = _THOUGHT.search(text), _THOUGHT_ENDS.search(text)
    if ends is not None and (first is None or first.start() > ends.start()):
        text = text[ends.end() :]
    kept: list[str] = []
    at = 0
    for opening in _THOUGHT.finditer(text):
        if opening.start() < at:
            continue
        ends = _THOUGHT_ENDS.search(text, opening.end())
        if ends is None:
            if not "".join([*kept, text[at : opening.start()]]).strip():
                raise UnusableError  # it was cut short while it thought
            break
        kept.append(text[at : opening.start()])
        at = ends.end()
    return "".join([*kept, text[at:]])


def _tool_name(value: Any) -> Any:
    if not isinstance(value, ToolCall):
        raise UnusableError
    return value.tool


# --- steps that take something --------------------------------------------------------------------------------------------


def _regex(argument: str) -> Step:
    pattern = compiled_pattern(argument)

    def match(text: str) -> str:
        found = pattern.search(text)
        if found is None:
            raise UnusableError
        return (found[1] or "") if pattern.groups else found[0]

    return _on_text(match)


def _prefix(argument: str) -> Step:
    return _on_text(lambda text: text.lstrip().removeprefix(argument) if text.lstrip().startswith(argument) else text)


def _join(argument: str) -> Step:
    return _on_text(lambda text: _BETWEEN_WORDS.sub(lambda _: argument, text))


def _between(argument: str) -> Step:
    start, separator, end = argument.partition(_SEPARATOR)
    if not separator or not start or not end or _SEPARATOR in end:
        raise StepError(
            "does not have two markers with '...' between them, once",
            hint="write between:START...END; a marker that holds '...' needs two steps, after:START and before:END",
        )
    after, before = _after(start), _before(end)
    return lambda text: before(after(text))


def _after(marker: str) -> Step:
    """Take what follows the first place: what a text itself says later moves nothing."""

    def cut(text: str) -> str:
        _, found, rest = text.partition(marker)
        if not found:
            raise UnusableError
        return rest

    return _on_text(cut)


def _before(marker: str) -> Step:
    """Take what precedes the last place, so that a text that holds the marker is not cut short."""

    def cut(text: str) -> str:
        head, found, _ = text.rpartition(marker)
        if not found:
            raise UnusableError
        return head

    return _on_text(cut)


_KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("strip", "", _plain(str.strip), cuts_texts=True),
        Kind("first-line", "", _plain(_first_line)),
        Kind("last-line", "", _plain(_last_line)),
        Kind("casefold", "", _plain(str.casefold)),
        Kind("code-fence", "", _plain(_inside_fence)),
        Kind("think", "", _plain(_without_thoughts)),
        Kind("tool-name", "", lambda _: _tool_name),
        Kind("json", "KEY", json_step, cuts_texts=True),
        Kind("json?", "KEY", optional_json_step),
        Kind("prefix", "TEXT", _prefix),
        Kind("join", "TEXT", _join),
        Kind("between", "START...END", _between, cuts_texts=True),
        Kind("after", "TEXT", _after, cuts_texts=True),
        Kind("before", "TEXT", _before, cuts_texts=True),
        Kind("regex", "PATTERN", _regex, cuts_texts=True),
    )
}
STEPS = tuple(kind.written for kind in _KINDS.values())
"""Every step, as it is written: what ``traces.labels.normalize`` takes."""
EXTRACT_STEPS = tuple(kind.written for kind in _KINDS.values() if kind.cuts_texts)
"""Those that ``traces.extract`` takes."""
