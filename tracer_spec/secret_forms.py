r"""The ways in which a secret may be written, so that a message can be told without it.

Whoever fails to log in quotes what it sent, as it sent it: escaped for JSON, percent-encoded in an address, in base64 after
``Basic``, or as Python shows a text or bytes. Standard library only, since the runtime masks its messages too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

# a shorter one stands in many words that are none, and is masked only as a word of its own
SHORTEST = 4
# of what is no text but a code of one: fewer characters are not sure to be it
_SHORTEST_CODE = 5
# of a code, what is looked for; it is masked as far as it goes on, lines of it too
_LONGEST_CODE = 200
_HEX_ON = r"(?:[:\s-]?[0-9a-f]{2})*"
_BASE64_ON = r"[A-Za-z0-9+/_-]*(?:(?:\s+[A-Za-z0-9+/_-]{48,76})+(?:\s+[A-Za-z0-9+/_-]+)?)?(?:=|%3D)*"
# line breaks and blanks become each other where a message is put on one line, an address is made, or a text is shown in quotes
_BLANKS = r"(?:\s|\\+[nrt]|\+|%(?:25)*(?:20|0[9ad])|\\+(?:u00|x)(?:20|0[9ad]))+"
_BASE64 = {"+": "(?:[+-]|%2B)", "/": r"(?:\\*[/_]|%2F)"}


def masked(text: str, secrets: Iterable[str]) -> str:
    r"""Return a text with ``...`` for each secret in it, however that is written.

    Examples
    --------
    >>> masked("no answer to SK-1234 (c2stMTIzNA==)", ["sk-1234"]), masked("got 'two\\nlines'", ["two\nlines"])
    ('no answer to ... (...)', "got '...'")
    """
    bare = re.sub(r"[\s:-]+", "", text).casefold() if (known := set(secrets)) else ""
    spans = sorted(
        match.span()
        for reading in {reading for each in known for reading in _readings(each)}
        if any(sign in bare for sign in _signs_of(reading))
        for match in forms_of(reading).finditer(text)
    )
    told, end = [], 0
    for start, stop in spans:
        if start >= end:
            told += [text[end:start], "..."]
        end = max(end, stop)
    return "".join(told) + text[end:]


@lru_cache(maxsize=256)
def _readings(secret: str) -> tuple[str, ...]:
    r"""Return a secret as it stands and as a program reads it: the password of an address decoded, ``\n`` as a line break."""
    from urllib.parse import unquote, unquote_plus

    decoded = (unquote(secret), unquote_plus(secret), re.sub(r"\\+r?\\*n", "\n", secret))
    others = (each.strip() for each in decoded if "\ufffd" not in each)
    return tuple(dict.fromkeys([secret.strip(), *(each for each in others if len(each) >= SHORTEST)]))


@lru_cache(maxsize=256)
def forms_of(secret: str) -> re.Pattern[str]:
    """Return what matches a secret as text, whatever its case and its escapes are, and as a code.

    A code in base64 may begin before the secret, as that of ``user:password`` does: a letter of it is six bits, so there are
    three ways in which the secret's bytes can lie in it, of which the letters that hold nothing else are looked for.
    """
    text, raw = "".join(map(_escaped, re.split(r"(\s+)", secret))), secret.encode("utf-8", "surrogatepass")
    if not text:
        return re.compile("(?!)")
    if len(secret) < SHORTEST:
        return re.compile(rf"(?i:(?:(?<![^\W_])|(?<=\\[nrt])){text}(?![^\W_]))")
    code = r"[:\s-]?".join(f"{byte:02x}" for byte in raw[:_LONGEST_CODE])
    forms = [f"(?i:{text}|{code}{_HEX_ON})"]
    forms += [r"\s*".join(_BASE64.get(each, each) for each in code) + _BASE64_ON for code in _in_base64(raw)]
    return re.compile("|".join(forms))


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield the letters that hold nothing but a secret, in each of the ways in which it can lie in a code."""
    import base64

    for n_before, first in ((0, 0), (1, 2), (2, 3)):
        code = base64.b64encode(bytes(n_before) + raw).decode()[: (n_before + len(raw)) * 8 // 6][first:_LONGEST_CODE]
        if len(code) >= _SHORTEST_CODE:
            yield code


@lru_cache(maxsize=256)
def _signs_of(secret: str) -> frozenset[str]:
    """Return texts of which one is in whatever holds a secret: patterns cost time, and most texts hold none."""
    raw = secret.encode("utf-8", "surrogatepass")
    longest = (max(re.findall("[A-Za-z0-9]*", each), key=len) for each in (secret, *_in_base64(raw)))
    return frozenset((raw[:_LONGEST_CODE].hex(), *(each.casefold() for each in longest)))


def _escaped(part: str) -> str:
    """Return the pattern of a part of a text, of which each character may be written as it is, or as an escape of it."""
    if not part or part.isspace():
        return part and _BLANKS
    return "".join(each if each.isascii() and each.isalnum() else _escapes(each) for each in part)


@lru_cache(maxsize=256)
def _escapes(character: str) -> str:
    """Return the pattern of a character and its escapes: in quotes, JSON, Python's bytes, addresses and HTML."""
    import html
    import json

    raw, point = character.encode("utf-8", "surrogatepass"), ord(character)
    in_json, in_html = json.dumps(character)[1:-1].lstrip("\\"), html.escape(character)
    written = [
        re.escape(character),
        "".join(f"%(?:25)*{byte:02x}" for byte in raw),
        rf"\\+(?:x|u0*){point:02x}",
        f"&#(?:0*{point}|x0*{point:x});",
    ]
    written += ["".join(rf"\\+x{byte:02x}" for byte in raw)] if len(raw) > 1 else []
    written += [r"\\+" + in_json.replace("\\", r"\\+")] if in_json != character else []
    written += [re.escape(in_html)] if in_html != character else []
    return rf"\\*(?:{'|'.join(written)})"
