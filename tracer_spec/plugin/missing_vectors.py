"""Traces without a vector: how a reader of vectors tells which they are, and by what a file of vectors knows a text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

# what to do where some have none
REMEDY = "'tracer-spec plan SPEC --missing FILE' lists them with their texts: embed those, and add their vectors"


def text_digest(text: str) -> str:
    """Return what a file of vectors may know a text by: its sha256 in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@runtime_checkable
class TellsMissing(Protocol):
    """A reader of vectors that ``plan``, and a build before it trains, can ask what it lacks."""

    def missing(
        self, rows: Sequence[int], ids: Sequence[str | None], vectors: Sequence[Any], texts: Sequence[str]
    ) -> Sequence[int]:
        """Return the positions among these traces, n of them, of those that have no vector: in [0, n), ascending.

        It takes what ``read`` takes, and raises where ``read`` would raise of anything else. It holds few vectors at a time.
        """
        ...


@runtime_checkable
class ChecksCount(Protocol):
    """A reader whose vectors may be known by their order alone: one vector too many, or too few, moves all after it."""

    def check_count(self, n_read: int) -> None:
        """Raise DataError where they are known by their order, and are not as many as the traces read, kept or not."""
        ...
