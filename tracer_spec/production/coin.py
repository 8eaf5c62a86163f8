"""The coin of the audit: which requests the teacher answers whatever the router would say."""

from __future__ import annotations

import hmac
import os

_SPAN = 1 << 64


class Coin:
    """Chooses requests for the audit at a known rate, knowing neither text nor score.

    Parameters
    ----------
    rate : float
        The share of requests to audit, in [0, 1].
    secret : bytes or None
        With a secret, a request is chosen by a keyed digest of its id, so that a retry has the same fate and nobody without
        the secret can tell which ids are chosen. None draws from the system's randomness.
    purpose : bytes
        What it is drawn for: coins of one secret and several purposes are independent of each other.

    Raises
    ------
    ValueError
        Where the rate is not in [0, 1], or the secret is empty or not bytes.

    Notes
    -----
    The draw is independent of what is asked as long as ids are: an id that is made from the text, with a secret, gives equal
    texts one fate, and the audited rows are then a sample of texts, not of requests.
    """

    __slots__ = ("_bar", "_purpose", "_secret", "rate")

    def __init__(self, rate: float, secret: bytes | None = None, *, purpose: bytes = b"") -> None:
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"the audit rate must be between 0 and 1, got {rate!r}")
        if secret is not None and not isinstance(secret, bytes):
            raise ValueError(f"the secret of the audit must be bytes, not of type {type(secret).__name__}")
        if secret == b"":
            raise ValueError("the secret of the audit is empty")
        self.rate = float(rate)
        self._bar = round(rate * _SPAN)
        self._secret, self._purpose = secret, purpose

    def falls(self, request_id: str) -> bool:
        """Return whether this request is audited."""
        if self._secret is None:
            drawn = os.urandom(8)
        else:
            drawn = hmac.digest(self._secret, self._purpose + request_id.encode("utf-8", "surrogatepass"), "sha256")[:8]
        return int.from_bytes(drawn, "big") < self._bar
