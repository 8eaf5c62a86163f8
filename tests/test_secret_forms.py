"""A message is told without a secret, however whoever quotes it writes it, and else as it was."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.errors import without_secrets
from tracer_spec.secret_forms import masked


def in_bytes(text):
    return text.encode("utf-8", "surrogatepass")


def in_base64_of(before, after=""):
    return lambda text: base64.b64encode(in_bytes(before + text + after)).decode()


WRITTEN = {
    "as it is": str,
    "on one line": lambda text: " ".join(text.split()),
    "in lower case": str.lower,
    "in upper case": str.upper,
    "shown by Python": repr,
    "shown by Python, in ASCII": ascii,
    "bytes shown by Python": lambda text: repr(in_bytes(text)),
    "in JSON": json.dumps,
    "in JSON, beyond ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "in HTML": html.escape,
    "in a path of an address": lambda text: urllib.parse.quote(in_bytes(text)),
    "in a part of an address": lambda text: urllib.parse.quote(in_bytes(text), safe=""),
    "in a part of an address, in small letters": lambda text: urllib.parse.quote(in_bytes(text), safe="").lower(),
    "in a query": lambda text: urllib.parse.quote_plus(in_bytes(text)),
    "in an address in an address": lambda text: urllib.parse.quote(
        urllib.parse.quote(in_bytes(text), safe=""), safe=""
    ),
    "in hexadecimal": lambda text: in_bytes(text).hex(),
    "in hexadecimal, by bytes": lambda text: in_bytes(text).hex(":").upper(),
    "in base64": in_base64_of(""),
    "in base64 of an address": lambda text: base64.urlsafe_b64encode(in_bytes(text)).decode(),
    "in base64 in an address": lambda text: urllib.parse.quote(in_base64_of("")(text), safe=""),
    "in base64 by lines": lambda text: base64.encodebytes(in_bytes(text)).decode(),
    "in base64, after two": in_base64_of("u:"),
    "in base64, after three": in_base64_of("us:", "\n"),
    "in base64, after five": in_base64_of("user:", " and more"),
}
SECRETS = (
    "S3cr3tPW9",
    'et+"x9/\\qq',
    "-----BEGIN KEY-----\nMIIabc/d+e==\r\nf0123456789\n-----END KEY-----\n",
    "Ab  cd  Efgh12",
    "p%40ss%2Fword",
    "o'br\"ien&co<x>",
    "пароль-1",
    "a😀b9xyz",
    "k" * 300 + "!",
    "nul\x00and\x1besc",
    "half\udc80of one",
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_masked_however_it_is_written(secret, form):
    said = masked(f"no login with <{WRITTEN[form](secret)}>, try again", [secret])
    assert re.fullmatch(r"no login with <\S{0,7}\.\.\.\S{0,6}\s?>, try again", said), said


@pytest.mark.parametrize(
    ("secret", "read"),
    [
        ("p%40ss%2Fword", "p@ss/word"),
        ("pass+word%21", "pass word!"),
        (r"-----KEY-----\nMIIabc\n", "-----KEY-----\nMIIabc"),
    ],
)
@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_masked_as_a_program_reads_it_too(secret, read, form):
    said = masked(f"no login with <{WRITTEN[form](read)}>, try again", [secret])
    assert re.fullmatch(r"no login with <\S{0,7}\.\.\.\S{0,6}\s?>, try again", said), said


@pytest.mark.parametrize(
    ("said", "secrets"),
    [
        ("no answer of host db, port 5432: the password is wrong", ["S3cr3tPW9", "Ab  cd  Efgh12"]),
        ("bask 3y, k3ys, ask3y and a_k3y2", ["k3y"]),
        ("what begins so: dGhl", ["the"]),  # the letters of a short one are sure to be nothing
        ("nothing", [""]),
        ("nothing", []),
        ("", ["S3cr3tPW9"]),
        ("a  b\n\nc\\n", ["S3cr3tPW9"]),
    ],
)
def test_what_holds_no_secret_is_told_as_it_was(said, secrets):
    assert masked(said, secrets) == said


@pytest.mark.parametrize("said", ["is 'k3y' wrong?", "k3y", "key=k3y;", "two\\nk3y"])
def test_a_short_secret_is_masked_as_a_word(said):
    assert masked(said, ["k3y"]) == said.replace("k3y", "...")


def test_secrets_that_overlap_leave_nothing_of_either():
    assert masked("<abcdefghij>", ["abcdefg", "efghij"]) == "<...>"


def test_a_secret_that_looks_like_an_address_is_masked_before_its_address_is_taken_apart():
    assert without_secrets("no tok://en:with@chars99", ["tok://en:with@chars99"]) == "no ..."


@pytest.mark.parametrize("address", ["HTTPS://hunter2@host/x", "Https://u:hunter2@host/x", "S3://u:hunter2@host/x"])
def test_the_case_of_a_scheme_hides_no_credentials(address):
    assert "hunter2" not in without_secrets(address)


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=2))
def test_no_text_and_no_secret_ends_it(text, secrets):
    assert masked("", secrets) == ""
    said = masked(f"{text} {' '.join(secrets)}", secrets)
    assert not [each for each in secrets if len(each.strip()) >= 6 and each in said and each not in "... ... ..."]


@pytest.mark.parametrize("piece", ["\\", " ", "%25", "a", "\\n", "A ", "3a:", "QUFB"])
def test_a_long_text_made_for_it_takes_no_long_time(piece):
    secrets = ["aaaaaaaaaab", "\\\\\\\\\\\\b", "% % % % b9", " \n x y z 9", "AAAAAAAAB", "::::::::b"]
    started = time.perf_counter()
    masked(piece * (200_000 // len(piece)), secrets)
    assert time.perf_counter() - started < 10


def test_a_build_log_is_masked_as_fast_as_it_is_made():
    secrets = [f"S3cr3t-{n}/+ of %d{n}" for n in range(8)]
    masked("once", secrets)
    started = time.perf_counter()
    for n in range(2000):
        masked(f"record {n}: no label in 'where is my card?' after {n} others, " * 3, secrets)
    assert time.perf_counter() - started < 10
