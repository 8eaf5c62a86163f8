"""Texts to vectors by a static model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tracer_spec.errors import PluginError
from tracer_spec.plugin import Vectors

from tracer_spec_model2vec import Model2VecOptions
from tracer_spec_model2vec.folder import digest_of, find_folder


class Model2VecEmbedder:
    """Embeds texts by the mean of their tokens' vectors.

    Parameters
    ----------
    options : Model2VecOptions

    Notes
    -----
    The model is loaded when the first text is embedded. A text without any token that the model knows is all zeros.
    """

    def __init__(self, options: Model2VecOptions) -> None:
        self._options = options

    @cached_property
    def _folder(self) -> Path:
        return find_folder(self._options.path, self._options.repo, self._options.revision)

    @cached_property
    def _model(self) -> Any:
        from model2vec import StaticModel

        try:
            # given here and not to encode, which would set it on the tokenizer and back, under the feet of other threads
            return StaticModel.from_pretrained(
                str(self._folder), max_length=self._options.max_tokens, force_download=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise PluginError(
                f"'{self._folder.name}' holds no Model2Vec model: {' '.join(str(error).split())[:200]}",
                address="embedder.with",
                hint="save one with StaticModel.save_pretrained",
            ) from error

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text, shape (n, d), float32.

        Raises
        ------
        PluginError
            Where the model cannot be loaded.
        """
        if not texts:
            return np.zeros((0, int(self._model.dim)), np.float32)
        # a lone surrogate is not a character: tokenizers refuse it
        plain = [text.encode("utf-8", "replace").decode() for text in texts]
        X: Vectors = np.asarray(
            self._model.encode(plain, normalize=self._options.normalize, use_multiprocessing=False), np.float32
        )
        return X

    def fingerprint(self) -> str:
        """Return the sha256 of what decides the vectors: the model's files, its revision, and how it is asked."""
        asked = self._options
        decides = [1, asked.revision, digest_of(self._folder), asked.normalize, asked.max_tokens]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def state(self) -> Mapping[str, bytes]:
        """Return nothing: options say which model it is."""
        return {}
