"""Sends requests to an endpoint, with retries and one deadline."""

from __future__ import annotations

import email.utils
import json
import os
import random
import time
import weakref
from dataclasses import dataclass, field
from typing import Any

import httpx
from tracer_spec.errors import PluginError

from tracer_spec_openai.options import DEFAULT_URL, URL_VARIABLE, OpenAIOptions, fault_of_address

# the request may succeed if it is sent again, unchanged
_WORTH_RETRYING = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
# a quota that is used up comes back as 429 too
_HOPELESS_CODES = frozenset(("insufficient_quota", "billing_hard_limit_reached"))
_LONGEST_WAIT_S = 30.0
_ANSWER_BYTES_PER_TEXT = 4 << 20
_QUOTED_CHARACTERS = 200


class _Failed(Exception):  # noqa: N818 - it never leaves this module
    """One try failed in a way that another may not."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class Client:
    """Connections to one endpoint, kept open between calls.

    Parameters
    ----------
    options : OpenAIOptions
    """

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._http = httpx.Client()
        weakref.finalize(self, self._http.close)

    def begin(self) -> Call:
        """Return a call, whose deadline starts now; key and address are read from the environment.

        Raises
        ------
        PluginError
            Where the key is missing, or the key or the address could not be used as it is.
        """
        headers = {"content-type": "application/json", "accept": "application/json"}
        key = self._key()
        if key:
            headers["authorization"] = f"Bearer {key}"
        address = f"{self._base_url().rstrip('/')}/embeddings"
        return Call(self._http, self._options, address, headers, time.monotonic() + self._options.deadline_s)

    def _base_url(self) -> str:
        if self._options.base_url is not None:
            return self._options.base_url
        address = os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL
        wrong = fault_of_address(address)
        if wrong:
            raise PluginError(
                f"the environment variable {URL_VARIABLE} {wrong}",
                address="embedder.with.base_url",
                hint="set it again",
            )
        return address

    def _key(self) -> str:
        name = self._options.api_key_env
        if name is None:
            return ""
        key = os.environ.get(name, "").strip()
        if not key:
            raise PluginError(
                f"the environment variable {name}, which holds the endpoint's key, is not set",
                address="embedder.with.api_key_env",
                hint=f"set {name}, or say api_key_env: null where the endpoint needs no key",
            )
        # a library that refuses a header may quote it
        if not all("!" <= character <= "~" for character in key):
            raise PluginError(
                f"the environment variable {name} holds characters that no key has (its value is not shown)",
                address="embedder.with.api_key_env",
                hint="set it again, without line breaks or quotes",
            )
        return key


@dataclass(frozen=True, slots=True)
class Call:
    """The requests of one call of ``embed``, which share a deadline."""

    http: httpx.Client = field(repr=False)
    options: OpenAIOptions
    address: str
    headers: dict[str, str] = field(repr=False)
    deadline: float

    def post(self, body: dict[str, Any]) -> Any:
        """Return the parsed answer to one request.

        Raises
        ------
        PluginError
            Where the endpoint refuses, or there are no tries or no time left.
        """
        content = json.dumps(body).encode()
        limit = _ANSWER_BYTES_PER_TEXT * len(body["input"])
        for attempt in range(1, self.options.attempts + 1):
            try:
                return self._try(content, limit)
            except _Failed as failure:
                if attempt == self.options.attempts:
                    raise self._given_up(str(failure), f"after {attempt} tries") from None
                self._wait(failure, attempt)
        raise AssertionError("attempts is at least 1")

    def _try(self, content: bytes, limit: int) -> Any:
        """Send a request once."""
        ends = min(self.deadline, time.monotonic() + self.options.timeout_s)
        try:
            # timeouts bound each read, not their sum: a server that drips is bounded by the clock
            with self.http.stream(
                "POST",
                self.address,
                content=content,
                headers=self.headers,
                timeout=max(ends - time.monotonic(), 0.001),
            ) as response:
                answer = bytearray()
                for chunk in response.iter_bytes():
                    answer += chunk
                    if time.monotonic() > ends:
                        raise _Failed(f"no whole answer within {self.options.timeout_s:g} s")
                    if len(answer) > limit:
                        raise PluginError(
                            f"the endpoint's answer is longer than {limit:,} bytes", hint="lower batch_texts"
                        )
        except httpx.TimeoutException:
            raise _Failed(f"no answer within {self.options.timeout_s:g} s") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise self._given_up("its address cannot be called", "") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            # the type says enough, and never quotes a header
            raise _Failed(f"the connection failed ({type(error).__name__})") from None
        return self._read(response, bytes(answer))

    def _read(self, response: httpx.Response, answer: bytes) -> Any:
        """Return the JSON of a good answer; tell a passing fault from a refusal."""
        status = response.status_code
        try:
            parsed = json.loads(answer)
        except (ValueError, RecursionError):
            parsed = None
        if status == 200:
            if parsed is None:
                raise _Failed(f"the answer is not JSON ({len(answer)} bytes)")
            return parsed
        said, code = _error_of(parsed)
        if status in _WORTH_RETRYING and code not in _HOPELESS_CODES:
            raise _Failed(
                f"status {status}{self._quoted(said)}", _retry_after_s(response.headers.get("retry-after", ""))
            )
        if status in (401, 403):
            # what is said here may quote a part of the key
            name = self.options.api_key_env
            hint = f"check the key in {name}" if name else "name the variable that holds the key in api_key_env"
            raise PluginError(f"the endpoint refuses the key: status {status}", address="embedder.with", hint=hint)
        hint = "check base_url and model" if status in (301, 302, 307, 308, 404, 405) else ""
        raise PluginError(
            f"the endpoint refuses: status {status}{self._quoted(said)}", address="embedder.with", hint=hint
        )

    def _wait(self, failure: _Failed, attempt: int) -> None:
        """Wait before the next try: as long as the endpoint asks, and a random while, so that clients spread out."""
        longest = min(self.options.backoff_s * 2 ** (attempt - 1), _LONGEST_WAIT_S)
        wait_s = failure.wait_s + random.uniform(0, longest)  # noqa: S311 - spreading out needs no secrecy
        if time.monotonic() + wait_s >= self.deadline:
            asked = f"; it asks to wait {failure.wait_s:g} s" if failure.wait_s else ""
            raise self._given_up(f"{failure}{asked}", f"within deadline_s, {self.options.deadline_s:g} s")
        time.sleep(wait_s)

    def _given_up(self, what: str, how: str) -> PluginError:
        return PluginError(
            f"the endpoint gave no embeddings{f' {how}' if how else ''}: {what}",
            address="embedder.with",
            hint="check that base_url answers; raise attempts, timeout_s or deadline_s",
        )

    def _quoted(self, said: str) -> str:
        """Return what the endpoint said, on one line, cut short, without the key."""
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        plain = " ".join(said.split())
        plain = plain.replace(key, "***") if key else plain
        return f", {plain[:_QUOTED_CHARACTERS]!r}" if plain else ""


def _error_of(parsed: Any) -> tuple[str, str]:
    """Return the message and the code of an error, as OpenAI and those who follow it write them."""
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else None
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, dict):
        return "", ""
    said = error.get("message") or error.get("detail") or ""
    return str(said), str(error.get("code") or "")


def _retry_after_s(header: str) -> float:
    """Return the seconds that a Retry-After asks for, given in seconds or as a date; 0 where it says nothing."""
    try:
        return max(0.0, min(float(header), 1e9))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
