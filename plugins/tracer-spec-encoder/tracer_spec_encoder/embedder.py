"""Texts to vectors by an ONNX encoder."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from tracer_spec.plugin import Vectors

from tracer_spec_encoder import EncoderOptions
from tracer_spec_encoder.files import ModelFiles, find_files, from_state
from tracer_spec_encoder.graph import EncoderRun
from tracer_spec_encoder.tokens import Tokens


class EncoderEmbedder:
    """Embeds texts by a transformer, or another encoder, exported to ONNX.

    Parameters
    ----------
    options : EncoderOptions
    files : ModelFiles or None
        The model, where it comes from a bundle; else it is read from where the options say it is.

    Notes
    -----
    The model is opened when the first text is embedded. A text of which the tokenizer knows nothing is all
    zeros, so that it is deferred.
    """

    def __init__(self, options: EncoderOptions, files: ModelFiles | None = None) -> None:
        self._options = options
        self._restored = files
        self._opening = threading.Lock()
        self._opened: tuple[Tokens, EncoderRun] | None = None

    @cached_property
    def _files(self) -> ModelFiles:
        return find_files(self._options) if self._restored is None else self._restored

    def _open(self) -> tuple[Tokens, EncoderRun]:
        with self._opening:
            if self._opened is None:
                asked = self._options
                tokens = Tokens(self._files.tokenizer, prefix=asked.prefix, max_tokens=asked.max_tokens)
                run = EncoderRun(self._files.model, asked)
                if self._restored is None:  # a build has checked what a bundle holds
                    run.check_length()
                self._opened = tokens, run
            return self._opened

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text, shape (n, d), float32.

        Raises
        ------
        PluginError
            Where the model cannot be opened or run.
        """
        tokens, run = self._open()
        X: Vectors = run.vectors(tokens.ids(texts))
        if self._options.normalize:
            X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return X

    def fingerprint(self) -> str:
        """Return the sha256 of what decides the vectors: both files, and how the model is asked."""
        asked = self._options
        decides = [
            2, *self._files.digests(), asked.pooling, asked.output, asked.prefix, asked.normalize, asked.max_tokens
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def state(self) -> Mapping[str, bytes]:
        """Return the model's two files, or nothing where the app says where the model is."""
        return self._files.as_state() if self._options.in_bundle else {}

    def restore(self, state: Mapping[str, bytes]) -> EncoderEmbedder:
        """Return the embedder of a bundle.

        Raises
        ------
        PluginError
            Where the bundle should hold the model and does not, or holds other files.
        """
        return EncoderEmbedder(self._options, from_state(state)) if self._options.in_bundle else self
