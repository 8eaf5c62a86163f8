"""A router at a chat API: which requests are its own, and how it answers them.

A request is told by the bundle's ``extract`` steps and by ``serve.match``. An answer is what ``labels.normalize`` makes the
label of, and that is tried for every label before the first request.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tracer_spec.chat.api import Answer, Api, Request
from tracer_spec.chat.json_schema import Effort, UnfitError, fitted
from tracer_spec.chat.json_text import parse_json
from tracer_spec.errors import BundleError, DataError, SpecError, UsageError, printable
from tracer_spec.production.answer_forms import AnswerForms
from tracer_spec.runtime import Router
from tracer_spec.runtime.archive import MANIFEST
from tracer_spec.runtime.bundle import naming
from tracer_spec.text_steps import ToolCall
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.cutter import TextCutter

AnyAnswer = TypeVar("AnyAnswer", str, ToolCall)
_LOGGER = logging.getLogger("tracer_spec.gateway")


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is the router's own: its API, how it asks, and the text, which is the whole prompt."""

    api: Api
    request: Request
    text: str


class Exchange:
    """Tells a router's requests from others', and writes its answers.

    Parameters
    ----------
    router : Router

    Raises
    ------
    BundleError
        Where the bundle cannot clean an answer, an expression of ``serve`` makes no sense, or there is a label that no answer
        gives: it names the label and the step.
    DataError
        Where ``serve`` has expressions and jmespath is not installed.
    UsageError
        Where the bundle has no embedder: requests hold texts.

    Notes
    -----
    With neither ``extract`` steps nor ``serve.match`` every chat of one question is taken to be the router's, with a warning.
    With either, a request of the router's own that no answer fits is warned of, once.
    """

    def __init__(self, router: Router) -> None:
        manifest = router.manifest
        if manifest.embedder.probe is None:
            raise UsageError(
                f"the bundle '{router.name}' has no embedder, and requests hold texts",
                hint="serve its vectors with /v1/route",
            )
        serve = manifest.serve
        self.router = router
        self._cut = TextCutter(manifest.extract).cut
        with naming(router.where):
            self._match = _compiled(serve.match if serve else None, "match")
            self._text = _compiled(serve.text if serve else None, "text")
            self._forms = AnswerForms(router, serve.answer if serve else None)
        self._is_sure = self._match is not None or bool(manifest.extract)
        self._has_warned = False
        if not self._is_sure:
            _LOGGER.warning(
                "the router '%s' takes every chat of a single question for its own: if the app asks anything else, write "
                "serve.match in router.yaml, such as \"contains(messages[0].content, 'Classify')\", and build again; requests "
                "that offer tools are passed on unless tool_choice says that one must be called",
                router.name,
            )

    def question(self, api: Api, body: Mapping[str, Any]) -> Question | None:
        """Return what a body asks, None where it is not this router's."""
        request = api.read(body)
        text = request.text if self._text is None else _found(self._text, body)
        if request.foreign or not isinstance(text, str) or is_blank(text):
            return None
        if self._match is None:
            if not request.is_single_turn:
                return None
        elif not _is_true(_found(self._match, body)):
            return None
        if self._cut(text) is None:
            return None
        if not self._can_answer(request):
            self._warn_of_unfit()
            return None
        return Question(api, request, text)

    def _can_answer(self, request: Request) -> bool:
        """Return whether the router has an answer of the kind that is asked for."""
        effort = Effort()
        return any(self._answer(request, label, effort) is not None for label in self._forms.some_labels)

    def _warn_of_unfit(self) -> None:
        if self._is_sure and not self._has_warned:
            self._has_warned = True
            _LOGGER.warning(
                "a request of the router '%s' is passed on, and so is each one like it: the JSON Schema or the tools that it "
                "names do not fit the router's answers, such as %s; write serve.answer in router.yaml, an answer of the "
                "teacher's with {label} in it, and build again",
                self.router.name,
                next(
                    (shown for label in self._forms.some_labels if (shown := self._forms.text(label))),
                    "a call of a tool",
                ),
            )

    def answer(self, question: Question, label: str) -> Answer | None:
        """Return the answer that says a label, None where this request cannot be answered with it."""
        return self._answer(question.request, label, Effort())

    def _answer(self, request: Request, label: str, effort: Effort) -> Answer | None:
        try:
            return self._call(request, label, effort) if request.tools else self._written(request, label, effort)
        except UnfitError:
            return None

    def _written(self, request: Request, label: str, effort: Effort) -> str | None:
        """Return the text that says a label, as the request's schema has it."""
        text = self._forms.text(label)
        if text is None or request.schema is None:
            return text
        value = parse_json(text)
        fitting = fitted(request.schema, value, effort)
        return text if fitting == value else self._read_again(json.dumps(fitting, ensure_ascii=False), label)

    def _call(self, request: Request, label: str, effort: Effort) -> ToolCall | None:
        """Return the call of a tool, None where none of those offered says the label, or a text could answer as well."""
        call, tools = self._forms.call(label), {tool.name: tool.schema for tool in request.tools}
        if call is None or not (request.must_call or self._forms.are_named):
            return None
        tool = call.tool if self._forms.are_named else next(iter(tools))
        if tool not in tools or not (self._forms.are_named or len(tools) == 1):
            return None
        schema = tools[tool]
        fitting = dict(call) if schema is None else fitted(schema, dict(call), effort)
        made = ToolCall(tool, fitting)
        return made if fitting == call else self._read_again(made, label)

    def _read_again(self, answer: AnyAnswer, label: str) -> AnyAnswer | None:
        """Return an answer that a schema has changed, None where it is not read as its label any more."""
        return answer if self.router.normalize(answer) == label else None


def _compiled(expression: str | None, key: str) -> Callable[[Any], Any] | None:
    if expression is None:
        return None
    try:
        from tracer_spec.expressions.travelling import compile_travelling
    except ModuleNotFoundError as error:
        if error.name != "jmespath":
            raise
        hint = "pip install jmespath"
        raise DataError("serve has JMESPath expressions, and jmespath is not installed", hint=hint) from None
    try:
        return compile_travelling(expression)
    except SpecError as error:
        raise BundleError(
            f"cannot be used: {printable(error.problems[0].what)}", address=f"{MANIFEST} serve.{key}"
        ) from None


def _found(expression: Callable[[Any], Any], body: Mapping[str, Any]) -> Any:
    """Return what an expression finds, None where it cannot be applied to this body."""
    from tracer_spec.expressions.language import ExpressionError

    try:
        return expression(body)
    except ExpressionError:
        return None


def _is_true(value: Any) -> bool:
    from tracer_spec.expressions.closures import is_false

    return not is_false(value)
