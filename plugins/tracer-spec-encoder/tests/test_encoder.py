from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tiny_encoder
from onnx import TensorProto, helper
from pydantic import ValidationError
from tiny_encoder import POSITIONS, D, hidden, node, quantised_model, save, tiny_model, tiny_tokenizer
from tracer_spec.errors import PluginError
from tracer_spec.testing import EmbedderContract
from tracer_spec.testing.rows import TEXTS

from tracer_spec_encoder import EncoderOptions
from tracer_spec_encoder.embedder import EncoderEmbedder

REVISION = "0123456789abcdef0123456789abcdef01234567"
REAL = Path(__file__).parents[4] / "shared" / "models" / "all-minilm-l6-v2-int8"


def embedder(**options):
    return EncoderEmbedder(EncoderOptions.model_validate(options))


@pytest.fixture
def tiny(tmp_path):
    return save(tmp_path / "tiny")


class TestInTheBundle(EmbedderContract):
    plugin = "encoder"
    others = [
        {"path": "tiny", "pooling": "cls"},
        {"path": "tiny", "pooling": "last"},
        {"path": "tiny", "prefix": "query: "},
        {"path": "tiny", "normalize": False},
        {"path": "tiny", "max_tokens": 4},
        {"path": "tiny", "output": "hidden"},
        {"path": "other"},
        {"path": "cut"},
    ]

    def prepare(self, folder):
        save(folder / "tiny")
        save(folder / "other", tiny_model(seed=1))
        save(folder / "cut", tokenizer=tiny_tokenizer(special=False))
        return {"path": "tiny"}


class TestBesideTheBundle(EmbedderContract):
    plugin = "encoder"

    def prepare(self, folder):
        save(folder / "tiny")
        return {"path": "tiny", "in_bundle": False}


class TestDynamicallyQuantised(EmbedderContract):
    """Of one batch, its scale would be that of all texts: the kit compares a text alone and beside others."""

    plugin = "encoder"

    def prepare(self, folder):
        save(folder / "tiny", quantised_model())
        return {"path": "tiny"}


@pytest.mark.parametrize(
    ("pooling", "of"), [("mean", lambda h: h.mean(axis=0)), ("cls", lambda h: h[0]), ("last", lambda h: h[-1])]
)
def test_a_vector_is_pooled_from_those_of_its_tokens(tiny, pooling, of):
    texts = [["where", "is", "my", "card"], ["card"], ["my", "card"]]
    expected = np.array([of(hidden(words)) for words in texts])
    given = [" ".join(words) for words in texts]
    got = embedder(path=str(tiny), pooling=pooling, normalize=False).embed(given)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    unit = embedder(path=str(tiny), pooling=pooling).embed(given)
    np.testing.assert_allclose(unit, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_a_prefix_stands_before_every_text_and_tokens_past_the_most_are_cut(tiny):
    plain = embedder(path=str(tiny), normalize=False)
    prefixed = embedder(path=str(tiny), normalize=False, prefix="where is ")
    np.testing.assert_array_equal(prefixed.embed(["my card"]), plain.embed(["where is my card"]))
    short = embedder(path=str(tiny), normalize=False, max_tokens=4)
    np.testing.assert_allclose(short.embed(["where is my card"])[0], hidden(["where", "is"]).mean(axis=0), atol=1e-6)


def test_a_graph_that_pools_by_itself_gives_its_vector_as_it_is(tmp_path):
    pooled = tiny_model(
        nodes=[node("ReduceMax", ["hidden", "axis"], "best", keepdims=0)],
        outputs=("best",),
        extra=[tiny_encoder.constant("axis", [1])],
    )
    got = embedder(path=str(save(tmp_path, pooled)), normalize=False).embed(["my card"])
    np.testing.assert_allclose(got[0], hidden(["my", "card"]).max(axis=0), atol=1e-6)


def test_of_several_outputs_the_one_of_a_vector_a_token_is_taken_or_the_one_that_is_named(tmp_path):
    both = tiny_model(
        nodes=[node("ReduceMax", ["hidden", "axis"], "best", keepdims=0), node("Neg", ["hidden"], "minus")],
        outputs=("best", "hidden", "minus"),
        extra=[tiny_encoder.constant("axis", [1])],
    )
    folder = save(tmp_path, both)
    h = hidden(["my", "card"])
    for output, expected in ((None, h.mean(axis=0)), ("best", h.max(axis=0)), ("minus", -h.mean(axis=0))):
        got = embedder(path=str(folder), normalize=False, output=output).embed(["my card"])
        np.testing.assert_allclose(got[0], expected, atol=1e-6)
    with pytest.raises(PluginError, match=r"gives no vectors as 'none'; outputs: best \(1, 6\), hidden \(1, 256, 6\)"):
        embedder(path=str(folder), output="none").embed(["a"])


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        (("input_ids",), TensorProto.INT64),
        (("input_ids", "attention_mask", "token_type_ids"), TensorProto.INT64),
        (("position_ids", "input_ids"), TensorProto.INT64),
        (("input_ids", "attention_mask", "position_ids"), TensorProto.INT32),
    ],
)
def test_a_graph_gets_the_inputs_that_it_asks_for(tmp_path, inputs, kind):
    folder = save(tmp_path, tiny_model(inputs=inputs, kind=kind))
    got = embedder(path=str(folder), normalize=False).embed(["my card"])
    np.testing.assert_allclose(got[0], hidden(["my", "card"]).mean(axis=0), atol=1e-6)


