"""Requests that were counted, by their ids, so that one that is made again counts once."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Final

N_AUDITED: Final = 1 << 15
"""Audited requests that are remembered: what refutes a claim."""
N_OTHERS: Final = 1 << 13
"""Other requests that are remembered."""
N_DAYS: Final = 7
"""Days for which a request is remembered."""
NEW, REPEATED, ANSWERED, AUDITED = "new", "repeated", "answered", "audited"
"""What a row is: of a new request; of a known one; its first answer; its first answer, all of its rows being audited."""

_DONE, _OPEN, _OPEN_AUDITED = 0, 1, 2
_BYTES = 8
_NAMES = {_OPEN: "open", _OPEN_AUDITED: "open_audited"}


class Events:
    """The latest requests that were counted, as digests of their ids.

    Notes
    -----
    A request is forgotten once :data:`N_DAYS` days are read after it, or :data:`N_AUDITED` audited requests, :data:`N_OTHERS`
    where it is not audited. If it comes again then, it counts again. What neither an id nor a time tells is a request of its
    own.

    Examples
    --------
    >>> events = Events()
    >>> events.meet("r1", 1, is_audited=True, is_answered=False), events.meet("r2", 1, is_audited=False, is_answered=True)
    ('new', 'new')
    >>> events.meet("r1", 1, is_audited=True, is_answered=True), events.meet("r1", 1, is_audited=True, is_answered=True)
    ('audited', 'repeated')
    """

    def __init__(self) -> None:
        self._audited: _Latest = OrderedDict()
        self._others: _Latest = OrderedDict()
        self._day = 1

    def __bool__(self) -> bool:
        return bool(self._audited or self._others)

    def __deepcopy__(self, _: Any) -> Events:
        copied = Events()
        copied._audited, copied._others, copied._day = self._audited.copy(), self._others.copy(), self._day
        return copied

    def meet(self, event: Any, day: int, *, is_audited: bool, is_answered: bool) -> str:
        """Take a row, and return what it is.

        Parameters
        ----------
        event : object
            The request's id, as the line has it.
        day : int
            Of the row, as ``date.toordinal`` counts them; 0 where it has no time.
        is_audited, is_answered : bool
            Whether the coin chose the row for the teacher, and whether anybody answered.
        """
        key = _key_of(event)
        if key is None:
            return NEW
        if day > self._day:
            self._day = day
            self._forget_old()
        latest = self._audited if key in self._audited else self._others
        if key not in latest:
            self._put(key, _DONE if is_answered else _OPEN_AUDITED if is_audited else _OPEN, is_audited=is_audited)
            return NEW
        since, status = latest[key]
        if status == _OPEN_AUDITED and not is_audited:
            status = _OPEN  # chance did not choose each of its rows
        latest[key] = since, _DONE if is_answered else status
        if status == _DONE or not is_answered:
            return REPEATED
        return AUDITED if status == _OPEN_AUDITED else ANSWERED

    def _put(self, key: bytes, status: int, *, is_audited: bool) -> None:
        """Remember a request, and forget the first where they are too many."""
        latest, most = (self._audited, N_AUDITED) if is_audited else (self._others, N_OTHERS)
        latest[key] = self._day, status
        if len(latest) > most:
            latest.popitem(last=False)

    def _forget_old(self) -> None:
        for latest in (self._audited, self._others):
            while latest and _first_day(latest) <= self._day - N_DAYS:
                latest.popitem(last=False)

    def document(self) -> dict[str, Any]:
        """Return them as JSON values: digests by day, and those among them that nobody has answered yet."""
        whole = {**self._audited, **self._others}
        return {
            "audited": _by_day(self._audited),
            "others": _by_day(self._others),
            **{
                name: _written(key for key, (_, each) in whole.items() if each == status)
                for status, name in _NAMES.items()
            },
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Events:
        """Return what a document tells; raise ValueError where it tells nothing of the kind."""
        events = cls()
        status = {key: status for status, name in _NAMES.items() for key in _read(document[name])}
        for latest, written in ((events._audited, document["audited"]), (events._others, document["others"])):
            for day, keys in sorted((int(day), keys) for day, keys in written.items()):
                latest |= {key: (day, status.get(key, _DONE)) for key in _read(keys)}
                events._day = max(events._day, day)
        return events


def event_of(record: Mapping[str, Any], *, has_time: bool) -> Any:
    """Return what tells a request apart: its id, else its whole line, where that has a time.

    Examples
    --------
    >>> event_of({"id": "r1"}, has_time=True), event_of({"time": "2026-03-01"}, has_time=True), event_of({}, has_time=False)
    ('r1', '{"time": "2026-03-01"}', None)
    """
    event = record.get("id")
    return json.dumps(record, sort_keys=True) if has_time and not has_id(record) else event


def has_id(record: Mapping[str, Any]) -> bool:
    """Return whether a line has an id."""
    return _is_id(record.get("id"))


# a plain dict looks for its first key past all that were taken out before it
_Latest = OrderedDict[bytes, tuple[int, int]]


def _key_of(event: Any) -> bytes | None:
    """Return the digest of an id, as a build tells ids apart; None where it is none."""
    if not _is_id(event):
        return None
    return hashlib.blake2b(str(event).encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


def _is_id(event: Any) -> bool:
    return type(event) is int or (isinstance(event, str) and bool(event) and not event.isspace())


def _first_day(latest: _Latest) -> int:
    return next(iter(latest.values()))[0]


def _by_day(latest: _Latest) -> dict[str, str]:
    days: dict[int, list[bytes]] = {}
    for key, (day, _) in latest.items():
        days.setdefault(day, []).append(key)
    return {str(day): _written(iter(keys)) for day, keys in days.items()}


def _written(keys: Iterator[bytes]) -> str:
    return b64encode(b"".join(keys)).decode()


def _read(written: str) -> Iterator[bytes]:
    data = b64decode(written, validate=True)
    if len(data) % _BYTES:
        raise ValueError(f"{len(data)} bytes are no digests of ids")
    return (data[at : at + _BYTES] for at in range(0, len(data), _BYTES))
