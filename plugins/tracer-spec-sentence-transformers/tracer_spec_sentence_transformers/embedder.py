"""Texts to vectors by a transformer."""

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

from tracer_spec_sentence_transformers import SentenceTransformersOptions
from tracer_spec_sentence_transformers.folder import digest_of, find_folder


class SentenceTransformersEmbedder:
    """Embeds texts by a model of Sentence Transformers.

    Parameters
    ----------
    options : SentenceTransformersOptions

    Notes
    -----
    The model is loaded when the first text is embedded, from its folder alone and without running any code that lies in it.
    Texts of one batch are padded to one length, which shows in the last digits of their vectors, and so does the device.
    """

    def __init__(self, options: SentenceTransformersOptions) -> None:
        self._options = options

    @cached_property
    def _folder(self) -> Path:
        return find_folder(self._options.path, self._options.repo, self._options.revision)

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import SentenceTransformer

        folder = self._folder
        if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
            raise PluginError(
                f"'{folder.name}' holds no model of Sentence Transformers: it has no modules.json",
                address="embedder.with",
                hint="save one with SentenceTransformer.save",
            )
        try:
            model = SentenceTransformer(
                str(folder), device=self._options.device, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise PluginError(
                f"'{folder.name}' cannot be loaded: {' '.join(str(error).split())[:200]}", address="embedder.with"
            ) from error
        if self._options.max_tokens is not None:
            model.max_seq_length = self._options.max_tokens
        return model.eval()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text, shape (n, d), float32.

        Raises
        ------
        PluginError
            Where the model cannot be loaded.
        """
        # a lone surrogate is not a character: tokenizers refuse it
        plain = [self._options.prefix + text.encode("utf-8", "replace").decode() for text in texts]
        # without any text, an empty one gives the dimension
        X: Vectors = np.asarray(
            self._model.encode(
                plain or [""],
                batch_size=self._options.batch,
                normalize_embeddings=self._options.normalize,
                convert_to_numpy=True,
                show_progress_bar=False,
            ),
            np.float32,
        )
        return X[: len(plain)]

    def fingerprint(self) -> str:
        """Return the sha256 of what decides the vectors: the model's files, its revision, and how it is asked."""
        asked = self._options
        decides = [1, asked.revision, digest_of(self._folder), asked.prefix, asked.normalize, asked.max_tokens]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def state(self) -> Mapping[str, bytes]:
        """Return nothing: options say which model it is."""
        return {}
