"""``/v1/route`` and ``/v1/route_batch``: decisions alone, on texts or vectors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from tracer_spec.errors import DimensionError
from tracer_spec.production.gateway import ID_HEADER
from tracer_spec.runtime import Decision

from tracer_spec_serve.body import Body, ClientLeftError
from tracer_spec_serve.live import Live, Served
from tracer_spec_serve.metrics import Metrics
from tracer_spec_serve.problems import RequestError, response_of

REVOKED = "refuted"
# what the connection that is gone never carries
_TO_NOBODY = Response(status_code=400)
_ONE, _MANY = ("input", "embedding"), ("inputs", "embeddings")


class Decide:
    """Answers with decisions, as ``tracer-spec route`` prints them; nothing of it is logged or audited."""

    def __init__(self, live: Live, metrics: Metrics) -> None:
        self._live, self._metrics = live, metrics

    async def one(self, request: Request) -> Response:
        """Decide on ``{"input": TEXT}`` or ``{"embedding": [...]}``."""
        try:
            served, query = await self._read(request, _ONE)
            decision = await _decided(served.router.aroute(query))
        except RequestError as error:
            return response_of(error)
        except ClientLeftError:
            return _TO_NOBODY
        return self._answer(served, self._document(served, decision))

    async def many(self, request: Request) -> Response:
        """Decide on ``{"inputs": [TEXT, ...]}`` or ``{"embeddings": [[...], ...]}``."""
        try:
            served, queries = await self._read(request, _MANY)
            batch = await _decided(asyncio.to_thread(served.router.route_batch, queries))
        except RequestError as error:
            return response_of(error)
        except ClientLeftError:
            return _TO_NOBODY
        return self._answer(served, {"decisions": [self._document(served, each) for each in batch]})

    async def _read(self, request: Request, keys: tuple[str, str]) -> tuple[Served, Any]:
        """Return the router that is asked, and what it is asked."""
        settings = self._live.settings
        body = await Body(request.receive).read(settings.max_body_bytes, settings.body_timeout_s)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise _bad("the body is not JSON") from None
        given = [key for key in keys if isinstance(document, dict) and document.get(key) is not None]
        if len(given) != 1:
            raise _bad(f"the body is an object with '{keys[0]}' or '{keys[1]}'")
        _check(document[given[0]], given[0])
        return self._named(document.get("router"), request.headers.get(ID_HEADER)), document[given[0]]

    def _named(self, name: Any, request_id: str | None) -> Served:
        """Return the router of a name; the only one needs none. Where a canary is released it decides its share."""
        serving = self._live.now
        if name is None and len(serving) == 1:
            return serving[0].of(request_id)
        for each in serving:
            if each.current.router.name == name:
                return each.of(request_id)
        names = ", ".join(f"'{each.current.router.name}'" for each in serving)
        raise _bad(f"'router' names one of {names}" if names else "this server has no bundle")

    def _document(self, served: Served, decision: Decision) -> dict[str, Any]:
        """Return a decision as JSON values; deferred where the router's claim is refuted and it may not answer."""
        if decision.handled and served.is_revoked:
            document = decision.to_dict() | {"label": None, "handled": False, "stage": None, "reason": REVOKED}
        else:
            document = decision.to_dict()
        handled = "true" if document["handled"] else "false"
        router = served.router
        self._metrics.decisions[router.name, router.version, handled, document["reason"]] += 1
        return document

    @staticmethod
    def _answer(served: Served, document: dict[str, Any]) -> Response:
        body = json.dumps({"schema_version": 1, **document})
        return Response(body, headers={"x-tracer-version": served.router.version}, media_type="application/json")


async def _decided(deciding: Any) -> Any:
    """Await a decision; what is wrong with the query is the client's to know."""
    try:
        return await deciding
    except (TypeError, DimensionError) as error:
        raise _bad(error.problems[0].what if isinstance(error, DimensionError) else str(error)) from None


_KINDS = {"input": "a string", "embedding": "a list of numbers", "inputs": "strings", "embeddings": "lists of numbers"}


def _check(value: Any, key: str) -> None:
    """Refuse what no router takes: a value of another kind, NaN, half of a surrogate pair."""
    values = value if key in _MANY and isinstance(value, list) else [value]
    kind = str if key in ("input", "inputs") else list
    if (key in _MANY and not isinstance(value, list)) or not all(isinstance(each, kind) for each in values):
        raise _bad(f"'{key}' is not {'a list of ' if key in _MANY else ''}{_KINDS[key]}")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise _bad(f"'{key}' holds NaN, Infinity, or half of a surrogate pair") from None


def _bad(message: str) -> RequestError:
    return RequestError(400, message, "invalid_request")
