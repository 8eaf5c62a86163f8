"""Texts to token ids, by a tokenizer that has been checked: a file from elsewhere takes bounded time and memory a text."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from tracer_spec.errors import PluginError

_CHARACTERS = 64
_GROWTH = 10_000
_WORD_CHARACTERS = 200
_AFFIX_CHARACTERS = 64
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_PATTERNS = frozenset((
    " {2,}", r"\s+", r"[\s]+", r"\p{N}", r"\d", r"\d{1,3}", "[\r\n]", r"\s?\p{L}+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
))  # fmt: skip
"""The regular expressions of published tokenizers (XLM-R, GPT-2, Qwen, Llama 3): others could take for ever on a text."""

_ADDRESS = "the encoder's tokenizer.json"
_HINT = "save the model's own tokenizer again, by tokenizers or transformers"


class Tokens:
    """Cuts texts into token ids.

    Parameters
    ----------
    document : bytes
        A ``tokenizer.json``.
    prefix : str
        Put before every text.
    max_tokens : int
        Ids of a text at most, special tokens included.

    Raises
    ------
    PluginError
        Where it is no tokenizer, or one that could take for ever.
    """

    def __init__(self, document: bytes, *, prefix: str, max_tokens: int) -> None:
        model = check_tokenizer(document)
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_buffer(document)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(max_tokens)
        except BaseException as error:
            raise _refused(error, "cannot be read") from error
        self._prefix, self._max_tokens = prefix, max_tokens
        self._unknown = _unknown_id(model, self._tokenizer)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text; none for one of which the tokenizer knows nothing.

        Notes
        -----
        One text at a time: a batch would start threads, which do not survive ``os.fork``.
        """
        most = _CHARACTERS * self._max_tokens
        # a lone surrogate is not a character: tokenizers refuse it
        plain = (f"{self._prefix}{text}"[:most].encode("utf-8", "replace").decode() for text in texts)
        try:
            return [self._known_ids(self._tokenizer.encode(text)) for text in plain]
        except BaseException as error:
            raise _refused(error, "cannot cut a text") from error

    def _known_ids(self, encoding: Any) -> list[int]:
        ids: list[int] = encoding.ids[: self._max_tokens]
        marks = zip(ids, encoding.special_tokens_mask, encoding.offsets, strict=False)
        start = len(self._prefix)
        is_known = any(not special and each != self._unknown and end > start for each, special, (_, end) in marks)
        return ids if is_known else []


def _unknown_id(model: dict[str, Any], tokenizer: Any) -> int | None:
    """Return the id of what stands for all that the tokenizer does not know; None where it knows every byte."""
    token = model.get("unk_token")
    found: int | None = model.get("unk_id") if token is None else tokenizer.token_to_id(str(token))
    return found


def check_tokenizer(document: bytes) -> dict[str, Any]:
    """Refuse a tokenizer that is random, or that could take far more time or memory than its texts are long.

    Returns
    -------
    dict
        Its ``model``.

    Raises
    ------
    PluginError
    """
    try:
        found = json.loads(document, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise PluginError(f"is not JSON: {str(error)[:200]}", address=_ADDRESS, hint=_HINT) from None
    if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
        raise PluginError("is not a tokenizer: it has no model", address=_ADDRESS, hint=_HINT)
    model = found["model"]
    growth = 1.0
    for part in _parts({key: found.get(key) for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder")}):
        pattern = part.get("Regex")
        if pattern is not None and pattern not in _PATTERNS:
            raise _unsafe(f"has a pattern of its own, {str(pattern)[:60]!r}, which could take for ever on a text")
        growth *= _growth(part)
    if growth > _GROWTH:
        raise _unsafe(f"can make a text more than {_GROWTH} times as long")
    if model.get("dropout"):
        raise _unsafe("draws tokens at random (dropout), so that a text has no vector of its own")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if len(str(model.get(name))) > _AFFIX_CHARACTERS:
            raise _unsafe(f"has a {name} of more than {_AFFIX_CHARACTERS} characters")
    longest = model.get("max_input_chars_per_word", 0)
    if not isinstance(longest, int) or longest > _WORD_CHARACTERS:
        raise _unsafe(f"tries words of {str(longest)[:20]} characters; at most {_WORD_CHARACTERS}")
    return model


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, each of whose keys is given once: readers differ in which of two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _growth(part: dict[str, Any]) -> float:
    """Return how many times as long a step can make a text."""
    kind = part.get("type")
    if kind in ("Replace", "Prepend"):
        return 1.0 + len(str(part.get("content" if kind == "Replace" else "prepend", "")))
    if kind == "TemplateProcessing":
        pieces = part.get("single")
        return float(len(pieces)) if isinstance(pieces, list) else 1.0
    return _longest_replacement(part.get("precompiled_charsmap")) if kind == "Precompiled" else 1.0


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a value; JSON is no deeper than its reader can go."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(each)


def _longest_replacement(charsmap: Any) -> float:
    """Return how much longer SentencePiece's table (size of a trie, trie, texts ended by NUL) can make a character."""
    if charsmap is None:
        return 1.0
    try:
        table = base64.b64decode(str(charsmap), validate=True)
    except ValueError:
        raise _unsafe("has a table of characters that cannot be read") from None
    texts = table[4 + int.from_bytes(table[:4], "little") :]
    return max(map(len, texts.split(b"\0"))) + 1.0


def _unsafe(what: str) -> PluginError:
    return PluginError(what, address=_ADDRESS, hint="take a model with a tokenizer of a published kind")


def _refused(error: BaseException, what: str) -> PluginError:
    """Return an error of the tokenizer's; its own panics are no ``Exception``. A signal's passes."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return PluginError(f"{what}: {' '.join(str(error).split())[:200]}", address=_ADDRESS, hint=_HINT)
