"""Embeds texts by an endpoint: each distinct text once, in bounded batches, in order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tracer_spec.plugin import Vectors

from tracer_spec_openai.answer import vectors_of
from tracer_spec_openai.client import Client
from tracer_spec_openai.options import OpenAIOptions

# endpoints refuse a text of nothing, or embed it as they please
NOTHING = "(empty)"


class OpenAIEmbedder:
    """Embeds texts by an OpenAI-compatible endpoint.

    Parameters
    ----------
    options : OpenAIOptions

    Notes
    -----
    Nothing is read from the environment, and nothing is sent, before texts are embedded. Repeated texts are sent once. A
    text of nothing but white space is sent as :data:`NOTHING`.
    """

    is_service = True

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._client = Client(options)
        self._dimension = options.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text.

        Parameters
        ----------
        texts : sequence of str, length n

        Returns
        -------
        ndarray of shape (n, d), float32
            (0, 0) where there is no text and d is not known yet.

        Raises
        ------
        PluginError
            Where the key is missing, the endpoint refuses, fails more often than it is worth trying, or takes longer than
            ``deadline_s``, and where what it answers is not one finite vector of one dimension for each text.
        """
        sent = [self._as_sent(text) for text in texts]
        distinct = list(dict.fromkeys(sent))
        if not distinct:
            return np.zeros((0, self._dimension or 0), np.float32)
        call = self._client.begin()
        parts = []
        for batch in batches(distinct, self._options.batch_texts, self._options.batch_chars):
            body: dict[str, Any] = {"model": self._options.model, "input": batch, "encoding_format": "float"}
            if self._options.dimensions is not None:
                body["dimensions"] = self._options.dimensions
            parts.append(vectors_of(call.post(body), len(batch), self._dimension))
            self._dimension = parts[-1].shape[1]
        X = np.concatenate(parts)
        if self._options.normalize:
            X /= np.linalg.norm(X, axis=1, keepdims=True)
        place = {text: row for row, text in enumerate(distinct)}
        rows: Vectors = X[[place[text] for text in sent]].astype(np.float32)
        return rows

    def fingerprint(self) -> str:
        """Return the sha256 of what decides the vectors: model, dimensions, and how texts are sent; not the address."""
        asked = self._options
        decides = [1, asked.model, asked.dimensions, asked.prefix, asked.max_chars, asked.normalize]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def state(self) -> Mapping[str, bytes]:
        """Return nothing: options say it all."""
        return {}

    def _as_sent(self, text: str) -> str:
        plain = text if text.strip() else NOTHING
        # a lone surrogate is not a character, and cannot be sent as UTF-8
        return self._options.prefix + plain[: self._options.max_chars].encode("utf-8", "replace").decode()


def batches(texts: Sequence[str], most_texts: int, most_chars: int) -> Iterator[list[str]]:
    """Yield texts in order, in lists of bounded length and bounded characters, never empty.

    Examples
    --------
    >>> list(batches(["aa", "b", "cccc", "d"], 3, 4))
    [['aa', 'b'], ['cccc'], ['d']]
    """
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and (len(batch) == most_texts or chars + len(text) > most_chars):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    if batch:
        yield batch
