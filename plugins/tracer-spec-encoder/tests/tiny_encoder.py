"""Encoders of a few words, made by hand: what a vector must be is known without running them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from tracer_spec.testing.rows import TEXTS

WORDS = ["[UNK]", "[CLS]", "[SEP]", *sorted({word for text in TEXTS for word in text.split()})]
D, POSITIONS = 6, 300
INPUTS = ("input_ids", "attention_mask")
RNG = np.random.default_rng(0)
PLACES = (RNG.normal(size=(POSITIONS, D)) / 10).astype(np.float32)


def word_vectors(seed=0):
    return np.random.default_rng(seed).normal(size=(len(WORDS), D)).astype(np.float32)


def constant(name, value, dtype=np.int64):
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], **attributes)


def tiny_model(*, seed=0, inputs=INPUTS, kind=TensorProto.INT64, nodes=(), outputs=("hidden",), extra=()):
    """Return an encoder, serialised: a word's vector and its position's, summed; ``nodes`` go on from ``hidden``."""
    asks_places = "position_ids" in inputs
    places = [node("Identity", ["position_ids"], "at")] if asks_places else [
        node("Shape", ["input_ids"], "size"),
        node("Gather", ["size", "one"], "tokens"),
        node("Range", ["zero", "tokens", "one"], "at"),
    ]  # fmt: skip
    graph = helper.make_graph(
        [
            *places,
            node("Gather", ["words", "input_ids"], "word"),
            node("Gather", ["places", "at"], "place"),
            node("Add", ["word", "place"], "hidden"),
            *nodes,
        ],
        "tiny",
        [helper.make_tensor_value_info(name, kind, ["n", "t"]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            constant("words", word_vectors(seed), np.float32), constant("places", PLACES, np.float32),
            constant("zero", 0), constant("one", 1), *extra,
        ],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def quantised_model():
    """Return an encoder whose last layer is dynamically quantised: one scale for all that is run together."""
    return tiny_model(
        nodes=[
            helper.make_node("DynamicQuantizeLinear", ["hidden"], ["hidden8", "scale", "middle"]),
            helper.make_node("MatMulInteger", ["hidden8", "weights", "middle"], ["whole"]),
            node("Cast", ["whole"], "wide", to=TensorProto.FLOAT),
            node("Mul", ["wide", "scale"], "out"),
        ],
        outputs=("out",),
        extra=[constant("weights", np.random.default_rng(1).integers(-127, 127, (D, D)), np.int8)],
    )


def tiny_tokenizer(*, special=True):
    """Return a tokenizer of whole words, serialised."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
    tokenizer.enable_padding(length=50)  # which an embedder must not keep
    return tokenizer.to_str().encode()


def save(folder, model=None, tokenizer=None, name="model.onnx"):
    """Write a model's folder, and return it."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(tiny_model() if model is None else model)
    (folder / "tokenizer.json").write_bytes(tiny_tokenizer() if tokenizer is None else tokenizer)
    return folder


def hidden(words, vectors=None, special=True):
    """Return what the tiny model makes of each token of a text, shape (t, D)."""
    ids = [WORDS.index(word) for word in (["[CLS]", *words, "[SEP]"] if special else words)]
    return (word_vectors() if vectors is None else vectors)[ids] + PLACES[: len(ids)]
