from __future__ import annotations

import importlib.util
import json
import shutil

import numpy as np
import pytest
from pydantic import ValidationError
from tracer_spec.errors import PluginError
from tracer_spec.testing import EmbedderContract
from tracer_spec.testing.rows import TEXTS

if importlib.util.find_spec("sentence_transformers") is None:
    pytest.skip("sentence-transformers is not installed", allow_module_level=True)

from tracer_spec_sentence_transformers import SentenceTransformersOptions
from tracer_spec_sentence_transformers.embedder import SentenceTransformersEmbedder

REVISION = "0123456789abcdef0123456789abcdef01234567"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = sorted({word.lower() for text in TEXTS for word in text.split()})


def save_tiny_model(folder, seed=0):
    """Make a BERT of one layer and a few words, with mean pooling."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizerFast

    base = folder.with_name(f"{folder.name}-base")
    base.mkdir()
    (base / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS]) + "\n")
    tokenizer = BertTokenizerFast(vocab=str(base / "vocab.txt"))
    tokenizer.save_pretrained(base)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(SPECIAL) + len(WORDS),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        )
        BertModel(config).save_pretrained(base)
    transformer = modules.Transformer(str(base), max_seq_length=32)
    SentenceTransformer(modules=[transformer, modules.Pooling(16)], device="cpu").save(str(folder))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny_model(folder)
    return folder


def embedder(**options):
    return SentenceTransformersEmbedder(SentenceTransformersOptions.model_validate(options))


class TestContract(EmbedderContract):
    plugin = "sentence-transformers"
    others = [{"path": "tiny", "prefix": "query: "}, {"path": "tiny", "normalize": False}, {"path": "other"}]

    def prepare(self, folder):
        save_tiny_model(folder / "tiny")
        save_tiny_model(folder / "other", seed=1)
        return {"path": "tiny"}


def test_vectors_are_those_of_the_library(tiny):
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(tiny), device="cpu").encode(list(TEXTS[:5]), show_progress_bar=False)
    np.testing.assert_allclose(embedder(path=str(tiny), normalize=False).embed(TEXTS[:5]), expected, atol=1e-6)
    unit = embedder(path=str(tiny)).embed(TEXTS[:5])
    np.testing.assert_allclose(unit, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_texts_are_prefixed_and_cut(tiny):
    asked, plain = embedder(path=str(tiny), prefix="where is "), embedder(path=str(tiny))
    np.testing.assert_allclose(asked.embed(["my card"]), plain.embed(["where is my card"]), atol=1e-6)
    short = embedder(path=str(tiny), max_tokens=4)  # two of them are [CLS] and [SEP]
    np.testing.assert_allclose(short.embed(["my card is here"]), plain.embed(["my card"]), atol=1e-6)


def test_the_fingerprint_is_of_the_files_and_the_revision_wherever_they_are(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("another description")
    mark = embedder(path=str(tiny)).fingerprint()
    assert embedder(path=str(tmp_path / "copy")).fingerprint() == mark
    assert embedder(path=str(tiny), revision=REVISION).fingerprint() != mark
    (pooling,) = (tmp_path / "copy").glob("1_*/config.json")
    pooling.write_text(pooling.read_text() + "\n")
    assert embedder(path=str(tmp_path / "copy")).fingerprint() != mark


def test_a_repo_is_taken_from_the_cache_at_its_revision_without_network(tiny, tmp_path, monkeypatch):
    import huggingface_hub

    shutil.copytree(tiny, tmp_path / "hub" / "models--acme--tiny" / "snapshots" / REVISION)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    got = embedder(repo="acme/tiny", revision=REVISION)
    np.testing.assert_allclose(got.embed(TEXTS), embedder(path=str(tiny)).embed(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give exactly one of path and repo; got neither"),
        ({"path": "x", "repo": "a/b"}, "give exactly one of path and repo; got both"),
        ({"repo": "a/b"}, "a repo needs its revision"),
        ({"repo": "a/b", "revision": "main"}, "should match pattern"),
    ],
)
def test_options_that_name_no_model_or_a_moving_one_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        SentenceTransformersOptions.model_validate(options)


def test_code_beside_a_model_is_not_run(tiny, tmp_path):
    folder = tmp_path / "code"
    shutil.copytree(tiny, folder)
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nOwn = None\n")
    parts = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([{**parts[0], "type": "own.Own"}, *parts[1:]]))
    with pytest.raises(PluginError, match="'code' cannot be loaded"):
        embedder(path=str(folder)).embed(["a"])
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_not_there_or_holds_no_model_is_said(tmp_path):
    with pytest.raises(PluginError, match="is not a folder"):
        embedder(path=str(tmp_path / "none")).embed(["a"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PluginError, match="'empty' holds no model of Sentence Transformers"):
        embedder(path=str(tmp_path / "empty")).embed(["a"])
