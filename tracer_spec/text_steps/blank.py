"""Whether a text shows nothing: it asks nothing, and names no label."""

from __future__ import annotations

import re

# white space, controls, what Unicode lets a display leave out, marks of annotations, and the empty pattern of Braille
_SHOW_NOTHING = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
).fullmatch


def is_blank(text: str) -> bool:
    r"""Return whether a text is empty, or holds nothing but white space and characters that show nothing.

    References
    ----------
    The Unicode Standard, DerivedCoreProperties: ``Default_Ignorable_Code_Point``.

    Examples
    --------
    >>> is_blank(" \n"), is_blank("\u200b\ufeff"), is_blank("?"), is_blank("\u200bwhere is my card?")
    (True, True, False, False)
    """
    # nearly every text begins with a sign of ASCII: to compare one is faster than any pattern
    return not "!" <= text[:1] <= "~" and _SHOW_NOTHING(text) is not None
