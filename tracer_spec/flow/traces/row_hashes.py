"""Salted hashes of a build's rows, by which a verification leaves them out; no text can be read from them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import BundleError
from tracer_spec.flow.traces.event_ids import id_in_its_source
from tracer_spec.flow.traces.near_copies import folded, has_near_copies, spellings
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin import Mask
from tracer_spec.runtime.archive import ROWS

# a row's content is hashed under another name where an id tells it from other rows of that content
_EVENT, _CONTENT, _CONTENT_OF_EVENT, _GROUP = b"event", b"content", b"content of event", b"group"
_NOT_CONTENT = b"row\0"
_HASH = np.dtype("<u8")


def row_hashes(traces: TraceSet) -> bytes:
    """Return the member ``rows.hashes``: a sorted array of distinct little-endian uint64.

    Parameters
    ----------
    traces : TraceSet
        Every trace that the build kept, on whichever side of the split; its digest is the salt.

    Notes
    -----
    Per row: its content (the text, else the vector), and, where it has an id, the id with the content. An id alone would
    not do: numbered rows of two files share ids, and are not the same events. Per group under a grouped split: its key.
    Where a content is spelt in two ways, several loggers wrote the log, and the same is there of each content folded.
    """
    salt = bytes.fromhex(traces.digest)
    hashes = set()
    has_several_loggers = has_near_copies(traces.contents())
    for event, group, content in _keys(traces):
        for spelt in {content, folded(content)} if has_several_loggers else {content}:
            if not spelt:
                continue
            hashes.add(_hash(salt, _CONTENT if event is None else _CONTENT_OF_EVENT, spelt))
            if event is not None:
                hashes.add(_hash(salt, _EVENT, event + b"\0" + spelt))
        if group is not None:
            hashes.add(_hash(salt, _GROUP, group))
    return np.array(sorted(hashes), _HASH).tobytes()


@dataclass(frozen=True, slots=True)
class Sighting:
    """Which of some traces a build has seen. A row counts in the first of these that it fits.

    Parameters
    ----------
    event : ndarray of shape (n,), bool
        The same event: id and content are those of a row of the build.
    group : ndarray of shape (n,), bool
        A row of a group that the build had rows of.
    content : ndarray of shape (n,), bool
        The content of a row of the build, and no ids to tell whether it is that row or a request made again.
    repeat : ndarray of shape (n,), bool
        The content of a row of the build, and ids say that it is another event: fresh traffic like any other.
    """

    event: Mask
    group: Mask
    content: Mask
    repeat: Mask


@dataclass(frozen=True, slots=True, eq=False)
class KnownRows:
    """The hashes of a bundle, read back.

    Parameters
    ----------
    hashes : ndarray of shape (m,), uint64
        Strictly ascending.
    salt : bytes
        The digest of the traces.
    """

    hashes: NDArray[np.uint64] = field(repr=False)
    salt: bytes

    @classmethod
    def read(cls, members: Mapping[str, bytes], provenance: Mapping[str, Any]) -> KnownRows | None:
        """Return what a bundle knows, None where it does not say.

        Raises
        ------
        BundleError
            Where the member is no such array, or the manifest has no salt for it.
        """
        data = members.get(ROWS)
        if data is None:
            return None
        traces = provenance.get("traces")
        digest = traces.get("digest") if isinstance(traces, dict) else None
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise _refusal("cannot be used: provenance.traces.digest of bundle.json is not a sha256")
        if len(data) % _HASH.itemsize:
            raise _refusal(f"has {len(data)} bytes, which is not a whole number of 64-bit hashes")
        hashes = np.frombuffer(data, _HASH).astype(np.uint64)
        if not (hashes[:-1] < hashes[1:]).all():
            raise _refusal("is not sorted")
        return cls(hashes, bytes.fromhex(digest))

    def find(self, traces: TraceSet) -> Sighting:
        """Say which traces the build has seen."""
        known = {kind: np.zeros(len(traces), bool) for kind in (_EVENT, _CONTENT, _CONTENT_OF_EVENT, _GROUP)}
        for rows, kind, asked in self._asked(traces):
            known[kind][rows[np.isin(asked, self.hashes)]] = True
        same, grouped = known[_EVENT], known[_GROUP] & ~known[_EVENT]
        has_id = np.array([each is not None for each in traces.ids], bool)
        unclear = (known[_CONTENT] | (known[_CONTENT_OF_EVENT] & ~has_id)) & ~same & ~grouped
        repeat = known[_CONTENT_OF_EVENT] & ~same & ~grouped & ~unclear
        return Sighting(event=same, group=grouped, content=unclear, repeat=repeat)

    def _asked(self, traces: TraceSet) -> Iterator[tuple[NDArray[np.int64], bytes, NDArray[np.uint64]]]:
        """Yield, for each kind of key, the rows that have some and their hashes; a content is asked for in each spelling."""
        asked = defaultdict[bytes, tuple[list[int], list[int]]](lambda: ([], []))
        for row, (event, group, content) in enumerate(_keys(traces)):
            keys = [(_GROUP, group)] if group is not None else []
            for spelt in spellings(content) if content else ():
                keys += [(_CONTENT, spelt), (_CONTENT_OF_EVENT, spelt)]
                keys += [(_EVENT, event + b"\0" + spelt)] if event is not None else []
            for kind, key in keys:
                asked[kind][0].append(row)
                asked[kind][1].append(_hash(self.salt, kind, key))
        for kind, (rows, hashes) in asked.items():
            yield np.array(rows, np.int64), kind, np.array(hashes, np.uint64)


def _keys(traces: TraceSet) -> Iterator[tuple[bytes | None, bytes | None, bytes]]:
    """Yield each row's id, group and content; the content is empty where all that is known of it is its position."""
    for event, group, content in zip(traces.ids, traces.groups, traces.contents(), strict=True):
        is_content = not content.startswith(_NOT_CONTENT)
        own = id_in_its_source(event, content) if event is not None and "@" in event else event
        yield _bytes(own), _bytes(group), content if is_content else b""


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _hash(salt: bytes, kind: bytes, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(kind + b"\0" + key, digest_size=8, key=salt).digest(), "little")


def _refusal(what: str) -> BundleError:
    return BundleError(what, address=ROWS, hint="fetch the bundle again, or build it again with 'tracer-spec build'")
