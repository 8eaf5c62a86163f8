"""The API behind the server: where a request goes, and one session of connections to it."""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
from multidict import CIMultiDict
from tracer_spec.errors import UsageError
from yarl import URL

from tracer_spec_serve.problems import RequestError

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

CONNECT_SECONDS = 10.0
_VERSION = "/v1"
# of one connection, and not of the message that travels over it: RFC 9110, section 7.6.1
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# what the session writes itself, or what is between the client and this server
_OWN = frozenset((b"host", b"content-length", b"expect", b"x-tracer", b"x-tracer-key"))
_NEVER_ADDED = ("accept", "accept-encoding", "content-type", "user-agent")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where the API is.

    Parameters
    ----------
    shown : str
        Without user, password and query, which may hold secrets.
    base : str
        Scheme, host, port and path, without a ``/v1`` at its end.
    has_version : bool
        Whether that ``/v1`` was written.
    query : str
        What is added to every request's own.
    authorization : str
        From user and password, for requests that bring none; empty where there is no user.
    """

    shown: str
    base: str
    has_version: bool
    query: str
    authorization: str

    @classmethod
    def of(cls, written: str) -> Address:
        """Read an address as it is given to an OpenAI client.

        Raises
        ------
        UsageError
            Where it is not an address of http or https. What was written is not in the message.
        """
        try:
            written.encode()  # what the command line gives may be no UTF-8
            parts = urlsplit(written)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = SplitResult("", "", "", "", ""), None, None
        if parts.scheme not in ("http", "https") or not host or parts.fragment:
            hint = "the API's base as an OpenAI client writes it, such as https://api.openai.com/v1"
            raise UsageError("--upstream is not an address of http or https", hint=hint)
        place = f"[{host}]" if ":" in host else host
        if port is not None:
            place = f"{place}:{port}"
        path = parts.path.rstrip("/")
        base = f"{parts.scheme}://{place}{path.removesuffix(_VERSION)}"
        return cls(f"{parts.scheme}://{place}{path}", base, path.endswith(_VERSION), parts.query, _basic(parts))

    def url(self, path: str, query: str) -> URL:
        """Return where a request for a path goes: after the base's own path; a ``/v1`` that both have stands once.

        Examples
        --------
        >>> str(Address.of("https://api.example/v1").url("/v1/models", ""))
        'https://api.example/v1/models'
        >>> str(Address.of("https://api.example").url("/v1/models", "limit=2"))
        'https://api.example/v1/models?limit=2'
        >>> str(Address.of("https://api.example/v1").url("/models", ""))
        'https://api.example/v1/models'
        """
        names_version = path == _VERSION or path.startswith(f"{_VERSION}/")
        middle = _VERSION if self.has_version and not names_version else ""
        joined = "&".join(part for part in (self.query, query) if part)
        return URL(f"{self.base}{middle}{path}{'?' if joined else ''}{joined}", encoded=True)


def _basic(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


class Upstream:
    """One session to the API: bodies in and out as they are, compressed or not, and no redirect followed.

    Parameters
    ----------
    address : Address
    timeout_s : float
        The longest silence: until the answer begins, and between two pieces of it.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        self.address, self._timeout_s = address, timeout_s
        self._proxy = _proxy_of(address)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session; it belongs to the loop that runs."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=self._timeout_s),
            auto_decompress=False,
            skip_auto_headers=_NEVER_ADDED,
            max_line_size=1 << 16,
            max_field_size=1 << 16,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, path: str, query: str, headers: Headers, body: bytes | AsyncIterator[bytes] | None
    ) -> aiohttp.ClientResponse:
        """Send a request on and return the response, of which the headers are there and the body is not read.

        Raises
        ------
        RequestError
            502 where there is no connection, or none any more; 504 where the API is silent.
        """
        assert self._session is not None  # noqa: S101 - opened with the app
        try:
            return await self._session.request(
                method,
                self.address.url(path, query),
                headers=self._headers(headers, streams=not isinstance(body, bytes | None)),
                data=body,
                allow_redirects=False,
                proxy=self._proxy,
            )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise failed(error) from None

    def _headers(self, headers: Headers, *, streams: bool) -> CIMultiDict[str]:
        """Return what goes on of a request's headers; a body that is passed on piece by piece keeps its length."""
        kept = CIMultiDict((_text(name), _text(value)) for name, value in _end_to_end(headers) if name not in _OWN)
        if streams:
            kept.extend((_text(name), _text(value)) for name, value in headers if name == b"content-length")
        if self.address.authorization:
            kept.setdefault("authorization", self.address.authorization)
        return kept


def response_headers(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response that go on to the client; the server says the date itself."""
    raw = [(name.lower(), value) for name, value in response.raw_headers]
    return [(name, value) for name, value in _end_to_end(raw) if name != b"date"]


def failed(error: Exception) -> RequestError:
    """Return what a client is told of an API that cannot be asked, which quotes no address: it may hold a secret."""
    if isinstance(error, TimeoutError):
        return RequestError(504, "the upstream did not answer in time", "upstream_timeout")
    what = "the connection to the upstream broke"
    if isinstance(error, aiohttp.ClientConnectorError):
        what = "the upstream cannot be reached"
    return RequestError(502, f"{what} ({type(error).__name__})", "upstream_unreachable")


def _end_to_end(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers without those of the connection, and those that it names as its own."""
    listed = list(headers)
    named = {word.strip().lower() for name, value in listed if name == b"connection" for word in value.split(b",")}
    return [(name, value) for name, value in listed if name not in _HOP_BY_HOP and name not in named]


def _text(value: bytes) -> str:
    """Return a header as the session takes it, which writes UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _proxy_of(address: Address) -> str | None:
    """Return the proxy that the environment names for an address, as other clients find it."""
    parts = urlsplit(address.base)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)
