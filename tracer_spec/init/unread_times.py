"""Columns of times that are not read, or not named as times: told, since without a time no split goes by it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracer_spec.builtin.formats.times import epoch_seconds
from tracer_spec.init.fields import DATE, Field, Fields
from tracer_spec.init.names import GROUPS, IDS, TIMES

_YEAR = re.compile(r"\b(19|20)[0-9]{2}\b")
# of a column's values, those that must look alike
_MOST = 0.9
_MONTHS = 12
# longer values on average are texts that start with a date
_LONGEST = 40
_REMEDY = (
    "which 'traces.format.time' does not read: write them as ISO 8601 (2026-03-31T14:05:00Z), or as seconds since 1970. "
    "Without times no split goes by them"
)
_READ_BUT_NOT_NAMED = (
    "what look like times: 'time: {}' under 'traces.format' reads them, if they say when the LLM was asked. Without times no "
    "split goes by them"
)
# of times, in seconds since 1970: from 2000 to 2100. A smaller number is a count or an amount
_FIRST, _LAST = 946_684_800, 4_102_444_800


def unread_times(fields: Fields) -> str:
    """Say which column holds times that are not read, and what to do; empty where there is none."""
    often = [
        each
        for each in fields.all
        if (each.is_text or each.is_time) and each.n * 2 >= fields.n and not each.is_of_a_chat
    ]
    named = sorted(often, key=lambda each: not each.words & TIMES)
    return next((f"{each.path}: {told}" for each in named if (told := _told(each))), "")


def _told(field: Field) -> str:
    is_named = bool(field.words & TIMES)
    n_read = sum(epoch_seconds(each) is not None for each in field.texts)
    if is_named and _MOST * field.n <= n_read < field.n:
        n_other = field.n - n_read
        what = f"times, but for {n_other:,} of {field.n:,} values"
        return f"{what}: 'time: {field.path}' under 'traces.format' reads the others"
    if field.is_time:
        return _READ_BUT_NOT_NAMED.format(field.path) if not is_named and _are_of_our_years(field) else ""
    dates = [found for each in field.texts if (found := DATE.match(each))]
    if len(dates) >= _MOST * field.n and field.mean_chars < _LONGEST:
        return f"{_order(dates)} {_REMEDY}"
    years = sum(bool(_YEAR.search(each)) and epoch_seconds(each) is None for each in field.texts)
    return f"what look like times, {_REMEDY}" if is_named and years >= _MOST * field.n else ""


def _are_of_our_years(field: Field) -> bool:
    """Tell whether all values, read as times, are of this century, and the column is none of ids."""
    seconds = [epoch_seconds(each) for each in field.values.values()]
    is_of_ids = bool(field.words & (IDS | GROUPS)) or field.n_distinct < 2
    return not is_of_ids and all(each is not None and _FIRST <= each < _LAST for each in seconds)


def _order(dates: Sequence[re.Match[str]]) -> str:
    """Say whether day or month comes first, where a value beyond 12 tells."""
    is_day_first = any(int(each[1]) > _MONTHS for each in dates)
    is_month_first = any(int(each[3]) > _MONTHS for each in dates)
    if is_day_first and is_month_first:
        return "dates of which some start with the day and some with the month,"
    if is_day_first:
        return "dates with the day first, since it goes beyond 12,"
    if is_month_first:
        return "dates with the month first, since the day goes beyond 12,"
    return "dates that may start with the day or with the month,"
