"""``lsa``: latent semantic analysis of words and character n-grams, fitted on texts alone."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracer_spec.errors import DataError
from tracer_spec.plugin import Options
from tracer_spec.plugin.one_thread import one_thread
from tracer_spec.runtime import lsa

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float32]

SAMPLE = 20_000
"""Texts that shape the embedding: more cost time and change little."""

_OVERSAMPLES = 128
_ITERATIONS = 4
_DENSE_SIDE = 1024


class LsaOptions(Options):
    """Options of ``lsa``."""

    dim: int = Field(512, ge=2, le=2048, description="dimensions; fewer where there are fewer texts, or terms")
    vocabulary: int = Field(
        10_000, ge=16, le=200_000, description="terms kept, the most frequent first; size is vocabulary x dim bytes"
    )
    max_chars: int = Field(
        2000, ge=16, le=lsa.MAX_CHARS, description="characters of a text that are read; the rest is ignored"
    )
    chars: tuple[int, int] = Field(
        (2, 4),
        description="the shortest and longest character n-gram; [1, 3] suits scripts without spaces between words",
    )

    @model_validator(mode="after")
    def _chars_in_order(self) -> LsaOptions:
        shortest, longest = self.chars
        if not 1 <= shortest <= longest <= lsa.MAX_GRAM:
            raise ValueError(
                f"chars is {[shortest, longest]}; expected the shortest first, both from 1 to {lsa.MAX_GRAM}"
            )
        return self


@dataclass(frozen=True, slots=True)
class LsaLearner:
    """Fits :class:`tracer_spec.runtime.lsa.Lsa` on texts."""

    options: LsaOptions

    def fit(self, texts: Sequence[str], *, seed: int) -> lsa.Lsa:
        """Learn vocabulary, document frequencies and singular vectors.

        Parameters
        ----------
        texts : sequence of str
            Those of fit rows. At most :data:`SAMPLE` of them, drawn by the seed, are used.
        seed : int
            At least 0.

        Returns
        -------
        Lsa
            Of ``min(dim, n_texts, n_terms)`` dimensions; the same, byte for byte, for the same texts and seed.

        Raises
        ------
        DataError
            Where no text holds a word.

        Notes
        -----
        Terms are words, pairs of neighbouring words, and character n-grams of words padded by a space on either side.
        Those in two texts or more are kept (in one, where there are fewer than ``dim`` such), the most frequent first.
        With tf_t = 1 + ln c_t, idf_t = 1 + ln((1 + n) / (1 + df_t)), and the rows tf * idf of all texts, scaled to norm 1, as
        X = U S V', the vector of a text is (tf * idf) V, scaled to norm 1, where diag(idf) V is rounded to int8 with one
        scale a row. Columns of V beyond the rank of X are zero.

        References
        ----------
        Halko, Martinsson, Tropp: Finding structure with randomness. SIAM Review 53(2), 2011, algorithms 4.4 and 5.1.
        """
        import scipy.linalg  # noqa: F401 - loaded before the limit, which binds the libraries that are there

        rng = np.random.default_rng(seed)
        if len(texts) > SAMPLE:
            texts = [texts[row] for row in np.sort(rng.choice(len(texts), SAMPLE, replace=False))]
        words, grams, counts = self._count(texts)
        kept_words, kept_grams, X = self._select(words, grams, counts)
        if not X.shape[1]:
            raise DataError(
                f"none of {len(texts):,} texts holds a letter or a digit, so that lsa has nothing to learn from",
                address="embedder",
                hint="check that traces.format maps 'text' to the text of the request",
            )
        n_texts = len(texts)
        df = np.bincount(X.indices, minlength=X.shape[1])
        idf = 1 + np.log((1 + n_texts) / (1 + df))
        X.data = lsa.TF.take(X.data, mode="clip") / lsa.TF_UNIT * idf[X.indices]
        with one_thread():
            V = _right_singular_vectors(_unit_rows(X), min(self.options.dim, n_texts, X.shape[1]), rng)
        components, weights = _quantise(V * idf[:, None])
        return lsa.Lsa(kept_words, kept_grams, weights, components, self.options.max_chars, self.options.chars)

    def restore(self, state: Mapping[str, bytes]) -> lsa.Lsa:
        """Return the embedder whose state this is."""
        return lsa.restore(state)

    def _count(self, texts: Sequence[str]) -> tuple[dict[str, int], dict[str, int], csr_array]:
        """Return the column of every word and pair, of every n-gram, and the counts, shape (n, terms)."""
        from scipy.sparse import csr_array

        words: dict[str, int] = {}
        grams: dict[str, int] = {}
        of_word: dict[str, list[int]] = {}
        columns, values, ends = array("i"), array("i"), array("q", [0])
        for text in texts:
            found: list[int] = []
            previous = ""
            for word in lsa.words(text, self.options.max_chars):
                if word not in of_word:
                    terms = [(words, word), *((grams, gram) for gram in lsa.grams(word, *self.options.chars))]
                    of_word[word] = [kind.setdefault(term, len(words) + len(grams)) for kind, term in terms]
                found += of_word[word]
                if previous:
                    found.append(words.setdefault(f"{previous} {word}", len(words) + len(grams)))
                previous = word
            counts = Counter(found)
            columns.extend(counts)
            values.extend(counts.values())
            ends.append(len(columns))
        shape = (len(texts), len(words) + len(grams))
        parts = (np.array(values, np.int64), np.array(columns, np.int32), np.array(ends, np.int64))
        return words, grams, csr_array(parts, shape=shape)

    def _select(
        self, words: Mapping[str, int], grams: Mapping[str, int], counts: csr_array
    ) -> tuple[tuple[str, ...], tuple[str, ...], csr_array]:
        """Return the words and the n-grams kept, sorted, and their counts in that order."""
        df: list[int] = np.bincount(counts.indices, minlength=counts.shape[1]).tolist()
        least = 2 if sum(each >= 2 for each in df) >= self.options.dim else 1
        ranked = sorted(
            (-df[column], kind, term, column)
            for kind, terms in enumerate((words, grams))
            for term, column in terms.items()
            if df[column] >= least
        )
        kept = sorted(each[1:] for each in ranked[: self.options.vocabulary])
        kept_words, kept_grams = (tuple(term for of, term, _ in kept if of == kind) for kind in (0, 1))
        return kept_words, kept_grams, counts[:, [column for *_, column in kept]]


def _unit_rows(X: csr_array) -> csr_array:
    """Return X with rows of norm 1, float32; empty rows stay empty."""
    from scipy.sparse import csr_array

    # on the plain arrays: methods of X may sort them on the way, which would pair values with other columns
    row_of = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    norms = np.sqrt(np.bincount(row_of, weights=X.data**2, minlength=X.shape[0]))
    return csr_array(((X.data / norms[row_of]).astype(np.float32), X.indices, X.indptr), shape=X.shape)


def _right_singular_vectors(X: csr_array, k: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the k leading right singular vectors as columns, each of fixed sign; zero beyond the rank of X."""
    n_rows, n_columns = X.shape
    if min(n_rows, n_columns) <= max(_DENSE_SIDE, k + _OVERSAMPLES):
        X = X.astype(np.float64)
        squares, left = np.linalg.eigh((X @ X.T if n_rows < n_columns else X.T @ X).toarray())
        singular, V = _leading(squares, left, k)
        if n_rows < n_columns:
            V = X.T @ V / np.maximum(singular, np.finfo(np.float64).tiny)
    else:
        basis = _range(X, k + _OVERSAMPLES, rng)
        image = np.asarray(X @ basis, np.float64)
        singular, rotation = _leading(*np.linalg.eigh(image.T @ image), k)
        V = basis.astype(np.float64) @ rotation
    V[:, singular <= 1e-5 * singular[0]] = 0
    largest = V[np.abs(V).argmax(axis=0), np.arange(k)]
    return V * np.where(largest < 0, -1.0, 1.0)


