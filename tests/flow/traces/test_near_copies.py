"""Near-copies: what two loggers write of one text."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.traces.test_repeats import traces
from tests.flow.traces.test_row_hashes import sighting
from tracer_spec.flow.certify_rows import Sealed
from tracer_spec.flow.traces.event_ids import EventIds
from tracer_spec.flow.traces.folds import fold_keys
from tracer_spec.flow.traces.near_copies import folded, has_near_copies
from tracer_spec.flow.traces.row_hashes import row_hashes


def form(text):
    return folded(b"text\0" + text.encode())


@pytest.mark.parametrize(
    "twin",
    [
        "where is my caf\u00e9",
        " Where is my cafe\u0301?\r\n",
        "WHERE IS MY CAF\u00c9!",
        "\u201cwhere  is my\u00a0caf\u00e9\u2026\u201d",
        "\ufeffwhere is my caf\u00e9\u200b",
        "where is my caf&eacute;?",
        '"where is\\nmy caf\\u00e9?"',
        "where is\\tmy caf\\u00e9",
        "&quot;where is my caf&amp;#233;?&quot;",
    ],
)
def test_spellings_of_one_text_have_one_form(twin):
    assert form(twin) == form("Where is my caf\u00e9?")


def test_other_texts_and_vectors_keep_their_own():
    others = ["where is my card", "where is my cards", "where is mycard", "1", "2", "?", "!", "c++", "c", "5 %", "$5"]
    assert len(set(map(form, others))) == len(others)
    assert folded(b"vector\0A ") == b"vector\0A "


@pytest.mark.parametrize("text", [r"C:\users", r"\ud800", r"[1, \x", "\\"])
def test_backslashes_that_escape_nothing_are_left(text):
    assert form(f"x {text} x") == b"text\0" + f"x {text} x".casefold().encode()


@given(st.text())
def test_folding_leaves_no_text_empty(text):
    assert len(form(text)) > len(b"text\0") or not text.strip()


def test_near_copies_share_a_fold_and_every_other_text_keeps_the_key_that_it_had():
    exact = [hashlib.blake2b(b"text\0" + text, digest_size=16).digest() for text in (b"A b?", b"a b", b"C", b"c d")]
    assert fold_keys(traces(("A b?",), ("C",), ("c d",))) == [exact[0], *exact[2:]]
    assert fold_keys(traces(("A b?",), ("C",), ("a b",))) == [min(exact[:2]), exact[2], min(exact[:2])]


def test_without_near_copies_a_bundle_knows_of_its_rows_what_it_knew_before():
    built = traces(("A b?", "x", "1"), ("C",), ("C",))
    salt = bytes.fromhex(built.digest)
    keys = [b"content of event\0text\0A b?", b"event\0" + b"1\0text\0A b?", b"content\0text\0C"]
    hashes = [hashlib.blake2b(key, digest_size=8, key=salt).digest() for key in keys]
    assert row_hashes(built) == np.sort(np.frombuffer(b"".join(hashes), "<u8")).tobytes()
    assert not has_near_copies(built.contents())


def test_a_verification_knows_rows_of_the_build_by_white_space_at_their_ends_or_folded_where_the_log_had_both():
    assert sighting(traces(("A b?",), ("c",)), traces((" A b?\n",), ("C.",), ("a b",))) == ["content", "content", ""]
    twice = traces(("A b?", "x", "1"), ("C", "x", "2"), ("c\n", "x", "3"))
    assert sighting(twice, traces(("a b", "x", "1"), ("a b", "x", "9"), ("d", "x", "2"))) == ["event", "repeat", ""]


def test_a_look_at_respelt_rows_is_a_look_at_the_same_rows():
    one, other = (set(Sealed(traces(*rows)).contents()) for rows in ([("A b?",), ("C",)], [("a b\n",)]))
    assert one & other
    assert b"text\0A b?" in one  # as locks written before hold it


def test_one_id_with_one_text_in_two_spellings_is_one_event_of_two_sources():
    ids = EventIds()
    assert ids.tell_apart("7", b"text\0A b?", 0.0) == "7"
    assert ids.tell_apart("7", b"text\0a b\n", 9000.0) is None
    assert ids.tell_apart("7", b"text\0other", 9000.0) != "7"
