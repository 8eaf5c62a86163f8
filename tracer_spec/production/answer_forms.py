"""The answers that say each label, tried against the bundle's own steps in every shape in which they go out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tracer_spec.chat.api import Answer, Api, Stamp
from tracer_spec.chat.apis import APIS
from tracer_spec.chat.events import EventReader
from tracer_spec.chat.json_text import parse_json
from tracer_spec.chat.reading import answered
from tracer_spec.errors import BundleError, printable
from tracer_spec.runtime import Router
from tracer_spec.runtime.archive import MANIFEST
from tracer_spec.text_steps import ToolCall, UnusableError
from tracer_spec.text_steps.inverse import TOOL_NAME, as_answer_text, before_steps
from tracer_spec.text_steps.language import compile_step

_LABEL = "{label}"
_STAMP = Stamp("0", 0, "model")
_SOME = 200
_SHOWN = 200
_READS_OBJECTS = ("json", "json?")


class AnswerForms:
    """The answers of a router, one for each label that it may give.

    Parameters
    ----------
    router : Router
    template : str or None
        ``serve.answer``; None writes the answers that ``labels.normalize`` makes the labels of.

    Attributes
    ----------
    are_named : bool
        Whether a label is the name of the tool that is called.
    some_labels : list of str
        Labels to try whether a request can be answered at all.

    Raises
    ------
    BundleError
        Where the steps make anything else of an answer, in any API's body or events.
    """

    def __init__(self, router: Router, template: str | None) -> None:
        router.normalize(None)  # a bundle that cannot clean an answer says so
        answers = router.manifest.answers
        self._router, self._template = router, template
        self._steps = answers.normalize if answers is not None else ()
        names = {step.partition(":")[0] for step in self._steps}
        labels = [each for each in router.labels if each not in router.manifest.policy.defer_labels]
        self.are_named = TOOL_NAME in names
        self.some_labels = labels[:_SOME]
        self._texts: dict[str, str] = {}
        self._calls: dict[str, ToolCall] = {}
        if not self.are_named:
            self._texts = {label: self._write_text(label) for label in labels}
        if not names.isdisjoint((TOOL_NAME, *_READS_OBJECTS)):
            self._calls = {label: self._write_call(label) for label in labels}
        for found in (self._texts, self._calls):
            for label, answer in found.items():
                self._check(label, answer)

    def text(self, label: str) -> str | None:
        """Return the text that says a label."""
        return self._texts.get(label)

    def call(self, label: str) -> ToolCall | None:
        """Return the call that says a label: of any tool, unless the label is the tool's name."""
        return self._calls.get(label)

    def _write_text(self, label: str) -> str:
        if self._template is None:
            return as_answer_text(before_steps(self._steps, label)[0])
        is_json = isinstance(parse_json(self._template.replace(_LABEL, "0")), (dict, list, str))
        return self._template.replace(_LABEL, json.dumps(label, ensure_ascii=False)[1:-1] if is_json else label)

    def _write_call(self, label: str) -> ToolCall:
        value: Any = before_steps(self._steps, label, as_call=True)[0]
        if self._template is not None and not isinstance(value, ToolCall):
            written = parse_json(self._texts[label])
            value = written if isinstance(written, Mapping) else value
        return value if isinstance(value, ToolCall) else ToolCall("answer", value if isinstance(value, Mapping) else {})

    def _check(self, label: str, answer: Answer) -> None:
        """Raise where an answer is read as anything but its label, as it is or out of a response."""
        for made in (answer, *(answered(body) for api in APIS for body in _bodies(api, answer))):
            read = self._router.normalize(made)
            if read != label:
                raise BundleError(
                    f"no answer is known that gives the label '{printable(label)}': {self._culprit(label, made)}, so that "
                    f"{_shown(answer)} is read as {'no label' if read is None else _shown(read)}",
                    address=f"{MANIFEST} answers.normalize",
                    hint="write serve.answer in router.yaml, an answer of the teacher's with {label} in it, and build again",
                )

    def _culprit(self, label: str, made: Any) -> str:
        """Say which step does not give what it should."""
        wanted = before_steps(self._steps, label, as_call=isinstance(made, ToolCall))[1:]
        value = made
        for step, expected in zip(self._steps, wanted, strict=True):
            try:
                value = compile_step(step)(value)
            except UnusableError:
                return f"the step '{printable(step)}' finds nothing"
            if self._template is None and as_answer_text(value) != as_answer_text(expected):
                return f"the step '{printable(step)}' gives {_shown(value)}"
        return "an alias leads elsewhere" if value == label else f"the steps give {_shown(value)}"


def _shown(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False))[:_SHOWN]


def _bodies(api: Api, answer: Answer) -> Iterator[Mapping[str, Any] | None]:
    """Yield a response as it goes out: in one body, and as its events add up."""
    yield json.loads(json.dumps(api.write(answer, _STAMP)))
    reader = EventReader()
    data = [each for piece in api.events(answer, _STAMP, True) for each in reader.feed(piece)]
    yield api.join([found for each in data if isinstance(found := parse_json(each), Mapping)])
