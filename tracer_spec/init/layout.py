"""Where text and label lie inside a record, guessed from the first records of a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracer_spec.builtin.formats import PRESETS, Raw, compile_format, find_format
from tracer_spec.builtin.formats.functions import LABEL_KEYS
from tracer_spec.builtin.formats.native import TEXT_KEYS
from tracer_spec.builtin.formats.times import epoch_seconds
from tracer_spec.errors import DataError
from tracer_spec.plugin import Record

_TEXTS = frozenset((*TEXT_KEYS, "message", "utterance", "body", "content", "request", "sentence", "comment", "email"))
_LABELS = frozenset(
    (*LABEL_KEYS, "prediction", "predicted", "category", "class", "topic", "response", "completion", "result", "tag")
)
_TRUTHS = frozenset(("truth", "ground", "gold", "human", "expected", "reference", "annotation", "annotated", "correct"))
_TIMES = frozenset(("time", "timestamp", "ts", "date", "created", "datetime", "at"))
_MODELS = frozenset(("model", "engine", "deployment"))
_IDS = frozenset(("id", "uuid", "guid", "key"))
_OTHERS = frozenset(("model", "version", "user", "customer", "session", "score", "confidence", "language", "source"))
_DEEPEST = 4
# of what a format must read before it is the file's
_FEWEST_SHARE = 1 / 3
_CLOSE = 1.0


@dataclass(frozen=True, slots=True)
class Field:
    """One place inside the records, by its JMESPath."""

    path: str
    words: frozenset[str]  # of its last key, lower case
    n: int
    n_distinct: int
    mean_chars: float
    spaced: float  # the share of its values that hold white space
    is_text: bool
    is_object: bool
    is_time: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """How records are laid out.

    Parameters
    ----------
    format : str or mapping of str to str
        What a spec writes under ``traces.format``.
    normalize : tuple of str
        The steps from the teacher's answer to a label.
    texts, labels : tuple of str
        JMESPaths of what could be the text, or the label, as well, the likeliest first; one or none where it is clear.
    """

    format: str | Mapping[str, str]
    normalize: tuple[str, ...] = ("strip", "first-line")
    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def guess_layout(records: Sequence[Record], text: str | None = None, label: str | None = None) -> Layout:
    """Return the layout of records: a preset's where one reads them, else a map of JMESPath expressions.

    Parameters
    ----------
    records : sequence of Record
        The first of a file.
    text, label : str, optional
        JMESPaths that are known; a preset is then not looked for.

    Raises
    ------
    DataError
        Where no field could be the text, or the label; the fields there are, are named.
    """
    if all(each.problem for each in records):
        problem = records[0].problem if records else "no record in it"
        raise DataError(f"no record can be read: {problem}", where=records[0].where if records else "")
    name = None if text or label else _preset(records)
    if name is not None and name != "native":
        layout = Layout(name)
    else:
        try:
            texts, labels, parts = _places(fields_of(records), text, label)
            layout = Layout(_native_with(parts, records) if name else parts, texts=texts, labels=labels)
        except DataError:
            if name is None:
                raise
            layout = Layout(name)
    return replace(layout, normalize=_normalize([raw.label for raw in _read(records, layout.format)]))


def fields_of(records: Sequence[Record]) -> list[Field]:
    """Return the scalar fields of records, nested ones too, in the order they are met."""
    values: dict[str, list[Any]] = {}
    words: dict[str, frozenset[str]] = {}
    for record in records:
        for keys, value in _leaves(record.data, ()):
            path = ".".join(_as_jmespath(key) for key in keys)
            values.setdefault(path, []).append(value)
            spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", keys[-1]).lower()
            words[path] = frozenset(re.findall(r"[^\W_]+", spaced))
    return [_field(path, words[path], found) for path, found in values.items()]


def _field(path: str, words: frozenset[str], values: Sequence[Any]) -> Field:
    texts = [each if isinstance(each, str) else json.dumps(each, default=str) for each in values]
    return Field(
        path=path,
        words=words,
        n=len(texts),
        n_distinct=len(set(texts)),
        mean_chars=sum(map(len, texts)) / len(texts),
        spaced=sum(bool(re.search(r"\S\s\S", each)) for each in texts) / len(texts),
        is_text=all(isinstance(each, str) for each in values) and not all(map(_is_number, texts)),
        is_object=all(each.lstrip().startswith("{") for each in texts),
        is_time=all(epoch_seconds(each) is not None for each in values),
    )


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[0-9.]+(e[+-]?[0-9]+)?\s*", text, re.IGNORECASE) is not None


def _leaves(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what is no object and no list, with its keys."""
    if isinstance(value, Mapping) and len(keys) < _DEEPEST:
        for key, below in value.items():
            yield from _leaves(below, (*keys, str(key)))
    elif keys and isinstance(value, str | int | float | bool) and value != "":
        yield keys, value


