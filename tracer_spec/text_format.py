"""Formats of numbers, and of what others wrote, for messages, reports and terminals."""

from __future__ import annotations

from collections.abc import Iterable

from tracer_spec.errors import printable

NBSP = "\N{NO-BREAK SPACE}"
NONE = "\N{EN DASH}"  # stands where a number would


def plural(count: int, noun: str, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "trace"), plural(10_003, "trace"), plural(2, "entry", "entries")
    ('1 trace', '10,003 traces', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def count(number: float) -> str:
    """Return a count with its thousands apart.

    Examples
    --------
    >>> count(10003)
    '10,003'
    """
    return f"{number:,.0f}"


def rate(value: float | None) -> str:
    """Return a rate as a fraction, or a word where there is none.

    Examples
    --------
    >>> rate(0.93581), rate(None)
    ('0.936', 'none')
    """
    return "none" if value is None else f"{value:.3f}"


def as_share(value: float | None, digits: int = 1) -> str:
    """Return a rate in percent, for prose and tables.

    Examples
    --------
    >>> as_share(0.9358).replace(NBSP, " "), as_share(None) == NONE
    ('93.6 %', True)
    """
    return NONE if value is None else f"{100 * value:.{digits}f}{NBSP}%"


def percent(value: float) -> str:
    """Return a rate that somebody asked for, with the digits that they gave.

    Examples
    --------
    >>> percent(0.92), percent(0.9999)
    ('92 %', '99.99 %')
    """
    return f"{100 * value:.6g} %"


def label_claims_text(claims: Iterable[tuple[str, str, float]]) -> str:
    """Return what is claimed of single labels, (measure, label, limit) each; empty where nothing is.

    Examples
    --------
    >>> label_claims_text([("missed", "fraud", 0.02)])
    "at most 2 % of what the teacher calls 'fraud' gets another label from it"
    >>> label_claims_text([("agreement", "fraud", 0.98)])
    "at least 98 % of what it calls 'fraud' is so by the teacher"
    """
    return ", and ".join(
        f"at most {percent(limit)} of what the teacher calls '{one_line(label)}' gets another label from it"
        if measure == "missed"
        else f"at least {percent(limit)} of what it calls '{one_line(label)}' is so by the teacher"
        for measure, label, limit in claims
    )


def label_counted_text(measure: str, label: str, rows: str = "certify rows") -> str:
    """Return what the test of a label's target counts.

    Examples
    --------
    >>> label_counted_text("missed", "fraud")
    "certify rows that the teacher calls 'fraud' get no other label"
    >>> label_counted_text("agreement", "fraud", "rows")
    "rows that the router calls 'fraud' are so by the teacher"
    """
    who, come_out = ("teacher", "get no other label") if measure == "missed" else ("router", "are so by the teacher")
    return f"{rows} that the {who} calls '{one_line(label)}' {come_out}"


def points(change: float | None) -> str:
    """Return a change of a rate in percentage points.

    Examples
    --------
    >>> points(0.0312), points(-0.5)
    ('+3.1', '\N{MINUS SIGN}50.0')
    """
    return NONE if change is None else f"{100 * change:+.1f}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float | None) -> str:
    """Return a p-value.

    Examples
    --------
    >>> p_value(0.0067), p_value(3.2e-9)
    ('0.0067', '3.2e-09')
    """
    return NONE if value is None else f"{value:.2g}"


def usd(amount: float) -> str:
    """Return an amount of money.

    Examples
    --------
    >>> usd(18.2), usd(6643.4)
    ('$18.20', '$6,643')
    """
    return f"${amount:,.2f}" if abs(amount) < 1000 else f"${amount:,.0f}"


def size(n_bytes: int) -> str:
    """Return a size in decimal units.

    Examples
    --------
    >>> size(812), size(5_230_000)
    ('812 bytes', '5.2 MB')
    """
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes} bytes"


def duration(seconds: float) -> str:
    """Return a duration.

    Examples
    --------
    >>> duration(0.034), duration(7.26), duration(125.0)
    ('0.0 s', '7.3 s', '2 min 5 s')
    """
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def one_line(text: str, limit: int = 60) -> str:
    r"""Return what others wrote, a label for one, as a line that disturbs no layout, no terminal and no page.

    Examples
    --------
    >>> one_line("top_up\nReason: \x1b[2J"), one_line("0123456789", limit=5)
    ('top_up Reason: ?[2J', '0123…')
    """
    line = printable(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def install_text(plugin: str) -> str:
    """Return the command that installs a plugin of this repository, from an index or out of a clone.

    Examples
    --------
    >>> install_text("tracer-spec-serve")
    'pip install tracer-spec-serve (./plugins/tracer-spec-serve in a clone)'
    """
    return f"pip install {plugin} (./plugins/{plugin} in a clone)"


def listing(items: Iterable[str], limit: int = 8) -> str:
    """Join items by commas, and count those beyond ``limit``.

    Examples
    --------
    >>> listing(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    items = list(items)
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit:,} more" if len(items) > limit else shown


def counted_names(counts: Iterable[tuple[str, int]], limit: int = 8) -> str:
    """Join names that others gave, each with its count.

    Examples
    --------
    >>> counted_names([("other", 1200), ("n/a", 6), ("?", 1)], limit=2)
    "'other' 1,200, 'n/a' 6 and 1 more"
    """
    return listing([f"'{one_line(name)}' {n:,}" for name, n in counts], limit)


def reasons(counts: Iterable[tuple[str, int]]) -> str:
    """Join counts with their reasons.

    Examples
    --------
    >>> reasons([("duplicate id", 21), ("no label", 3)])
    '21 duplicate id, 3 no label'
    """
    return ", ".join(f"{n:,} {reason}" for reason, n in counts)
