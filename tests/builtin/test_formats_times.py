import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.builtin.formats.times import epoch_seconds

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 250_000, UTC)
SECONDS = 1_772_600_767.25


@pytest.mark.parametrize(
    "written",
    [
        SECONDS,
        Decimal("1772600767.25"),
        1_772_600_767_250,
        1_772_600_767_250_000,
        1_772_600_767_250_000_000,
        "1772600767.25",
        " 1772600767250 ",
        "1772600767250000000",
        "2026-03-04T05:06:07.25Z",
        "2026-03-04T05:06:07.250000000Z",
        "2026-03-04T05:06:07.250",
        "2026-03-04 05:06:07.250000",
        "2026-03-04 05:06:07.250 UTC",
        "2026-03-04T07:06:07.25+02:00",
        "2026-03-04T07:06:07,25+0200",
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.astimezone(timezone(timedelta(hours=-7))),
    ],
)
def test_every_way_to_write_a_moment_gives_the_same_seconds(written):
    assert epoch_seconds(written) == SECONDS


def test_a_day_is_its_first_moment_in_utc():
    assert epoch_seconds("2026-01-01") == epoch_seconds(date(2026, 1, 1)) == 1_767_225_600.0


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2026-13-01",
        "nan",
        "inf",
        "1e400",
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        1e20,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        True,
        None,
        [],
        {},
    ],
)
def test_what_is_no_time_is_none(written):
    assert epoch_seconds(written) is None


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_units_are_told_apart_by_size(moment):
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    wanted = micros / 1e6
    for number in (micros / 1e6, micros / 1e3, micros, micros * 1000):
        assert epoch_seconds(number) == pytest.approx(wanted, abs=1e-5)
        assert epoch_seconds(repr(number)) == pytest.approx(wanted, abs=1e-5)
    assert epoch_seconds(moment.isoformat()) == pytest.approx(wanted, abs=1e-6)


@given(st.text(max_size=30) | st.floats() | st.integers() | st.binary())
def test_anything_gives_a_finite_number_or_none(value):
    seconds = epoch_seconds(value)
    assert seconds is None or math.isfinite(seconds)
