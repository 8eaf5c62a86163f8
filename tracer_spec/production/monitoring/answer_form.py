"""Form of an answer in which a label of the bundle stands where its steps read none: the teacher answers otherwise by now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.production.monitoring.tally import NAME_CHARACTERS
from tracer_spec.production.plain_answer import TOOL_CALL
from tracer_spec.text_steps import UnusableError
from tracer_spec.text_steps.inverse import as_answer_text, before_steps
from tracer_spec.text_steps.json_answers import objects_of
from tracer_spec.text_steps.language import compile_step

ALONE, RESPELT = "the label alone", "the label in another spelling"
"""Forms that no step has the name of."""
_LINES = ("first-line", "last-line", "code-fence", "think")
_JOINED = compile_step("join:_")
# longer ones may quote the request, and are nobody's form
_PREFIX = re.compile(r"\s*([\w -]{1,24}:)\s*(\S.*)", re.DOTALL)
_KEY = re.compile(r"[\w-]{1,24}")
_DEPTH, _LEAVES = 4, 64
# a longer text is no answer of another form, and not worth the time
_LONGEST = 10_000


class AnswerForm:
    """Tells in which form an answer holds a label.

    Parameters
    ----------
    labels : iterable of str

    Examples
    --------
    >>> form = AnswerForm(["refund", "top_up"])
    >>> form.of('{"intent": "refund", "sure": true}'), form.of("Label: Top-up."), form.of("I cannot say.")
    ('json?:intent', 'prefix:Label:', None)
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = frozenset(labels)
        self._seen = frozenset(map(_as_seen, self._labels))

    def of(self, answer: Any) -> str | None:
        """Return the step that would find a label in an answer, or :data:`ALONE` or :data:`RESPELT`; None where none is in it.

        It says nothing of the rest of the answer, which may quote the request.
        """
        if isinstance(answer, Mapping) and isinstance(call := answer.get(TOOL_CALL), Mapping):
            answer = call.get("arguments")
        if isinstance(answer, str):
            if len(answer) > _LONGEST:
                return None
            if answer.strip() in self._labels:
                return ALONE
            if self._is_label(answer):
                return RESPELT
        for each in objects_of(answer):
            steps = (f"json?:{'.'.join(path)}" for path, value in _leaves(each) if self._is_label(value))
            if (step := next((each for each in steps if len(each) <= NAME_CHARACTERS), None)) is not None:
                return step
        return self._step_for(answer) if isinstance(answer, str) else None

    def _step_for(self, text: str) -> str | None:
        found = _PREFIX.fullmatch(text)
        if found is not None and self._is_label(found[2]):
            return f"prefix:{found[1]}"
        return next((step for step in _LINES if self._is_label(_applied(step, text))), None)

    def _is_label(self, value: Any) -> bool:
        return isinstance(value, str) and _as_seen(value) in self._seen


def form_text(form: str) -> str:
    """Show a form by an answer of it, with the step that reads it.

    Examples
    --------
    >>> form_text("prefix:Label:"), form_text("last-line")
    ("Label: LABEL (the step 'prefix:Label:' reads it)", "text with LABEL in it (the step 'last-line' reads it)")
    """
    if form in (ALONE, RESPELT):
        return form
    shown = as_answer_text(before_steps([form], " LABEL" if form.startswith("prefix:") else "LABEL")[0])
    return f"{'text with LABEL in it' if form in _LINES else shown} (the step '{form}' reads it)"


def _applied(step: str, text: str) -> Any:
    try:
        return compile_step(step)(text)
    except UnusableError:
        return None


def _as_seen(text: str) -> str:
    return str(_JOINED(" ".join(text.casefold().split()))).strip(" .'\"*")


def _leaves(value: Any, path: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the first values of an object, each with its keys, of which none is long."""
    if isinstance(value, Mapping) and len(path) < _DEPTH:
        for key, below in list(value.items())[:_LEAVES]:
            if isinstance(key, str) and _KEY.fullmatch(key):
                yield from _leaves(below, (*path, key))
    elif isinstance(value, list) and value and len(path) < _DEPTH:
        yield from _leaves(value[0], (*path, "0"))
    else:
        yield tuple(path), value