def test_a_graph_that_asks_for_something_else_is_refused(tmp_path):
    with pytest.raises(PluginError, match="asks for 'pixel_values'; known: input_ids, attention_mask"):
        embedder(path=str(save(tmp_path, tiny_model(inputs=("input_ids", "pixel_values"))))).embed(["a"])


def test_vectors_of_a_batch_are_to_the_bit_those_of_each_text_alone(tmp_path):
    for model in (tiny_model(), quantised_model()):
        part = embedder(path=str(save(tmp_path, model)))
        together = part.embed(TEXTS)
        np.testing.assert_array_equal(together, np.concatenate([part.embed([text]) for text in TEXTS]))


def test_a_text_without_tokens_is_zeros(tmp_path):
    part = embedder(path=str(save(tmp_path, tokenizer=tiny_tokenizer(special=False))))
    assert not part.embed(["", " \n"]).any()
    assert part.embed(["", "card"])[1].any()


def test_a_text_of_which_the_tokenizer_knows_nothing_is_zeros(tmp_path):
    folder = save(tmp_path)
    for options in ({}, {"prefix": "where is "}):
        part = embedder(path=str(folder), **options)
        assert not part.embed(["", "\u200b", "\U0001f600 \U0001f601", "zzzz"]).any()
        assert part.embed(["zzzz card"]).any()


def test_more_tokens_than_the_model_has_positions_are_refused_with_the_most_it_takes(tiny):
    with pytest.raises(PluginError, match=f"takes at most {POSITIONS} tokens; max_tokens is 301") as caught:
        embedder(path=str(tiny), max_tokens=301).embed(["a"])
    assert caught.value.problems[0].hint == f"max_tokens: {POSITIONS}"
    assert embedder(path=str(tiny), max_tokens=POSITIONS).embed(["a"]).shape == (1, D)


def test_positions_that_are_cut_from_a_table_are_counted_too(tmp_path):
    """Exporters write positions as a slice, and what is left of it does not fit a text that is longer."""
    cut = [
        node("Unsqueeze", ["tokens", "row"], "end"),
        node("Slice", ["few", "row", "end"], "own"),
        node("Add", ["hidden", "own"], "out"),
    ]
    few = tiny_encoder.constant("few", np.zeros((40, D)), np.float32)
    model = tiny_model(nodes=cut, outputs=("out",), extra=[few, tiny_encoder.constant("row", [0])])
    with pytest.raises(PluginError, match="takes at most 40 tokens; max_tokens is 256"):
        embedder(path=str(save(tmp_path, model))).embed(["a"])


