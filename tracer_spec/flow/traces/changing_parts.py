"""Parts of a text that change where it is written again: numbers, dates, ids, markup. What is left tells a request again."""

from __future__ import annotations

import re

from tracer_spec.flow.traces.near_copies import TEXT, folded

# a whole run of letters, digits and marks of dates and ids that holds a digit; letters of ASCII, since other scripts may
# write no blank between a number and a word
_WITH_DIGIT = re.compile(r"(?<![\da-z_:+./-])[a-z_:+./-]*+\d[\da-z_:+./-]*")
_DIGIT = re.compile(r"\d")
_TAG = re.compile(r"</?[a-z][^<>]{0,200}>")
_WORDS = re.compile(r"[^\W\d_]+")
# what stands between words of lower-case ASCII: found in a fraction of the time that the expression takes
_BETWEEN = {each: " " for each in range(128) if not chr(each).islower()}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_OF_DATES = frozenset((*_DAYS, *_MONTHS, *(name[:3] for name in (*_DAYS, *_MONTHS)), "am", "pm", "utc", "gmt"))


def without_changing_parts(content: bytes) -> bytes:
    r"""Return the words of a text: equal bytes for texts that differ in numbers, dates, ids and tags alone.

    Parameters
    ----------
    content : bytes
        Of :meth:`TraceSet.contents`. What is no text, or holds no word, is returned as near-copies of it are.

    Examples
    --------
    >>> first, again = b"text\0Mon 2 Mar, req-7f3a: where is it?", b"text\0Tue 3 Mar, req-91bc: where is it?"
    >>> without_changing_parts(first) == without_changing_parts(again) != without_changing_parts(b"text\0where was it?")
    True
    """
    form = folded(content)
    if not form.startswith(TEXT):
        return form
    text = form[len(TEXT) :].decode()
    text = _TAG.sub(" ", text) if "<" in text else text
    text = _WITH_DIGIT.sub(" ", text) if _DIGIT.search(text) else text
    words = text.translate(_BETWEEN).split() if text.isascii() else _WORDS.findall(text)
    kept = [word for word in words if word not in _OF_DATES]
    return TEXT + " ".join(kept).encode() if kept else form
