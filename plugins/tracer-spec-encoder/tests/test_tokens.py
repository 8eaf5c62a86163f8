"""A tokenizer from elsewhere: refused where it is random, or could take far more than its texts are long."""

from __future__ import annotations

import base64
import json

import pytest
from tiny_encoder import tiny_tokenizer
from tracer_spec.errors import PluginError

from tracer_spec_encoder.tokens import Tokens, check_tokenizer

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def changed(**parts):
    """Return the tiny tokenizer with some of its parts replaced."""
    document = json.loads(tiny_tokenizer())
    for name, value in parts.items():
        document[name] = {**document[name], **value} if name == "model" else value
    return json.dumps(document).encode()


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replace(content):
    return {"type": "Replace", "pattern": {"String": "a"}, "content": content}


def charsmap(text):
    trie = b"\0" * 8
    return base64.b64encode(len(trie).to_bytes(4, "little") + trie + text + b"\0").decode()


def template(times):
    pieces = [{"Sequence": {"id": "A", "type_id": 0}}] * times
    return {"type": "TemplateProcessing", "single": pieces, "pair": pieces, "special_tokens": {}}


@pytest.mark.parametrize(
    "document",
    [
        tiny_tokenizer(),
        changed(pre_tokenizer=split(QWEN)),
        changed(pre_tokenizer={"type": "Sequence", "pretokenizers": [split(QWEN), {"type": "Whitespace"}]}),
        changed(normalizer={"type": "Sequence", "normalizers": [replace("▁")] * 8}),
        changed(normalizer={"type": "Precompiled", "precompiled_charsmap": charsmap("ﷺ".encode())}),
        changed(model={"max_input_chars_per_word": 100}),
    ],
)
def test_what_published_tokenizers_hold_passes(document):
    check_tokenizer(document)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "it has no model"),
        (b'{"model": {"type": "A", "type": "B"}}', "a key is given twice"),
        (changed(pre_tokenizer=split("(a+)+$")), r"has a pattern of its own, '\(a\+\)\+\$'"),
        (changed(normalizer={"type": "Replace", "pattern": {"Regex": "(a*)*b"}, "content": ""}), "has a pattern of its own"),
        (changed(normalizer={"type": "Sequence", "normalizers": [replace("a" * 99)] * 3}), "10000 times as long"),
        (changed(normalizer={"type": "Prepend", "prepend": "a" * 100_000}), "10000 times as long"),
        (changed(normalizer={"type": "Precompiled", "precompiled_charsmap": charsmap(b"a" * 100_000)}), "10000 times as long"),
        (changed(normalizer={"type": "Precompiled", "precompiled_charsmap": "%"}), "a table of characters that cannot be read"),
        (changed(post_processor=template(20_000)), "10000 times as long"),
        (changed(model={"dropout": 0.1}), "draws tokens at random"),
        (changed(model={"max_input_chars_per_word": 10**9}), "tries words of 1000000000 characters; at most 200"),
        (changed(model={"end_of_word_suffix": "x" * 65}), "has a end_of_word_suffix of more than 64 characters"),
    ],
)  # fmt: skip
def test_what_is_random_or_could_take_for_ever_is_refused(document, said):
    with pytest.raises(PluginError, match=said) as caught:
        Tokens(document, prefix="", max_tokens=8)
    assert caught.value.problems[0].address == "the encoder's tokenizer.json"


def test_what_is_no_tokenizer_is_refused():
    with pytest.raises(PluginError, match="cannot be read"):
        Tokens(b'{"model": {}}', prefix="", max_tokens=8)


def test_a_signal_passes_through():
    tokens = Tokens(tiny_tokenizer(), prefix="", max_tokens=8)

    class Interrupting(str):
        def __format__(self, spec):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tokens.ids([Interrupting("a")])


def test_ids_are_as_many_as_asked_for_whatever_the_tokenizer_adds_and_pads():
    tokens = Tokens(changed(post_processor=template(5)), prefix="", max_tokens=4)
    assert [len(ids) for ids in tokens.ids(["card", "where is my card where is my card", ""])] == [4, 4, 0]
