"""Labels that are likely one, spelt otherwise: what readers see alike, a program tells apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from tracer_spec.flow.traces.name_counts import SHOWN_LENGTH, as_shown
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.language import compile_step

# Cyrillic and Greek letters, and marks, as the Latin ones that they look like in upper or in lower case
_LETTERS = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u04bb\u0501"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
    "\u0131\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2018\u2019",
    "abekmhopctyxsijhdabezhikmvoptyxi-------''",
)
_JOINED = compile_step("join:_")


def look_alikes(names: Mapping[str, int]) -> list[str]:
    r"""Say which names are likely one, spelt otherwise, the most frequent first.

    They differ in case, in what joins words, in a prefix with a colon, in a last full stop, in invisible characters, or in
    letters of several scripts that look alike. Such a character is shown as YAML writes it, with its name.

    References
    ----------
    M. Davis and M. Suignard, "Unicode security mechanisms", Unicode Technical Standard 39, section 4: confusables; of them the
    Cyrillic and Greek letters that look like Latin ones.

    Examples
    --------
    >>> look_alikes({"refund": 40, "Refund": 2, "refund\u200b": 1, "loan": 3})
    ["'refund' (40), 'Refund' (2) and 'refund\\u200b' (1: ZERO WIDTH SPACE)"]
    >>> look_alikes({"refund": 40, " refund": 2})
    ["'refund' (40) and ' refund' (2)"]
    >>> look_alikes({"refund": 40, "r\u0435fund": 2})
    ["'refund' (40) and 'r\\u0435fund' (2: CYRILLIC SMALL LETTER IE)"]
    >>> look_alikes({"pin_blocked": 9, "Pin Blocked": 2, "Label: pin-blocked.": 1, "A": 2, "A-": 1, "-1": 1, "1": 1})
    ["'pin_blocked' (9), 'Pin Blocked' (2) and 'Label: pin-blocked.' (1)"]
    """
    groups: dict[str, list[str]] = {}
    known = {_as_seen(name) for name in names}
    for name in sorted(names, key=lambda name: (-names[name], name)):
        seen = _as_seen(name)
        bare = seen.partition(":")[2].strip()
        groups.setdefault(bare if bare in known else seen, []).append(name)
    alike = [[_named(name, group, names[name]) for name in group] for group in groups.values() if len(group) > 1]
    return [f"{', '.join(group[:-1])} and {group[-1]}" for group in alike]


def _as_seen(name: str) -> str:
    """Return a name without what readers hardly see: case, script, what joins words, a full stop, characters of no width."""
    visible = "".join(each for each in name if not _is_invisible(each))
    latin = unicodedata.normalize("NFKC", visible).casefold().translate(_LETTERS)
    return str(_JOINED(" ".join(latin.split()))).rstrip(".")


def _is_invisible(character: str) -> bool:
    return is_blank(character) and not character.isspace()


def _named(name: str, group: Sequence[str], n: int) -> str:
    """Return a name and its count, with the characters that deceive, and that another of its group has not."""
    others = [other.casefold() for other in group]
    odd = [
        each
        for each in dict.fromkeys(name)
        if _deceives(each) and any(each.casefold() not in other for other in others)
    ]
    called = ", ".join(filter(None, (unicodedata.name(each, "") for each in odd[:3])))
    is_plain = name.isprintable() and name == " ".join(name.split())
    shown = as_shown(name) if is_plain else name[:SHOWN_LENGTH]
    shown = "".join(_escaped(each) if each in odd or not each.isprintable() else each for each in shown)
    return f"'{shown}' ({n:,}{f': {called}' if called else ''})"


def _deceives(character: str) -> bool:
    """Tell whether a character looks like another, or like nothing."""
    latin = unicodedata.normalize("NFKC", character).casefold().translate(_LETTERS)
    return not character.isascii() and (latin.isascii() or _is_invisible(character))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
