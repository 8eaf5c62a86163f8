from __future__ import annotations

import importlib.util
import shutil

import numpy as np
import pytest
from pydantic import ValidationError
from tracer_spec.errors import PluginError
from tracer_spec.testing import EmbedderContract
from tracer_spec.testing.rows import TEXTS

if importlib.util.find_spec("model2vec") is None:
    pytest.skip("model2vec is not installed", allow_module_level=True)

from tracer_spec_model2vec import Model2VecOptions
from tracer_spec_model2vec.embedder import Model2VecEmbedder
from tracer_spec_model2vec.folder import digest_of

REVISION = "0123456789abcdef0123456789abcdef01234567"
WORDS = sorted({word for text in TEXTS for word in text.split()})


def save_tiny_model(folder, seed=0, d=7):
    """Make a model of a few words, and return its vectors by word."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = ["[UNK]", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.normalizer = normalizers.NFC()
    vectors = np.random.default_rng(seed).normal(size=(len(words), d)).astype(np.float32)
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(folder)
    return dict(zip(words, vectors, strict=True))


@pytest.fixture
def tiny(tmp_path):
    folder = tmp_path / "tiny"
    return folder, save_tiny_model(folder)


def embedder(**options):
    return Model2VecEmbedder(Model2VecOptions.model_validate(options))


class TestContract(EmbedderContract):
    plugin = "model2vec"
    others = [{"path": "tiny", "normalize": False}, {"path": "tiny", "max_tokens": 2}, {"path": "other"}]

    def prepare(self, folder):
        save_tiny_model(folder / "tiny")
        save_tiny_model(folder / "other", seed=1)
        return {"path": "tiny"}


def test_a_vector_is_the_mean_of_its_words(tiny):
    folder, words = tiny
    got = embedder(path=str(folder), normalize=False).embed(["where is my card", "my unheard-of card"])
    expected = [
        np.mean([words[word] for word in text], axis=0) for text in (["where", "is", "my", "card"], ["my", "card"])
    ]
    np.testing.assert_allclose(got, expected, atol=1e-6)
    unit = embedder(path=str(folder)).embed(["where is my card"])
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    (short,) = embedder(path=str(folder), normalize=False, max_tokens=2).embed(["where is my card"])
    np.testing.assert_allclose(short, np.mean([words["where"], words["is"]], axis=0), atol=1e-6)


def test_a_text_of_no_known_word_is_zeros(tiny):
    assert not embedder(path=str(tiny[0])).embed(["", "Ω", "lone \ud800"]).any()


def test_the_fingerprint_is_of_the_files_and_the_revision_wherever_they_are(tiny, tmp_path):
    folder, _ = tiny
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("another description")
    (tmp_path / "copy" / ".gitattributes").write_text("")
    mark = embedder(path=str(folder)).fingerprint()
    assert embedder(path=str(tmp_path / "copy")).fingerprint() == mark
    assert embedder(path=str(folder), revision=REVISION).fingerprint() != mark
    config = tmp_path / "copy" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert embedder(path=str(tmp_path / "copy")).fingerprint() != mark


def test_the_digest_is_of_names_and_contents(tmp_path):
    for name, files in {"a": {"x": "12", "y": "3"}, "b": {"x": "1", "y": "23"}, "c": {"x": "12", "z": "3"}}.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
    assert len({digest_of(tmp_path / name) for name in "abc"}) == 3


def test_a_repo_is_taken_from_the_cache_at_its_revision_without_network(tiny, tmp_path, monkeypatch):
    import huggingface_hub

    snapshot = tmp_path / "hub" / "models--acme--tiny" / "snapshots" / REVISION
    shutil.copytree(tiny[0], snapshot)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    got = embedder(repo="acme/tiny", revision=REVISION)
    np.testing.assert_array_equal(got.embed(TEXTS), embedder(path=str(tiny[0])).embed(TEXTS))
    assert got.fingerprint() == embedder(path=str(tiny[0]), revision=REVISION).fingerprint()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give exactly one of path and repo; got neither"),
        ({"path": "x", "repo": "a/b"}, "give exactly one of path and repo; got both"),
        ({"repo": "a/b"}, "a repo needs its revision"),
        ({"repo": "a/b", "revision": "main"}, "should match pattern"),
        ({"repo": "../b/c", "revision": REVISION}, "should match pattern"),
    ],
)
def test_options_that_name_no_model_or_a_moving_one_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        Model2VecOptions.model_validate(options)


def test_a_folder_that_is_not_there_or_holds_no_model_is_said(tmp_path):
    with pytest.raises(PluginError, match="is not a folder"):
        embedder(path=str(tmp_path / "none")).embed(["a"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PluginError, match="'empty' holds no Model2Vec model"):
        embedder(path=str(tmp_path / "empty")).embed(["a"])