def _as_jmespath(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else json.dumps(key, ensure_ascii=False)


# --- presets ------------------------------------------------------------------------------------------------


def _preset(records: Sequence[Record]) -> str | None:
    """Return the preset that reads most of the records, and of those the one that finds most in them."""
    best: tuple[int, int, str] | None = None
    for name, preset in PRESETS.items():
        good = [raw for _, raw in compile_format(preset).traces(records) if _is_good(raw)]
        n_parts = sum(part is not None for raw in good for part in (raw.id, raw.time, raw.model, raw.version))
        if len(good) >= _FEWEST_SHARE * len(records) and (best is None or (len(good), n_parts) > best[:2]):
            best = (len(good), n_parts, name)
    return best[2] if best else None


def _is_good(raw: Raw) -> bool:
    return not raw.reason and isinstance(raw.text, str) and bool(raw.text.strip()) and raw.label is not None


def _read(records: Sequence[Record], wanted: str | Mapping[str, str]) -> list[Raw]:
    """Return the traces that a format reads and that the teacher answered."""
    reader = compile_format(find_format(wanted))
    return [raw for _, raw in reader.traces(records) if not raw.reason and not raw.unanswered]


def _native_with(parts: Mapping[str, str], records: Sequence[Record]) -> str | Mapping[str, str]:
    """Return the preset ``native``, with what its own keys miss of the other parts that are there."""
    read = _read(records, "native")
    missing = {
        part: path
        for part, path in parts.items()
        if part in ("id", "time", "truth", "model") and all(getattr(raw, part) is None for raw in read)
    }
    return {"preset": "native", **missing} if missing else "native"


# --- fields -------------------------------------------------------------------------------------------------


def _places(
    fields: Sequence[Field], text: str | None, label: str | None
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """Return the paths that could be the text, those that could be the label, and a path for each part of a trace."""
    n = max((each.n for each in fields), default=0)
    often = [each for each in fields if each.n >= n / 2]
    texts = _ranked([(_text_score(each), each.path) for each in often if each.is_text and not each.is_object])
    texts = (text,) if text else texts
    others = [each for each in often if each.path not in texts[:1]]
    labels = _ranked([(_label_score(each), each.path) for each in others if _may_be_label(each)])
    labels = (label,) if label else tuple(each for each in labels if each not in texts[:1])
    for found, what in ((texts, "text"), (labels, "label")):
        if not found:
            names = ", ".join(each.path for each in fields) or "none"
            raise DataError(
                f"no field looks like the {what}; there are {names}",
                hint=f"say which it is: --{what} JMESPATH",
            )
    taken = {texts[0], labels[0]}
    extra = {
        "id": next((e.path for e in often if e.words & _IDS and e.n_distinct == e.n == n and not e.spaced), None),
        "time": next((e.path for e in often if e.words & _TIMES and e.is_time), None),
        "truth": next((e.path for e in often if e.words & _TRUTHS and _may_be_label(e) and e.path not in taken), None),
        # one value is enough: the log that comes next may hold another
        "model": next((e.path for e in often if e.words & _MODELS and e.is_text and e.n_distinct <= e.n / 2), None),
    }
    more = {part: path for part, path in extra.items() if path and path not in taken}
    return texts, labels, {"text": texts[0], "label": labels[0], **more}


def _ranked(scored: Sequence[tuple[float, str]]) -> tuple[str, ...]:
    """Return the best path and those that are close to it."""
    ranked = sorted(scored, key=lambda each: -each[0])
    return tuple(path for score, path in ranked if score >= ranked[0][0] - _CLOSE and score > 0)


def _prior(field: Field, names: frozenset[str]) -> float:
    """Return how far a field's name speaks for it."""
    return 2.0 if field.words and field.words <= names else float(bool(field.words & names))


def _text_score(field: Field) -> float:
    looks = (field.mean_chars > 15) + (field.spaced > 0.5) + field.n_distinct / field.n
    is_another = bool(field.words & (_LABELS | _TRUTHS)) and not field.words & _TEXTS
    against = 3 * bool(field.words & (_IDS | _TIMES)) + 2 * is_another
    return looks + 2 * _prior(field, _TEXTS) - against if field.spaced > 0.1 else 0.0


def _may_be_label(field: Field) -> bool:
    return not field.is_time and (field.is_object or (field.n_distinct > 1 and field.mean_chars < 200))


def _label_score(field: Field) -> float:
    repeats = 2 * (1 - field.n_distinct / field.n)
    against = 3 * bool(field.words & (_TRUTHS | _OTHERS | _IDS | _TIMES)) + (not field.is_text) + (field.spaced > 0.9)
    return repeats + (field.mean_chars < 60) + 2 * _prior(field, _LABELS) - against


# --- answers ------------------------------------------------------------------------------------------------


def _normalize(answers: Sequence[Any]) -> tuple[str, ...]:
    """Return the steps from answers to labels: by their shape, never by what they say."""
    fenced = any(isinstance(each, str) and "```" in each for each in answers)
    objects = [found for each in answers if (found := _object(each)) is not None]
    if len(objects) * 2 <= len(answers) or not answers:
        return ("strip", "first-line")
    values: dict[str, set[str]] = {}
    for found in objects:
        for key, value in found.items():
            if isinstance(value, str):
                values.setdefault(key, set()).add(value)
    known = [key for key in values if key.lower() in _LABELS]
    chosen = known[0] if known else min(values, key=lambda key: len(values[key]), default="")
    if not chosen:
        return ("strip", "first-line")
    return (*(("code-fence",) if fenced else ()), f"json:{chosen}")


def _object(answer: Any) -> Mapping[str, Any] | None:
    """Return an answer as the object that it is, or is the text of."""
    if isinstance(answer, Mapping):
        return answer
    if not isinstance(answer, str):
        return None
    text = answer.strip()
    if "```" in text:
        text = text.split("```")[1].removeprefix("json").strip()
    try:
        found = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None
