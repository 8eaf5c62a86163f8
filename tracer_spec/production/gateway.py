"""Routers in front of an API, whatever carries the bytes: requests are told apart, answered or passed on, and logged.

A server or a client's transport gives each request to :meth:`Gateway.begin`, and gets a :class:`Visit`: either a
reply to send, or an :class:`~tracer_spec.production.observed.Observed` to feed with the response that the API gave.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from tracer_spec.chat.api import ROUTERS_MODEL, Stamp
from tracer_spec.chat.apis import api_of
from tracer_spec.errors import UsageError
from tracer_spec.production.cases import NOBODY, ROUTER, TEACHER, Case, Cases, Log, coin_of, moment
from tracer_spec.production.exchange import Exchange, Question
from tracer_spec.production.observed import Observation, Observed
from tracer_spec.production.released import Released, Versions
from tracer_spec.runtime import Router

HANDLED, DEFERRED, AUDITED, PASSTHROUGH = "handled", "deferred", "audited", "passthrough"
OFF_HEADER, ID_HEADER = "x-tracer", "x-request-id"
_OUTCOME, _VERSION, _OVERHEAD = "x-tracer-outcome", "x-tracer-version", "x-tracer-overhead-us"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the router's own: status 200, headers, and the body in pieces, one for each event of a stream."""

    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """What becomes of a request.

    Parameters
    ----------
    outcome : str
        ``handled``, ``deferred``, ``audited``, or ``passthrough`` where it is no router's.
    headers : mapping of str to str
        What the response says of it, whoever answers.
    router : Router or None
    case : Case or None
        What was decided; None where it is no router's.
    reply : Reply or None
        What to send; None where the API is to be asked.
    observed : Observed or None
        To be fed with the API's response, and ended however that ends; None where nobody wants to know.
    """

    outcome: str
    headers: Mapping[str, str]
    router: Router | None = None
    case: Case | None = None
    reply: Reply | None = None
    observed: Observed | None = None


_Desk: TypeAlias = tuple[Exchange, Cases]

_PASSED = Visit(PASSTHROUGH, {_OUTCOME: PASSTHROUGH})


class Gateway:
    """Routers in front of an API; without any, the chats that pass are logged.

    Parameters
    ----------
    routers : iterable of Router or Released
        The first whose text is found in a request takes it. Where a canary is released, its router decides its share.
    log : Log or None
        Takes a line of ``schemas/decision.v1.json`` for each request of a router's; without routers, each chat with its
        answer, as the format ``chat`` reads it.
    audit, mode, secret, texts
        As in :func:`tracer_spec.deploy`.

    Raises
    ------
    BundleError, UsageError
        As :class:`~tracer_spec.production.exchange.Exchange` and :func:`tracer_spec.deploy`; and for ``texts=False`` where
        whole chats are logged.

    Notes
    -----
    It starts no thread and holds no connection, so that it can be replaced while requests are on their way: each ends where
    it began.
    """

    def __init__(
        self,
        routers: Iterable[Router | Released],
        *,
        log: Log | None = None,
        audit: float = 0.02,
        mode: str = "live",
        secret: bytes | None = None,
        texts: bool = True,
    ) -> None:
        coin_of(mode, audit, secret)  # a mode that does not exist is refused, whatever is released
        released = [each if isinstance(each, Released) else Released(each) for each in routers]
        self.routers = tuple(each.router for each in released)
        if not released and log is not None and not texts:
            raise UsageError("without a bundle the log holds whole chats, and texts are not to be logged")
        self._log = log

        def desks(each: Released) -> Versions[_Desk]:
            own = each.mode(mode)
            coin = coin_of(own, audit, secret)

            def desk(router: Router) -> _Desk:
                return Exchange(router), Cases(router, log=log, coin=coin, mode=own, texts=texts)

            return each.versions(desk, secret)

        self._desks = [desks(each) for each in released]

    def begin(self, path: str, content: bytes, headers: Mapping[str, str], *, force_teacher: bool = False) -> Visit:
        """Decide on a request.

        Parameters
        ----------
        path : str
            Of its address; the query may be with it.
        content : bytes
            Its body.
        headers : mapping of str to str
            By names in small letters, or by any where the mapping does not care.
        force_teacher : bool
            Whether the teacher answers all requests, as one that says ``x-tracer: off``.
        """
        started = time.perf_counter_ns()
        found = self._find(path, content, headers)
        if isinstance(found, Visit):
            return found
        exchange, cases, question = found
        is_forced = force_teacher or _is_off(headers)
        case = cases.begin(question.text, headers.get(ID_HEADER), force_teacher=is_forced)
        return _visit(exchange, cases, question, case, started)

    async def abegin(
        self, path: str, content: bytes, headers: Mapping[str, str], *, force_teacher: bool = False
    ) -> Visit:
        """Decide on a request as :meth:`begin`, on the event loop."""
        started = time.perf_counter_ns()
        found = self._find(path, content, headers)
        if isinstance(found, Visit):
            return found
        exchange, cases, question = found
        is_forced = force_teacher or _is_off(headers)
        case = await cases.abegin(question.text, headers.get(ID_HEADER), force_teacher=is_forced)
        return _visit(exchange, cases, question, case, started)

    def wants(self, method: str, path: str) -> bool:
        """Return whether a request may be a chat, so that its body is worth waiting for."""
        return method.upper() == "POST" and api_of(path) is not None

    def _find(self, path: str, content: bytes, headers: Mapping[str, str]) -> tuple[Exchange, Cases, Question] | Visit:
        """Return whose request this is, and what it asks; a visit where it is nobody's."""
        api, body = api_of(path), _object(content)
        if api is None or body is None:
            return _PASSED
        for versions in self._desks:
            exchange, cases = versions.of(headers.get(ID_HEADER))
            question = exchange.question(api, body)
            if question is not None:
                return exchange, cases, question
        if self._desks or self._log is None:
            return _PASSED
        return Visit(
            PASSTHROUGH,
            _PASSED.headers,
            observed=Observed(api, _Recorded(self._log, body, headers, datetime.now(UTC)).end),
        )


