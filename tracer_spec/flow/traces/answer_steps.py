"""Steps that would read answers as labels, found by trying them, and the form that most answers have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.text_steps import Step, ToolCall, UnusableError
from tracer_spec.text_steps.inverse import as_answer_text, before_steps
from tracer_spec.text_steps.json_answers import as_text, objects_of
from tracer_spec.text_steps.labels import UNUSABLE, LabelCleaner
from tracer_spec.text_steps.language import compile_step

LONG = 60
"""Characters of a label, seldom more."""
# of the answers, what steps must read, and how many answers there must be to a label then
_READ, _ANSWERS_PER_LABEL = 0.9, 3
_KEYS, _FEWEST_ANSWERS = 6, 20
# steps for what stands in some answers and not in others
_OPTIONAL = ("prefix", "json?")
# what DSPy writes above each field of an answer, and at its end
_MARK, _END_MARK = re.compile(r"\[\[ ?## ?(\w+) ?## ?\]\]"), "completed"
_UP_TO_MARK = r"regex:(?s)^(.*?)(?:\Z|\[\[ ?##)"
# so many spellings of a mark are read: more could make a pattern slow
_SPELLINGS = 3


def steps_that_read(answers: Sequence[Any], normalize: Sequence[str], allowed: Sequence[str] | None) -> tuple[str, ...]:
    """Return the steps that read most answers as labels; empty where none that is known does.

    Parameters
    ----------
    answers : sequence of object
        As the teacher gave them.
    normalize : sequence of str
        The spec's steps, which do not.
    allowed : sequence of str or None
        The labels that there are; None where they are inferred.

    Examples
    --------
    >>> steps_that_read(['{"intent": "refund"}', '{"intent": "loan"}'] * 30, ["json:label"], None)
    ('json:intent', 'strip')
    """
    casefold = ("casefold",) if "casefold" in normalize else ()
    chains = ((*chain, *casefold) for chain in _chains(answers))
    return next((chain for chain in chains if _reads(chain, answers, allowed)), ())


def steps_of_marks(answers: Sequence[Any]) -> tuple[str, ...]:
    r"""Return the steps that read the last field of most answers, where fields stand under marks; none where few do.

    Text before the field may name its mark, so that the last mark of its name counts.

    Examples
    --------
    >>> steps_of_marks(["[[ ## why ## ]]\nlate\n\n[[ ## label ## ]]\nrefund\n\n[[ ## completed ## ]]"])[0]
    'regex:(?s)^.*\\[\\[ ## label ## \\]\\](.*)'
    """
    found = (list(_MARK.finditer(answer)) for answer in answers if isinstance(answer, str))
    fields = ([mark for mark in each if mark[1].casefold() != _END_MARK] for each in found)
    last = [each[-1] for each in fields if each]
    name, n = commonest_last([mark[1].casefold()] for mark in last)
    if not n or n < _READ * len(answers):
        return ()
    spelt = Counter(mark[0] for mark in last if mark[1].casefold() == name)
    marks = [each.replace("[", r"\[").replace("]", r"\]") for each, _ in spelt.most_common(_SPELLINGS)]
    one = marks[0] if len(marks) == 1 else f"(?:{'|'.join(marks)})"
    return f"regex:(?s)^.*{one}(.*)", _UP_TO_MARK


def commonest_last(found: Iterable[Sequence[str]]) -> tuple[str, int]:
    """Return which name most often stands last, and how often; an empty one and 0 where there is none."""
    return next(iter(Counter(each[-1] for each in found if each).most_common(1)), ("", 0))


def usual_form(answers: Sequence[Any], normalize: Sequence[str]) -> str | None:
    """Return what most answers look like, where that is not what all the steps would be undone to.

    Parameters
    ----------
    answers : sequence of object
        As the teacher gave them.
    normalize : sequence of str
        The steps that read them.

    Returns
    -------
    str or None
        An answer with ``{label}`` in it; None where most answers hold all that the steps take off.

    Examples
    --------
    >>> usual_form(["refund", "loan", "Label: loan"], ["strip", "prefix:Label:", "strip"])
    '{label}'
    >>> usual_form(["Label: refund", "Label: loan", "loan"], ["strip", "prefix:Label:", "strip"])
    """
    steps = [compile_step(step) for step in normalize]
    at_work = Counter(place for answer in answers for place in _at_work(steps, answer))
    usual = [
        step
        for place, step in enumerate(normalize)
        if step.partition(":")[0] not in _OPTIONAL or 2 * at_work[place] >= len(answers)
    ]
    return None if len(usual) == len(normalize) else as_answer_text(before_steps(usual, "{label}")[0])


def _at_work(steps: Sequence[Step], answer: Any) -> list[int]:
    """Return the places of the steps that change an answer; as far as they read it."""
    found, value = [], as_text(answer)
    for place, step in enumerate(steps):
        try:
            before, value = value, step(value)
        except UnusableError:
            break
        if value != before:
            found.append(place)
    return found


def _chains(answers: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """Yield the steps that may read answers, the simplest first."""
    texts = [answer for answer in answers if isinstance(answer, str)]
    for prefix in _prefixes(texts):
        yield f"prefix:{prefix}", "strip"
    if marks := steps_of_marks(answers):
        yield *marks, "strip"
    yield ("strip",)
    yield ("think", "strip")
    for key in _keys(answers):
        yield f"json:{key}", "strip"
        yield f"json?:{key}", "strip"
        yield "think", f"json:{key}", "strip"
    if any(isinstance(answer, ToolCall) for answer in answers):
        yield ("tool-name",)
    yield "code-fence", "strip"
    yield "first-line", "strip"
    yield "last-line", "strip"
    yield "think", "last-line", "strip"


def _keys(answers: Iterable[Any]) -> list[str]:
    """Return the keys of the objects in answers, the most frequent first."""
    counts: Counter[str] = Counter()
    for answer in answers:
        for each in objects_of(answer)[:1]:
            counts.update(_scalar_keys(each))
    return [key for key, _ in counts.most_common(_KEYS)]


def _scalar_keys(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys at which texts, numbers and booleans stand, a level down too."""
    for key, below in value.items():
        if isinstance(below, Mapping):
            yield from (f"{key}.{inner}" for inner, each in below.items() if isinstance(each, str | int | float))
        elif isinstance(below, str | int | float):
            yield str(key)


