"""The steps of a spec, from one text to another: a prompt to the text in it, a teacher's answer to a label.

Standard library only: the runtime applies the steps that travel in a bundle. Here is what a step is, and how it fails; the
steps are in ``language``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[Any], Any]

MAX_CUTS = 8
MAX_CUT_CHARACTERS = 2000
"""Of the steps that take a text out of its prompt: how many, and how long each."""


class UnusableError(Exception):
    """A step finds nothing in what it reads: the answer is no label, the text does not match."""


class StepError(ValueError):
    """A step is written wrongly. The fact is read after the step as written, and never quotes it."""

    def __init__(self, fact: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(f"{fact}: {detail}" if detail else fact)
        self.fact, self.detail, self.hint = fact, detail, hint


class ToolCall(dict[str, Any]):
    """The arguments of a call that the teacher answered with, which know the name of the tool.

    Examples
    --------
    >>> ToolCall("classify", {"intent": "refund"}).tool
    'classify'
    """

    def __init__(self, tool: str, arguments: Mapping[str, Any]) -> None:
        super().__init__(arguments)
        self.tool = tool
