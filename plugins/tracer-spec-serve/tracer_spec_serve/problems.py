"""Errors as OpenAI's clients read them: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response


class RequestError(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        Of HTTP, 400 or more.
    message : str
        What is wrong, and what to do about it.
    code : str
        A word for programs.
    """

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code

    @property
    def is_upstreams(self) -> bool:
        """Return whether the upstream failed, and not the request."""
        return self.code.startswith("upstream_")


def problem(status: int, message: str, code: str, **headers: str) -> Response:
    """Return an error as a response; underscores in the names of headers are hyphens."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps({"error": error}), status, named, "application/json")


def response_of(error: RequestError, own: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Return the response that an error is answered with, with some headers beside those of its own."""
    response = problem(error.status, error.message, error.code)
    response.raw_headers.extend(own)
    return response
