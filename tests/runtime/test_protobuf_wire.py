from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto

from tracer_spec.runtime.protobuf_wire import WireError, count_varints, fields, signed, varints


def flat(data):
    """Return (number, kind, repeated) of each field."""
    return [(field.number, field.kind, field.repeated > 1) for field in fields(data, 0, len(data))]


def varint(value):
    """Encode as protobuf does; an oracle of its own."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_packed_numbers_are_counted_and_read(values):
    data = b"".join(map(varint, values))
    assert list(varints(data, 0, len(data))) == values
    assert count_varints(data, 0, len(data)) == len(values)


@given(st.integers(-(2**63), 2**63 - 1))
def test_negative_numbers_are_two_s_complement(value):
    assert signed(value % 2**64) == value


@given(
    st.lists(st.floats(width=32)),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.binary(max_size=40)),
)
def test_runs_cover_exactly_what_protobuf_wrote(floats, ints, strings):
    attribute = AttributeProto(name="x", floats=floats, ints=ints, strings=strings)
    data = attribute.SerializeToString()
    at = 0
    numbers = []
    for field in fields(data, 0, len(data)):
        assert field.start >= at
        at = field.end
        numbers.append(field.number)
    assert at == len(data)
    assert set(numbers) == {1, *([7] if floats else []), *([8] if ints else []), *([9] if strings else [])}


def test_a_run_ends_where_another_tag_begins():
    data = b"\x3d" + struct.pack("<f", 1) + b"\x3d" + struct.pack("<f", 2) + b"\x40\x05"
    assert flat(data) == [(7, 5, True), (8, 0, False)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\x05abc", "claims 5 bytes; 3 are left"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a", "claims 18446744073709551615 bytes"),
        (b"\x08", "cut short"),
        (b"\x08" + b"\x80" * 10 + b"\x00", "longer than ten bytes"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "larger than 64 bits"),
        (b"\x3d\x00", "claims 4 bytes; 1 are left"),
        (b"\x39\x00", "claims 8 bytes; 1 are left"),
        (b"\x0b", "wire type 3 is not in use"),
        (b"\x0c", "wire type 4 is not in use"),
        (b"\x00\x00", "field number 0"),
        (b"\xf8\xff\xff\xff\x7f\x00", "out of range"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data, message):
    with pytest.raises(WireError, match=message):
        list(fields(data, 0, len(data)))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        found = list(fields(data, 0, len(data)))
    except WireError:
        return
    assert not found or found[-1].end == len(data)
