"""Near-copies of one content: what two loggers write of one text, who trim it, escape it, or change its case."""

from __future__ import annotations

import hashlib
import html
import json
import unicodedata
from collections.abc import Iterable, Iterator

TEXT = b"text\0"
# punctuation, separators, control and format characters
_EDGES = "PZC"


def folded(content: bytes) -> bytes:
    r"""Return bytes that are equal for near-copies of one content, and those of the content where it is no text.

    Parameters
    ----------
    content : bytes
        Of :meth:`TraceSet.contents`.

    Notes
    -----
    A text is taken as JSON and HTML show it (``I&#39;m`` is ``I'm``), in Unicode's form NFKC, casefolded, its runs of white
    space as one space, without white space and punctuation at its ends. A text of nothing but punctuation keeps it.

    Examples
    --------
    >>> folded(b"text\0 Where is\tmy card?\n") == folded(b"text\0where is my card")
    True
    """
    if not content.startswith(TEXT):
        return content
    text = _unescaped(content[len(TEXT) :].decode())
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = " ".join(text.casefold().split())
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return TEXT + (_within_edges(text) or text).encode()


def spellings(content: bytes) -> set[bytes]:
    """Return a content as it is, without white space at its ends, and folded."""
    if not content.startswith(TEXT):
        return {content}
    return {content, TEXT + content[len(TEXT) :].decode().strip().encode(), folded(content)}


def digests_of_copies(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a digest of each content, the same for near-copies; that of the content where it is spelt in one way alone."""
    digests, least = [], dict[bytes, bytes]()
    for content in contents:
        digest, form = content_digest(content), content_digest(folded(content))
        digests.append(form)
        least[form] = min(digest, least.get(form, digest))
    yield from (least[form] for form in digests)


def has_near_copies(contents: Iterable[bytes]) -> bool:
    """Return whether a content is spelt in two ways."""
    spelt = dict[bytes, bytes]()
    pairs = ((content_digest(folded(content)), content_digest(content)) for content in contents)
    return any(spelt.setdefault(form, digest) != digest for form, digest in pairs)


def _unescaped(text: str) -> str:
    """Return a text without the escapes of JSON and HTML, of one that was escaped twice too; itself where nothing is left."""
    shown = _out_of_json(text) if "\\" in text else text
    shown = html.unescape(html.unescape(shown)) if "&" in shown else shown
    return shown if shown.strip() else text


def _out_of_json(text: str) -> str:
    """Return what a JSON string says, with its quotation marks or without them; another text as it is."""
    for written in (text, f'"{text}"'):
        try:
            said = json.loads(written)
            if isinstance(said, str):
                said.encode()
                return said
        except (ValueError, RecursionError):  # not JSON; nested too deeply; half of a surrogate pair
            continue
    return text


def _within_edges(text: str) -> str:
    first, last = 0, len(text)
    while first < last and unicodedata.category(text[first])[0] in _EDGES:
        first += 1
    while first < last and unicodedata.category(text[last - 1])[0] in _EDGES:
        last -= 1
    return text[first:last]


def content_digest(content: bytes) -> bytes:
    """Return 16 bytes that tell contents apart, so that no second copy of a text is held; splits rest on them, and locks."""
    return hashlib.blake2b(content, digest_size=16).digest()
