"""How the page writes numbers, and what others wrote."""

from __future__ import annotations

import unicodedata

NBSP = "\N{NO-BREAK SPACE}"
NONE = "\N{EN DASH}"  # stands where a number would


def share(part: float, whole: float) -> float | None:
    """Return a share; None of nothing."""
    return part / whole if whole else None


def percent(rate: float | None, digits: int = 1) -> str:
    """Return a rate as people read it.

    Examples
    --------
    >>> percent(0.9358).replace(NBSP, " "), percent(None) == NONE
    ('93.6 %', True)
    """
    return NONE if rate is None else f"{100 * rate:.{digits}f}{NBSP}%"


def points(change: float | None) -> str:
    """Return a change of a rate in percentage points.

    Examples
    --------
    >>> points(0.0312), points(-0.5)
    ('+3.1', '\N{MINUS SIGN}50.0')
    """
    if change is None:
        return NONE
    return f"{100 * change:+.1f}".replace("-", "\N{MINUS SIGN}")


def level(rate: float) -> str:
    """Return a rate that somebody asked for, with the digits that they gave.

    Examples
    --------
    >>> level(0.92).replace(NBSP, " "), level(0.925).replace(NBSP, " ")
    ('92 %', '92.5 %')
    """
    return f"{100 * rate:.6g}{NBSP}%"


def count(number: float) -> str:
    """Return a count with its thousands apart.

    Examples
    --------
    >>> count(10003)
    '10,003'
    """
    return f"{number:,.0f}"


def counted(number: int, noun: str, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> [text.replace(NBSP, " ") for text in (counted(1, "row"), counted(1500, "row"), counted(2, "entry", "entries"))]
    ['1 row', '1,500 rows', '2 entries']
    """
    return f"{number:,}{NBSP}{noun}" if number == 1 else f"{number:,}{NBSP}{many or noun + 's'}"


def usd(amount: float) -> str:
    """Return an amount of money.

    Examples
    --------
    >>> usd(18.2), usd(6643.4)
    ('$18.20', '$6,643')
    """
    return f"${amount:,.2f}" if abs(amount) < 1000 else f"${amount:,.0f}"


def p_value(value: float | None) -> str:
    """Return a p-value.

    Examples
    --------
    >>> p_value(0.0067), p_value(3.2e-9)
    ('0.0067', '3.2e-09')
    """
    return NONE if value is None else f"{value:.2g}"


def shown(text: str, limit: int = 120) -> str:
    r"""Return what others wrote on one line of bounded length, without characters that steer a layout.

    Examples
    --------
    >>> shown("top_up\nReason: \x1b[2J\u202e"), shown("0123456789", limit=5)
    ('top_up Reason: [2J', '0123…')
    """
    head = text[: 4 * limit]
    line = " ".join((head if head.isprintable() else "".join(filter(_is_visible, head))).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _is_visible(character: str) -> bool:
    """Tell what has a place in a line: not controls, overrides of direction, lone surrogates or private use."""
    return character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
