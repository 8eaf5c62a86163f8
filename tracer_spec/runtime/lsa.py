"""The embedder ``lsa`` at run time: latent semantic analysis with NumPy and the standard library alone.

A text becomes words, pairs of words and character n-grams of words; each that the vocabulary knows adds its row of a
small integer matrix. Build and production run this very code, so what is certified is what ships.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import EMBEDDER, REBUILD
from tracer_spec.runtime.strict_json import canonical_json, read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALGORITHM = "lsa 1"
"""Part of the fingerprint: whatever changes a vector changes this."""

SETTINGS, WORDS, GRAMS, WEIGHTS, COMPONENTS = "lsa.json", "words.txt", "grams.txt", "weights.u8", "components.i8"
MEMBERS = (SETTINGS, WORDS, GRAMS, WEIGHTS, COMPONENTS)

MAX_CHARS = 1_000_000
MAX_GRAM = 16
MAX_TERMS = 500_000

TF_UNIT = 64
# 1 + ln(count) in 64ths, level from 64 on: whole numbers keep every sum exact, so neither the order of adding, nor
# the BLAS, nor its threads can change a bit of a vector
TF = np.rint(TF_UNIT * (1 + np.log(np.maximum(np.arange(65), 1)))).astype(np.float64)

_CACHED_WORDS = 8192
_CACHED_WORD_CHARS = 32

_ASCII_WORD = re.compile(r"\w+", re.ASCII)
# vowel signs and accents that stand alone are no \w to Python, yet they do not end a word
_WORD = re.compile(
    r"[\w\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u0900-\u0963\u0966-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3]+"
)


def words(text: str, max_chars: int) -> list[str]:
    """Return the words of a text in their order, folded to one case and one Unicode form.

    Parameters
    ----------
    text : str
        Any string.
    max_chars : int
        Characters of the text that are read; the rest is not part of the embedding.

    Examples
    --------
    >>> words("Where's my Card?", max_chars=2000)
    ['where', 's', 'my', 'card']
    """
    text = text[:max_chars]
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def grams(word: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams of a word between two spaces, repeats included.

    Examples
    --------
    >>> grams("card", 3, 5)
    [' ca', 'car', 'ard', 'rd ', ' car', 'card', 'ard ', ' card', 'card ']
    """
    padded = f" {word} "
    found: list[str] = []
    for size in range(shortest, min(longest, len(padded)) + 1):
        found += [padded[start : start + size] for start in range(len(padded) - size + 1)]
    # a word shorter than the shortest n-gram stands for itself
    return found or [padded]


