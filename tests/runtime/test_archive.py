from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.errors import BundleError
from tracer_spec.runtime import archive, limits
from tracer_spec.runtime.archive import pack, unpack

NAMES = st.sampled_from(["bundle.json", *archive.REQUIRED]) | st.from_regex(
    r"embedder/[a-z0-9_][a-z0-9._-]{0,20}", fullmatch=True
)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=8))
def test_packed_members_come_back_and_any_zip_program_reads_them(members):
    data = pack(members) if members else None
    if data is None:
        return
    assert unpack(data) == members
    with zipfile.ZipFile(io.BytesIO(data)) as other:
        assert other.testzip() is None
        assert {info.filename: other.read(info) for info in other.infolist()} == members


def test_the_manifest_is_first_and_the_rest_sorted_whatever_the_order_given(bundles):
    members = {"bundle.json": b"{}", **bundles.members()}
    assert list(unpack(pack(members))) == ["bundle.json", *sorted(bundles.members())]
    assert pack(members) == pack(dict(reversed(members.items())))


def test_times_and_attributes_are_fixed():
    with zipfile.ZipFile(io.BytesIO(pack({"bundle.json": b"{}"}))) as other:
        info = other.infolist()[0]
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert info.external_attr >> 16 == stat.S_IFREG | 0o644
    assert (info.extra, info.comment, info.compress_type) == (b"", b"", zipfile.ZIP_STORED)


