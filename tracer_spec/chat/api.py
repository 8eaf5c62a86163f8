"""What a chat API is to a router: a request as it asks, and an answer as it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from tracer_spec.text_steps import ToolCall

Answer: TypeAlias = str | ToolCall
"""A text, or the call of a tool."""

ROUTERS_MODEL = "tracer/"
"""What the model of a router's own answer begins with, so that whoever logs it can tell it from the teacher's."""


class Tool(NamedTuple):
    """A tool that a request offers, and the JSON Schema of its arguments."""

    name: str
    schema: Any


@dataclass(frozen=True, slots=True)
class Request:
    """What a request asks for, as far as an answer must know.

    Parameters
    ----------
    text : str or None
        The last message of the user; None where there is none.
    foreign : str
        Why no label can answer it, such as ``n > 1``; empty where one may.
    is_single_turn : bool
        Whether nobody but the system speaks before the user, and the user once.
    is_streamed, wants_usage : bool
        Whether the answer comes in events, and whether the last of them tells the usage.
    schema : object
        The JSON Schema that the answer's text must follow; None where it may be any text.
    tools : tuple of Tool
        Those that an answer may call.
    must_call : bool
        Whether the answer must call one of them.
    """

    text: str | None = None
    foreign: str = ""
    is_single_turn: bool = True
    is_streamed: bool = False
    wants_usage: bool = False
    schema: Any = None
    tools: tuple[Tool, ...] = ()
    must_call: bool = False


class Stamp(NamedTuple):
    """What an answer says of itself: its id in hexadecimal digits, seconds since 1970, who answered."""

    id: str
    created: int
    model: str


@dataclass(frozen=True, slots=True)
class Api:
    """One API: its name, the end of its path, and how its bodies are read and written.

    Parameters
    ----------
    read : callable
        ``read(body)`` gives the :class:`Request` of an object.
    write : callable
        ``write(answer, stamp)`` gives the body of a response.
    events : callable
        ``events(answer, stamp, wants_usage)`` yields the same as server-sent events.
    join : callable
        ``join(data)`` gives the body that the data of such events add up to; None where they were broken off.
    """

    name: str
    path: str
    read: Callable[[Mapping[str, Any]], Request]
    write: Callable[[Answer, Stamp], dict[str, Any]]
    events: Callable[[Answer, Stamp, bool], Iterator[bytes]]
    join: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any] | None]