def test_the_fingerprint_is_of_the_files_wherever_they_are(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "copy" / "onnx")
    (tmp_path / "copy" / "README.md").write_text("another description")
    shutil.move(tmp_path / "copy" / "onnx" / "tokenizer.json", tmp_path / "copy")
    moved = embedder(path=str(tmp_path / "copy"), in_bundle=False)
    assert moved.fingerprint() == embedder(path=str(tiny)).fingerprint()
    np.testing.assert_array_equal(moved.embed(TEXTS), embedder(path=str(tiny)).embed(TEXTS))


def test_of_several_models_one_must_be_named(tiny):
    save(tiny, tiny_model(seed=1), name="onnx/small.onnx")
    with pytest.raises(PluginError, match=r"'tiny' holds 2 models: model.onnx, onnx/small.onnx") as caught:
        embedder(path=str(tiny)).embed(["a"])
    assert caught.value.problems[0].hint == "say which: file: model.onnx"
    (got,) = embedder(path=str(tiny), file="onnx/small.onnx", normalize=False).embed(["card"])
    expected = hidden(["card"], tiny_encoder.word_vectors(seed=1)).mean(axis=0)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_repo_is_taken_from_the_cache_at_its_revision_without_network(tiny, tmp_path, monkeypatch):
    from huggingface_hub import constants

    snapshot = tmp_path / "hub" / "models--acme--tiny" / "snapshots" / REVISION
    save(snapshot, name="onnx/model.onnx")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    got = embedder(repo="acme/tiny", revision=REVISION)
    np.testing.assert_array_equal(got.embed(TEXTS), embedder(path=str(tiny)).embed(TEXTS))
    assert got.fingerprint() == embedder(path=str(tiny)).fingerprint()
    with pytest.raises(PluginError, match=r"onnx/other.onnx of 'acme/tiny' at 0123456789abcdef\S+ cannot be fetched"):
        embedder(repo="acme/tiny", revision=REVISION, file="onnx/other.onnx").embed(["a"])


def test_a_package_is_found_without_its_code_being_run(tiny, tmp_path, monkeypatch):
    site = tmp_path / "site"
    shutil.copytree(tiny, site / "acme_tiny")
    (site / "acme_tiny" / "__init__.py").write_text("raise SystemExit('imported')\n")
    info = site / "acme_tiny-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tiny\nVersion: 1.0\n")
    (info / "RECORD").write_text("acme_tiny/model.onnx,,\nacme_tiny/tokenizer.json,,\n")
    monkeypatch.syspath_prepend(str(site))
    got = embedder(package="acme-tiny")
    np.testing.assert_array_equal(got.embed(TEXTS), embedder(path=str(tiny)).embed(TEXTS))
    with pytest.raises(PluginError, match="acme-none is not installed"):
        embedder(package="acme-none").embed(["a"])
    (info / "RECORD").write_text("acme_tiny/model.onnx,,\n")
    with pytest.raises(PluginError, match=r"acme-tiny 1.0 holds no tokenizer.json"):
        embedder(package="acme-tiny").embed(["a"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "x", "package": "a"}, "give exactly one of path, repo and package; got path and package"),
        ({"repo": "a/b"}, "a repo and its revision go together"),
        ({"path": "x", "revision": REVISION}, "a repo and its revision go together"),
        ({"repo": "a/b", "revision": "main"}, "should match pattern"),
        ({"path": "x", "file": "../model.onnx"}, "should match pattern"),
        ({"path": "x", "file": "/model.onnx"}, "should match pattern"),
        ({"path": "x", "pooling": "max"}, "Input should be 'mean', 'cls' or 'last'"),
    ],
)
def test_options_that_name_no_model_or_a_moving_one_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        EncoderOptions.model_validate(options)


