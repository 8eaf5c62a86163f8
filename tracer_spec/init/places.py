"""Which fields of a record are the parts of a trace: judged by their values first, and by their names where those are alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tracer_spec.builtin.formats import Raw
from tracer_spec.init.answers import Answers, read_answers
from tracer_spec.init.bodies import nearness
from tracer_spec.init.fields import DATE, Field, Fields, is_json
from tracer_spec.init.names import (
    BODIES,
    GROUPS,
    HEADS,
    IDS,
    LABELS,
    MODELS,
    OTHERS,
    TEXTS,
    TIMES,
    TRUTHS,
    VERSION,
    says,
)
from tracer_spec.text_steps.labels import LabelCleaner

# fields this close to the best are named as well
_CLOSE = 1.0
# longer values are no answer of a classifier
_LONGEST_ANSWER = 4000
_ANSWERS_WORDS = ("output", "response", "answer", "completion", "result", "reply")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A field that may be the text, or the label.

    Parameters
    ----------
    score : float
        How far values and name speak for it; ``named`` of it the name.
    answers : Answers or None
        How its values become labels.
    """

    field: Field
    score: float
    named: float
    answers: Answers | None = None

    @property
    def path(self) -> str:
        """Return where it is."""
        return self.field.path


def ranked(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the best candidate and those close to it."""
    best_first = sorted(candidates, key=lambda each: -each.score)
    return tuple(each for each in best_first if each.score > 0 and each.score > best_first[0].score - _CLOSE)


def texts_in(fields: Fields) -> tuple[Candidate, ...]:
    """Return what could be the text, the likeliest first."""
    return ranked(_texts(fields))


def _texts(fields: Fields) -> list[Candidate]:
    often = [each for each in fields.all if each.n * 2 >= fields.n and each.is_text]
    return [_as_text(each) for each in often if each.n_distinct > 1 or each.n == 1]


def _as_text(found: Field) -> Candidate:
    named = 2 * says(found.words, TEXTS) + 3 * found.path.startswith("asked(")
    named -= 3 * bool(found.words & (IDS | TIMES)) + 3 * found.path.startswith("answered(")
    named -= 2 * bool(found.words & (LABELS | TRUTHS | MODELS) and not found.words & TEXTS)
    if found.spaced <= 0.1 or found.is_time or is_json(found.texts[0]):
        return Candidate(found, 0.0, named)
    looks = (found.mean_chars > 15) + (found.spaced > 0.5) + 2 * found.n_distinct / found.n
    return Candidate(found, looks + named, named)


def head_and_body(fields: Fields, text: str) -> tuple[str, str] | None:
    """Return subject and body where a text is one of them, and the other is there too and differs from record to record."""
    parent, _, _ = text.rpartition(".")
    parts = [each.field for each in _texts(fields) if each.score > 0 and each.path.rpartition(".")[0] == parent]
    heads = [each.path for each in parts if each.words & HEADS]
    bodies = [each.path for each in parts if each.words & BODIES and each.path not in heads]
    return (heads[0], bodies[0]) if heads and bodies and text in (heads[0], bodies[0]) else None


def labels_in(fields: Fields, text: str) -> tuple[Candidate, ...]:
    """Return what could be the LLM's answer, the likeliest first; never the text itself."""
    often = [each for each in fields.all if each.n * 2 >= fields.n and each.path != text]
    return ranked([_as_label(each) for each in often if each.mean_chars < _LONGEST_ANSWER and not _is_clock(each)])


def without_the_same(labels: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return candidates but those that give the first one's labels, such as a key inside its answer."""
    return (*labels[:1], *(each for each in labels[1:] if not _are_the_same(labels[0], each)))


def _are_the_same(one: Candidate, other: Candidate) -> bool:
    ours, theirs = (LabelCleaner(each.answers.steps if each.answers else ()) for each in (one, other))
    both = one.field.values.keys() & other.field.values.keys()
    found = ((ours.clean(one.field.values[at]), theirs.clean(other.field.values[at])) for at in both)
    return len(both) == other.field.n and all(label == same or not label[0] for label, same in found)


def _is_clock(found: Field) -> bool:
    """Tell dates and times from whole numbers, which could be times as well."""
    if found.texts and all(map(DATE.match, found.texts)):
        return True
    return found.is_time and (bool(found.words & TIMES) or found.n_distinct * 2 > found.n)


def _as_label(found: Field) -> Candidate:
    answers = read_answers(list(found.values.values()))
    named = says(found.words, LABELS) + 2 * found.path.startswith("answered(")
    named -= 1.5 * bool(found.words & (TRUTHS | IDS | TIMES)) + 1.5 * bool(found.words & OTHERS and not named)
    named -= 3 * found.path.startswith("asked(")
    named += 0.5 * any(word in found.path.lower() for word in _ANSWERS_WORDS)
    if answers.flaw or answers.counts.is_scattered:
        return Candidate(found, 0.0, named, answers)
    against = (not found.is_text and found.is_scalar) + (found.spaced > 0.9 and answers.counts.evenness < 0.5)
    return Candidate(found, answers.counts.worth + named - against, named, answers)


def answers_in(fields: Fields, text: str) -> tuple[Candidate, ...]:
    """Return the fields that are named like an answer but hold no labels: what a refusal tells of."""
    found = [_as_label(each) for each in fields.all if each.path != text and each.mean_chars < _LONGEST_ANSWER]
    return tuple(sorted((each for each in found if each.named > 0), key=lambda each: -each.named))


def other_parts(
    fields: Fields, text: str, label: str, also: Collection[str], answers: Answers, raws: Sequence[Raw]
) -> dict[str, str]:
    """Return the paths of id, time, model, prompt's version, group and a human's label, where they are there; none of ``also``.

    ``answers`` is what the teacher's are like, ``raws`` what each record asks and answers, where a record is one trace.
    """
    n, taken = fields.n, {text, label, *also}
    often = [each for each in fields.all if each.n * 2 >= n and each.path not in taken and not each.is_of_a_chat]
    wanted: Mapping[str, list[Field]] = {
        "id": [each for each in often if each.words & IDS and each.n == n and _is_of_events(each, raws)],
        "time": [each for each in often if each.words & TIMES and each.is_time],
        "truth": [each for each in fields.all if each.path not in taken and _is_truth(each, answers)],
        # one value is enough: the log that comes next may hold another
        "model": [each for each in often if each.words & MODELS and each.is_text and _repeats(each)],
        "version": [each for each in often if each.is_scalar and len(each.words & VERSION) > 1 and _repeats(each)],
        "group": [each for each in often if each.words & GROUPS and each.is_scalar and _tells_apart(each)],
    }
    found = {part: _plainest(several) for part, several in wanted.items() if several}
    if wanted["model"]:  # the request names what the app asked for, which may be an alias
        found["model"] = min(wanted["model"], key=lambda each: (nearness(each.path, text, label), *_effort(each))).path
    return found


def _is_of_events(found: Field, raws: Sequence[Raw]) -> bool:
    """Tell whether values are ids of calls: each once, or again with the same text and answer, as retries are logged.

    What failed, was refused or was cut short has no answer yet.
    """
    if found.spaced or found.words & GROUPS or found.n_distinct * 2 < found.n:
        return False
    if found.n_distinct == found.n:
        return True
    if len(raws) != found.n:
        return False
    texts = {(event, repr(raw.text)) for event, raw in zip(found.texts, raws, strict=True) if raw.text is not None}
    answers = {(event, repr(raw.label)) for event, raw in zip(found.texts, raws, strict=True) if _is_answered(raw)}
    return all(len(told) == len({event for event, _ in told}) for told in (texts, answers)) and bool(answers)


def _is_answered(raw: Raw) -> bool:
    return raw.label is not None and not raw.unanswered


def _plainest(found: Sequence[Field]) -> str:
    return min(found, key=_effort).path


def _effort(found: Field) -> tuple[int, int]:
    return found.path.count("."), found.path.count("(")


def _repeats(found: Field) -> bool:
    return found.n_distinct <= max(1, found.n / 2) and found.mean_chars < 100


def _tells_apart(found: Field) -> bool:
    """Tell whether values name something that several records belong to."""
    return 1 < found.n_distinct < found.n and found.spaced < 0.1


def _is_truth(found: Field, answers: Answers) -> bool:
    """Tell whether a field named so holds labels, mostly those that the LLM gives as well, read by the same steps."""
    labels = answers.counts.counts
    if not found.words & TRUTHS or not labels:
        return False
    cleaner = LabelCleaner(answers.steps)
    return sum(each.strip() in labels or cleaner.clean_truth(each) in labels for each in found.texts) * 2 > found.n
