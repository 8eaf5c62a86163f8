"""What a server is told at its start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from tracer_spec.errors import UsageError

from tracer_spec_serve.upstream import Address

WARN, DEFER = "warn", "defer"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a server.

    Parameters
    ----------
    bundles : tuple of str
        Files, in the order in which they are asked for a request's text. Without any, the server records.
    upstream : str or None
        The API's base. Without one the server decides, and passes nothing on.
    host, port : str, int
        Where it listens; port 0 takes a free one.
    mode, audit
        As in :func:`tracer_spec.deploy`.
    log : str or None
        The folder of the log of decisions.
    texts : bool
        Whether the log holds texts, or their sha256 alone.
    state : str or None
        The folder of what the monitor remembers; the log's own where it is None.
    on_refuted : str
        ``warn`` or ``defer``: what to do where a bundle's claim is refuted.
    sha256 : tuple of str
        Digests that the bundles must have, in their order; or none.
    embedder, embedder_options
        As in :func:`tracer_spec.load`.
    secret_env, api_key_env : str or None
        Environment variables: the secret of the coin, the key that requests must bring.
    max_body_bytes, max_concurrency : int
        The largest body that is read, and how many requests may be in flight.
    timeout_s, body_timeout_s, stop_s : float
        The longest silence of the upstream; the longest time that a client may take to send its body; how long requests in
        flight may take when the server is to stop.
    """

    bundles: tuple[str, ...] = ()
    upstream: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    mode: str = "live"
    audit: float = 0.02
    log: str | None = None
    texts: bool = True
    state: str | None = None
    on_refuted: str = WARN
    sha256: tuple[str, ...] = ()
    embedder: str | None = None
    embedder_options: Mapping[str, Any] = field(default_factory=dict)
    secret_env: str | None = None
    api_key_env: str | None = None
    max_body_bytes: int = 32 << 20
    max_concurrency: int = 4096
    timeout_s: float = 600.0
    body_timeout_s: float = 60.0
    stop_s: float = 25.0

    def __post_init__(self) -> None:
        if not self.bundles and self.upstream is None:
            raise UsageError(
                "there is nothing to serve", hint="name a bundle, or --upstream URL to record what it answers"
            )
        if not self.bundles and self.log is None:
            hint = "--log DIR records what the upstream answers: traces for a first bundle"
            raise UsageError("without a bundle and without --log nothing would come of the requests", hint=hint)
        if self.sha256 and len(self.sha256) != len(self.bundles):
            what = f"--sha256 is given {len(self.sha256)} times, for {len(self.bundles)} bundles"
            raise UsageError(what, hint="give one for each bundle, in their order, or none")
        if self.on_refuted == DEFER and self.log is None:
            raise UsageError("--on-refuted defer needs --log DIR", hint="the claim is measured on the log of decisions")
        if self.state is not None and self.log is None:
            raise UsageError("--state needs --log DIR", hint="it remembers what was measured on the log of decisions")

    @property
    def address(self) -> Address | None:
        """Return where the API is, None without one; raise :class:`UsageError` where that is no address."""
        return None if self.upstream is None else Address.of(self.upstream)

    @property
    def secret(self) -> bytes | None:
        """Return the coin's secret, from the environment."""
        found = _from_environment(self.secret_env, "--secret-env")
        return None if found is None else found.encode("utf-8", "surrogateescape")

    @property
    def api_key(self) -> str | None:
        """Return the key that requests must bring, from the environment."""
        return _from_environment(self.api_key_env, "--api-key-env")

    @property
    def is_public(self) -> bool:
        """Return whether others than this machine can reach the server."""
        if self.host == "localhost":
            return False
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return True


def _from_environment(name: str | None, option: str) -> str | None:
    if name is None:
        return None
    found = os.environ.get(name, "")
    if not found:
        raise UsageError(f"{option}: the environment variable {name} is not set, or empty")
    return found