@dataclass(frozen=True, eq=False, slots=True)
class Lsa:
    """A fitted embedder: text to unit vector, with integers only.

    Parameters
    ----------
    words : tuple of str, length n_words
        Words, and pairs of words with a space between; row i of the matrix is that of ``words[i]``.
    grams : tuple of str, length n_grams
        Character n-grams; row ``n_words + i`` is that of ``grams[i]``.
    weights : ndarray of shape (n_words + n_grams,), uint8
        The scale of each row.
    components : ndarray of shape (n_words + n_grams, d), int8
        Row i times ``weights[i]`` is proportional to the term's inverse document frequency times its singular vectors.
    max_chars : int
        Characters of a text that are read.
    chars : tuple of (int, int)
        The shortest and the longest character n-gram.

    Notes
    -----
    With c_t the count of a known term t, the vector is v / |v|, v = sum_t round(64 (1 + ln c_t)) weights_t components_t.
    All of these are integers, and v stays far below 2**53, so the sum is exact in float64 and the same in any order: a
    text has the same vector, bit for bit, alone or in a batch, on any thread. A text without a known term has the zero
    vector.

    Words seen are remembered (at most 8,192 of them), which changes speed and nothing else; threads may share the
    object.

    References
    ----------
    Deerwester, Dumais, Furnas, Landauer, Harshman: Indexing by latent semantic analysis. JASIS 41(6), 1990.
    """

    words: tuple[str, ...] = field(repr=False)
    grams: tuple[str, ...] = field(repr=False)
    weights: NDArray[np.uint8] = field(repr=False)
    components: NDArray[np.int8] = field(repr=False)
    max_chars: int
    chars: tuple[int, int]
    _word_rows: dict[str, int] = field(init=False, repr=False)
    _gram_rows: dict[str, int] = field(init=False, repr=False)
    _float_weights: NDArray[np.float64] = field(init=False, repr=False)
    _seen: dict[str, NDArray[np.intp]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_words = len(self.words)
        n_terms = n_words + len(self.grams)
        object.__setattr__(self, "_word_rows", dict(zip(self.words, range(n_words), strict=True)))
        object.__setattr__(self, "_gram_rows", dict(zip(self.grams, range(n_words, n_terms), strict=True)))
        object.__setattr__(self, "_float_weights", self.weights.astype(np.float64))
        object.__setattr__(self, "_seen", {})

    @property
    def dim(self) -> int:
        """Return the dimension of the vectors, d."""
        return int(self.components.shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text.

        Parameters
        ----------
        texts : sequence of str, length n

        Returns
        -------
        ndarray of shape (n, d), float32
            Rows of norm 1, or of norm 0 where a text holds no known term.

        Raises
        ------
        TypeError
            Where ``texts`` is one string.
        """
        if isinstance(texts, str):
            raise TypeError("one text is not a batch: pass [text]")
        X = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            self._embed_into(X[row], text)
        return X

    def _embed_into(self, out: NDArray[np.float32], text: str) -> None:
        rows, counts = self.terms(text)
        tf = TF.take(counts, mode="clip") * self._float_weights.take(rows)
        sums = tf @ self.components.take(rows, axis=0).astype(np.float64)
        norm = math.sqrt(sums @ sums)
        if norm > 0:
            out[:] = sums / norm

    def terms(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the known terms of a text.

        Returns
        -------
        rows : ndarray of shape (n,), intp
            Rows of the matrix, each once, in no particular order.
        counts : ndarray of shape (n,), intp
            How often each of them occurs; at least 1.
        """
        found = words(text, self.max_chars)
        seen, word_rows = self._seen, self._word_rows
        parts = [self._rows_of_word(word) if (rows := seen.get(word)) is None else rows for word in found]
        pairs = [word_rows[pair] for pair in map(" ".join, pairwise(found)) if pair in word_rows]
        occurring = np.concatenate([*parts, np.array(pairs, np.intp)])
        # all occurrences of a term are counted at one of them, in a third of the time that a Counter takes
        place = np.empty(len(self.weights), np.intp)
        place[occurring] = np.arange(len(occurring))
        counts = np.bincount(place[occurring])
        once = counts.nonzero()[0]
        return occurring[once], counts[once]

    def _rows_of_word(self, word: str) -> NDArray[np.intp]:
        """Return the rows of a word's own terms, repeats included."""
        gram_rows = self._gram_rows
        known = [gram_rows[gram] for gram in grams(word, *self.chars) if gram in gram_rows]
        if word in self._word_rows:
            known.append(self._word_rows[word])
        rows = np.array(known, np.intp)
        if len(word) <= _CACHED_WORD_CHARS:
            if len(self._seen) >= _CACHED_WORDS:
                # forget all: texts made of ever new words must neither fill the memory nor lock out the usual ones
                self._seen.clear()
            self._seen[word] = rows
        return rows

    def fingerprint(self) -> str:
        """Return the sha256, in hex, of the algorithm's name and the state."""
        digest = hashlib.sha256(f"{ALGORITHM}\n".encode())
        # the matrix as it lies in memory: a copy would be the most that a process ever holds
        for name, content in (self._small_state() | {COMPONENTS: np.ascontiguousarray(self.components).data}).items():
            digest.update(f"{name} {memoryview(content).nbytes}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def state(self) -> dict[str, bytes]:
        """Return what :func:`restore` needs, as files of a bundle."""
        return self._small_state() | {COMPONENTS: self.components.tobytes()}

    def _small_state(self) -> dict[str, bytes]:
        """Return all of the state but the matrix."""
        settings = {"chars": list(self.chars), "dim": self.dim, "max_chars": self.max_chars, "version": 1}
        return {
            SETTINGS: canonical_json(settings),
            WORDS: "\n".join(self.words).encode(),
            GRAMS: "\n".join(self.grams).encode(),
            WEIGHTS: self.weights.tobytes(),
        }


def restore(state: Mapping[str, bytes]) -> Lsa:
    """Return the embedder whose state this is.

    Parameters
    ----------
    state : mapping of str to bytes
        What :meth:`Lsa.state` returned.

    Raises
    ------
    BundleError
        Where a file is missing, unknown or damaged, or the files do not belong together.
    """
    if set(state) != set(MEMBERS):
        raise _refusal("", f"the state of lsa has the files {sorted(state)}; expected {sorted(MEMBERS)}")
    settings = _settings(state[SETTINGS])
    terms = {name: _terms(name, state[name]) for name in (WORDS, GRAMS)}
    n_terms = sum(map(len, terms.values()))
    return Lsa(
        words=terms[WORDS],
        grams=terms[GRAMS],
        weights=np.frombuffer(_sized(state, WEIGHTS, n_terms), np.uint8),
        components=np.frombuffer(_sized(state, COMPONENTS, n_terms * settings["dim"]), np.int8).reshape(
            n_terms, settings["dim"]
        ),
        max_chars=settings["max_chars"],
        chars=(settings["chars"][0], settings["chars"][1]),
    )


def _settings(content: bytes) -> dict[str, Any]:
    """Return the settings, each of its type and in its range."""
    settings = read_json(content, member=f"{EMBEDDER}{SETTINGS}", max_bytes=4096)
    if set(settings) != {"chars", "dim", "max_chars", "version"}:
        raise _refusal(SETTINGS, f"has the keys {sorted(settings)}; expected chars, dim, max_chars, version")
    _check_int("version", settings["version"], 1, 1)
    _check_int("dim", settings["dim"], 1, limits.DIMENSION)
    _check_int("max_chars", settings["max_chars"], 1, MAX_CHARS)
    chars = settings["chars"]
    if not isinstance(chars, list) or len(chars) != 2:
        raise _refusal(SETTINGS, "chars is not a list of two integers")
    _check_int("chars[0]", chars[0], 1, MAX_GRAM)
    _check_int("chars[1]", chars[1], chars[0], MAX_GRAM)
    return settings


def _check_int(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _refusal(SETTINGS, f"{name} is {str(value)[:40]}; expected an integer from {low} to {high}")


def _terms(name: str, content: bytes) -> tuple[str, ...]:
    """Return the lines of a vocabulary."""
    n_lines = content.count(b"\n") + 1
    if n_lines > MAX_TERMS:
        raise _refusal(name, f"has {n_lines} lines; at most {MAX_TERMS} are read")
    try:
        terms = tuple(content.decode().split("\n")) if content else ()
    except UnicodeDecodeError as error:
        raise _refusal(name, f"is not UTF-8: {error.reason} at byte {error.start}") from None
    if "" in terms or len(set(terms)) != len(terms):
        raise _refusal(name, "holds an empty line or a line twice")
    return terms


def _sized(state: Mapping[str, bytes], name: str, n_bytes: int) -> bytes:
    if len(state[name]) != n_bytes:
        raise _refusal(name, f"has {len(state[name])} bytes; its vocabulary and dimension ask for {n_bytes}")
    return state[name]


def _refusal(member: str, what: str) -> BundleError:
    return BundleError(what, address=f"{EMBEDDER}{member}", hint=REBUILD)
