"""Ids of events that are unique across sources of traces, although each source numbers its own."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from tracer_spec.flow.traces.near_copies import folded

# two logs of one call write it within moments of each other
_MOMENTS_S = 60.0


@dataclass(slots=True)
class EventIds:
    """The ids of the events of all sources, with what tells whether two that are equal are one event.

    Parameters
    ----------
    n_shared : int
        Events whose id another event has.
    """

    n_shared: int = 0
    _events: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def tell_apart(self, event: str, content: bytes, time: float | None) -> str | None:
        """Return the id of an event among those of earlier sources; None where one of them has the event."""
        said = _digest(folded(content)), math.nan if time is None else time
        if event not in self._events:
            self._events[event] = said
            return event
        if _is_one_event(said, self._events[event]):
            return None
        own = own_id(event, content)
        if own in self._events:
            return None
        self.n_shared += 1
        self._events[own] = said
        return own


def _is_one_event(one: tuple[bytes, float], other: tuple[bytes, float]) -> bool:
    """Return whether two rows of one id have the same content, or are close in time."""
    return one[0] == other[0] or abs(one[1] - other[1]) <= _MOMENTS_S


def own_id(event: str, content: bytes) -> str:
    """Return an id for an event whose id another has: by what it is about, whichever sources stand before it.

    Examples
    --------
    >>> own_id("7", b"where is it?")
    '7@918c8deac168c2a5'
    """
    return f"{event}@{_digest(content).hex()}"


def id_in_its_source(event: str, content: bytes) -> str:
    """Return the id that an event has in its source: that of :func:`own_id` without its end."""
    bare = event.rpartition("@")[0]
    return bare if bare and own_id(bare, content) == event else event


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