def zipped(*entries, **options):
    """Zip with the standard library, which writes other headers than ours."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as other:
        for info, content in entries:
            other.writestr(info, content)
    return buffer.getvalue()


def entry(name, *, mode=0o100644, content=b"{}"):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info, content


ZEROS = zipped(("policy.onnx", bytes(50_000_000)), compression=zipfile.ZIP_DEFLATED, compresslevel=1)


@pytest.mark.parametrize(
    ("data", "member", "message"),
    [
        pytest.param(zipped(entry("../bundle.json")), "../bundle.json", "is no name", id="parent folder"),
        pytest.param(zipped(entry("/etc/passwd")), "/etc/passwd", "is no name", id="absolute"),
        pytest.param(zipped(entry("embedder/../../x")), "embedder/../../x", "is no name", id="parent inside"),
        pytest.param(
            zipped(entry("embedder\\x")).replace(b"embedder/x", b"embedder\\x"),
            "embedder",
            "is no name",
            id="backslash",
        ),
        pytest.param(zipped(entry("C:x")), "C:x", "is no name", id="drive"),
        pytest.param(zipped(entry("embedder/")), "embedder/", "is no name", id="folder"),
        pytest.param(zipped(entry("embedder/.hidden")), "embedder/.hidden", "is no name", id="hidden"),
        pytest.param(zipped(entry("embedder/\u0131")), "embedder/", "is no name", id="dotless i"),
        pytest.param(zipped(entry("model.pkl")), "model.pkl", "is no name", id="pickle"),
        pytest.param(
            zipped(entry("policy.onnx", mode=0o120777, content=b"/etc/passwd")),
            "policy.onnx",
            "symbolic link",
            id="symlink",
        ),
        pytest.param(ZEROS, "policy.onnx", "is compressed", id="bomb"),
        pytest.param(zipped(entry("policy.onnx", mode=0o100755)), "policy.onnx", "attributes", id="executable"),
        pytest.param(zipped(("bundle.json", b"{}")), "bundle.json", "times", id="time of its own"),
    ],
)
def test_a_zip_that_is_no_bundle_is_refused_by_member(data, member, message):
    with pytest.raises(BundleError, match=message) as caught:
        unpack(data)
    assert caught.value.problems[0].address.startswith(member)
    assert caught.value.problems[0].hint


def _patched(data, at, layout, *values):
    changed = bytearray(data)
    struct.pack_into(layout, changed, at, *values)
    return bytes(changed)


DATA = pack({"bundle.json": b'{"a":1}', "audit.json": b"{}", "policy.onnx": b"\x08\x0a"})
CENTRAL = DATA.index(b"PK\1\2")
SECOND = DATA.index(b"PK\1\2", CENTRAL + 1)
END = len(DATA) - 22


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "does not start as a ZIP", id="empty"),
        pytest.param(b"PK\3\4", "does not end as a bundle does", id="four bytes"),
        pytest.param(b"#!/bin/sh\n" + DATA, "does not start as a ZIP", id="prefix"),
        pytest.param(DATA + b"\0", "does not end as a bundle does", id="suffix"),
        pytest.param(DATA + DATA, "before, after or between", id="twice"),
        pytest.param(DATA[:-2] + b"\1\0x", "does not end", id="comment"),
        pytest.param(DATA[:-2] + b"\1\0", "comment", id="comment claimed"),
        pytest.param(_patched(DATA, CENTRAL + 8, "<H", 1), "is encrypted", id="encrypted"),
        pytest.param(_patched(DATA, CENTRAL + 8, "<H", 8), "flags", id="data descriptor"),
        pytest.param(_patched(DATA, CENTRAL + 10, "<H", 8), "is compressed", id="method"),
        pytest.param(_patched(DATA, CENTRAL + 20, "<II", 2**31, 2**31), "contradicts", id="giant size"),
        pytest.param(
            _patched(_patched(DATA, CENTRAL + 20, "<II", 9999, 9999), 18, "<II", 9999, 9999),
            "claims 9999 bytes",
            id="lying sizes that agree",
        ),
        pytest.param(_patched(DATA, CENTRAL + 24, "<I", 8), "is compressed", id="sizes differ"),
        pytest.param(_patched(DATA, 18, "<I", 1), "contradicts", id="local size"),
        pytest.param(_patched(DATA, 14, "<I", 1), "contradicts", id="local checksum"),
        pytest.param(DATA[:30] + b"audit.jsonx"[:11] + DATA[41:], "contradicts", id="local name"),
        pytest.param(_patched(DATA, SECOND + 42, "<I", 0), "contradicts", id="overlap"),
        pytest.param(DATA.replace(b"policy.onnx", b"bundle.json"), "twice", id="duplicate"),
        pytest.param(DATA.replace(b"policy.onnx", b"policy.onn\0"), "is no name", id="nul in name"),
        pytest.param(_patched(DATA, END + 8, "<HH", 1, 1), "cut short or damaged", id="fewer members than there are"),
        pytest.param(_patched(DATA, END + 8, "<HH", 4, 4), "cut short", id="more members than there are"),
        pytest.param(_patched(DATA, END + 8, "<HH", 65535, 65535), "65535 members", id="giant count"),
        pytest.param(_patched(DATA, END + 12, "<I", 2**32 - 1), "before, after or between", id="giant directory"),
        pytest.param(_patched(DATA, END + 16, "<I", 2**32 - 1), "before, after or between", id="giant offset"),
        pytest.param(_patched(DATA, END + 4, "<H", 1), "several parts", id="multi disk"),
        pytest.param(DATA.replace(b'{"a":1}', b'{"a":2}'), "checksum", id="content"),
    ],
)
def test_a_file_that_is_not_exactly_what_its_members_make_is_refused(data, message):
    with pytest.raises(BundleError, match=message):
        unpack(data)


def test_the_order_of_members_is_part_of_the_encoding():
    data = pack({"bundle.json": b"{}", "embedder/a": b"1", "embedder/b": b"2"})
    swapped = data.replace(b"embedder/a", b"embedder/x").replace(b"embedder/b", b"embedder/a").replace(b"/x", b"/b")
    with pytest.raises(BundleError, match="another order"):
        unpack(swapped)


@given(st.integers(0, len(DATA) - 1))
def test_every_truncation_is_refused(length):
    with pytest.raises(BundleError):
        unpack(DATA[:length])


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_byte_can_change_unnoticed(at, flip):
    changed = bytearray(DATA)
    changed[at] ^= flip
    with pytest.raises(BundleError):
        unpack(bytes(changed))


@given(
    st.binary(max_size=300)
    | st.binary(max_size=100).map(lambda tail: DATA[: len(DATA) // 2] + tail + DATA[len(DATA) // 2 :])
)
def test_any_bytes_give_members_or_a_bundle_error_and_members_give_the_same_bytes(data):
    try:
        members = unpack(data)
    except BundleError:
        return
    assert pack(members) == data


def test_what_no_reader_would_take_is_not_packed(monkeypatch):
    with pytest.raises(BundleError, match=r"'model.pkl' is no name"):
        pack({"model.pkl": b""})
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 100)
    with pytest.raises(BundleError, match="would be 167 bytes in 1 members; at most 100"):
        pack({"bundle.json": bytes(47)})