def _prefixes(texts: Sequence[str]) -> Iterator[str]:
    """Yield what most answers begin with, up to a colon."""
    if len(texts) >= _FEWEST_ANSWERS:
        prefix = common_prefix([text.lstrip() for text in texts], int(_READ * len(texts)))
        head, colon, _ = prefix.rpartition(":")
        if colon and "{" not in head:
            yield f"{head}:"


def _reads(chain: tuple[str, ...], answers: Sequence[Any], allowed: Sequence[str] | None) -> bool:
    """Return whether steps read most answers as labels, of which there are few."""
    cleaner = LabelCleaner(chain)
    labels = Counter(cleaner.clean(answer)[0] for answer in answers)
    del labels[UNUSABLE]
    good = [label for label in labels if (label in allowed if allowed else _looks_like_a_label(label))]
    n = sum(labels[label] for label in good)
    return n >= _READ * len(answers) and _ANSWERS_PER_LABEL * len(good) <= n and len(good) > 1


def _looks_like_a_label(text: str) -> bool:
    return len(text) <= LONG and "\n" not in text and not text.startswith(("{", "[{", "<", "```"))


def common_prefix(texts: Sequence[str], fewest: int) -> str:
    """Return the longest prefix that so many of the texts share."""
    ordered = sorted(texts)
    windows = zip(ordered, ordered[fewest - 1 :], strict=False)
    return max((first[: _n_common(first, last)] for first, last in windows), key=len, default="")


def _n_common(one: str, other: str) -> int:
    """Return how many characters two texts start with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