def _leading(
    squares: NDArray[np.float64], vectors: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the k greatest singular values, falling, with their vectors, from what ``eigh`` gives."""
    return np.sqrt(np.maximum(squares[::-1][:k], 0)), vectors[:, ::-1][:, :k]


def _range(X: csr_array, size: int, rng: np.random.Generator) -> Floats:
    """Return an orthonormal basis, shape (columns, size), that nearly spans the leading right singular vectors."""
    from scipy.linalg import lu, qr

    basis = X.T @ rng.standard_normal((X.shape[0], size), dtype=np.float32)
    for _ in range(_ITERATIONS):
        # between the steps LU keeps columns apart as well as QR does, for a tenth of its time
        basis = X.T @ lu(X @ lu(basis, permute_l=True)[0], permute_l=True)[0]
    orthonormal: Floats = qr(basis, mode="economic")[0]
    return orthonormal


def _quantise(C: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Return int8 rows and their uint8 scales, with C close to ``unit * scales * rows`` for some unit."""
    largest = np.abs(C).max(axis=1)
    unit = largest.max() / (127 * 255)
    # scales are whole before rows are rounded, so that rounding them costs nothing; at least 1, for a row of zeros
    scales = np.clip(np.ceil(largest / (127 * unit)), 1, 255)
    rows: Any = np.clip(np.rint(C / (unit * scales)[:, None]), -127, 127)
    return rows.astype(np.int8), scales.astype(np.uint8)
