import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.spec.scalars import OutOfRangeError, resolve, write

# the table of YAML 1.2.2, section 10.3.2, with its examples
CORE_SCHEMA = {
    "": None, "null": None, "Null": None, "NULL": None, "~": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "0": 0, "0o7": 7, "0x3A": 58, "-19": -19, "+12": 12,
    "0.": 0.0, "-0.0": -0.0, ".5": 0.5, "+12e03": 12000.0, "-2E+05": -200000.0,
    ".inf": math.inf, "-.Inf": -math.inf, "+.INF": math.inf,
}  # fmt: skip


@pytest.mark.parametrize("text", CORE_SCHEMA)
def test_the_core_schema_of_yaml_1_2_is_what_types_plain_scalars(text: str) -> None:
    value = resolve(text)
    assert (type(value), value) == (type(CORE_SCHEMA[text]), CORE_SCHEMA[text])


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "No",
        "OFF",
        "1:30",
        "1_000",
        "2024-01-31",
        "0b11",
        "1e",
        "inf",
        "nan",
        ".",
        "-",
        "+",
        "0o8",
        "0xg",
        "1 000",
        "٣",
        "tRUE",
        "<<",
        "=",
    ],
)
def test_what_yaml_1_1_would_have_changed_stays_a_string(text: str) -> None:
    assert resolve(text) == text


def test_a_leading_zero_is_decimal() -> None:
    assert (resolve("010"), resolve("-010"), resolve("007")) == (10, -10, 7)


def test_nan_is_read() -> None:
    value = resolve(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "9" * 5000, "0x1" + "0" * 16])
def test_an_integer_beyond_64_bits_is_refused(text: str) -> None:
    with pytest.raises(OutOfRangeError):
        resolve(text)


def test_the_ends_of_64_bits_are_read() -> None:
    assert [resolve(str(n)) for n in (-(2**63), 2**63 - 1)] == [-(2**63), 2**63 - 1]


@given(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False))
def test_what_is_written_reads_back(value: float | None) -> None:
    read = resolve(write(value))
    assert (type(read), read) == (type(value), value)


@given(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_what_json_writes_reads_the_same(value: float | None) -> None:
    assert resolve(json.dumps(value)) == json.loads(json.dumps(value))