def test_a_spec_names_a_place_and_a_bundle_that_holds_the_model_none():
    with pytest.raises(ValidationError, match="got none"):
        EncoderOptions.model_validate({}, context={"root": "."})
    assert EncoderOptions.model_validate({}).in_bundle
    assert not EncoderOptions.model_validate({"in_bundle": False}).in_bundle


def test_a_place_that_holds_no_model_is_told(tmp_path):
    with pytest.raises(PluginError, match="is not a folder"):
        embedder(path=str(tmp_path / "none")).embed(["a"])
    with pytest.raises(PluginError, match="holds no ONNX model"):
        embedder(path=str(tmp_path)).embed(["a"])
    with pytest.raises(PluginError, match=r"holds no other.onnx; models there: none"):
        embedder(path=str(tmp_path), file="other.onnx").embed(["a"])
    (tmp_path / "model.onnx").write_bytes(tiny_model())
    with pytest.raises(PluginError, match=r"holds no tokenizer.json"):
        embedder(path=str(tmp_path)).embed(["a"])
    with pytest.raises(PluginError, match="the bundle does not hold the model, and nothing says where it is"):
        embedder().embed(["a"])


def test_a_damaged_model_is_refused(tmp_path):
    with pytest.raises(PluginError, match="is not an ONNX model"):
        embedder(path=str(save(tmp_path, b"\x0a\xff"))).embed(["a"])
    with pytest.raises(PluginError, match=r"the encoder's graph fails: .*Reshape"):
        embedder(path=str(save(tmp_path, tiny_model(nodes=[node("Reshape", ["hidden", "one"], "x")])))).embed(["a"])


def test_a_bundles_other_files_are_refused(tiny):
    part = embedder(path=str(tiny))
    state = dict(part.state())
    assert part.restore(state).fingerprint() == part.fingerprint()
    for wrong in ({}, {"model.onnx": b""}, {**state, "more": b""}):
        with pytest.raises(PluginError, match=r"of the encoder, not model.onnx and tokenizer.json"):
            part.restore(wrong)


def test_threads_share_one_embedder(tiny):
    part, found = embedder(path=str(tiny)), {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: part.embed(TEXTS)})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found.values():
        np.testing.assert_array_equal(each, found[0])


def test_it_runs_in_the_child_of_a_fork_without_a_word_and_without_pytorch(tiny):
    script = f"""
import os, sys
from tracer_spec_encoder import EncoderOptions
from tracer_spec_encoder.embedder import EncoderEmbedder
part = EncoderEmbedder(EncoderOptions(path={str(tiny)!r}))
before = part.embed(["my card"] * 3)
if (child := os.fork()) == 0:
    os._exit(0 if (part.embed(["my card"] * 3) == before).all() else 1)
assert os.waitpid(child, 0)[1] == 0
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
assert not {{"torch", "transformers", "huggingface_hub", "onnx", "sklearn"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the model in ../shared/models")
def test_a_real_model_tells_meanings_apart_and_gives_a_text_one_vector():
    part = embedder(path=str(REAL))
    cards = ["where is my card?", "my card has not arrived yet", "what is the exchange rate today?"]
    X = part.embed([*cards, *TEXTS])
    assert X.shape == (len(cards) + len(TEXTS), 384)
    assert X[0] @ X[1] > 0.5 > X[0] @ X[2]
    np.testing.assert_array_equal(X[:3], np.concatenate([part.embed([text]) for text in cards]))


def test_an_operator_of_no_standard_is_refused(tmp_path):
    shell = helper.make_node("Shell", ["hidden"], ["out"], domain="com.acme")
    with pytest.raises(PluginError, match=r"uses the operator 'Shell' of com.acme, which an encoder may not"):
        embedder(path=str(save(tmp_path, tiny_model(nodes=[shell], outputs=("out",))))).embed(["a"])