def _visit(exchange: Exchange, cases: Cases, question: Question, case: Case, started: int) -> Visit:
    """Answer a case, or wait for the teacher's answer."""
    router = exchange.router
    label = case.decision.label if case.is_the_routers and case.decision is not None else None
    reply = None if label is None else _reply(exchange, question, label, case)
    outcome = AUDITED if case.audited else DEFERRED if reply is None else HANDLED
    overhead = str((time.perf_counter_ns() - started) // 1000)
    headers = {_OUTCOME: outcome, _VERSION: router.version, _OVERHEAD: overhead}
    if reply is not None:
        cases.end(case, ROUTER)
        return Visit(outcome, headers, router, case, Reply({**reply.headers, **headers}, reply.pieces))

    def end(seen: Observation) -> None:
        answer = seen.answer
        cases.end(case, NOBODY if answer is None else TEACHER, answer, seen.model)

    return Visit(outcome, headers, router, case, observed=Observed(question.api, end))


def _reply(exchange: Exchange, question: Question, label: str, case: Case) -> Reply | None:
    """Return the response that says a label, None where this request cannot be told it."""
    answer = exchange.answer(question, label)
    if answer is None:
        return None
    api, router = question.api, exchange.router
    stamp = Stamp(
        f"tracer{os.urandom(12).hex()}", int(case.time.timestamp()), f"{ROUTERS_MODEL}{router.name}@{router.version}"
    )
    if question.request.is_streamed:
        pieces = tuple(api.events(answer, stamp, question.request.wants_usage))
        return Reply({"content-type": "text/event-stream; charset=utf-8", ID_HEADER: case.id}, pieces)
    content = json.dumps(api.write(answer, stamp), separators=(",", ":")).encode()
    head = {"content-type": "application/json", "content-length": str(len(content)), ID_HEADER: case.id}
    return Reply(head, (content,))


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A chat that passes, for the log: what format ``chat`` reads."""

    log: Log
    request: Mapping[str, Any]
    headers: Mapping[str, str]
    time: datetime

    def end(self, seen: Observation) -> None:
        line = {"id": self.headers.get(ID_HEADER) or os.urandom(12).hex(), "time": moment(self.time)}
        answered = {"response": seen.body} if seen.body is not None else {"error": {"status": seen.status}}
        self.log.put(line | {"request": self.request} | answered)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _is_off(headers: Mapping[str, str]) -> bool:
    return (headers.get(OFF_HEADER) or "").strip().lower() == "off"
