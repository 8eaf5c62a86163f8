"""The steps from an LLM's answers to labels, found in the answers themselves."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Any

from tracer_spec.flow.traces.answer_steps import commonest_last, steps_of_marks
from tracer_spec.init.label_counts import LabelCounts, count_labels
from tracer_spec.init.names import LABELS, OTHERS, says, words_of
from tracer_spec.init.spellings import DRESS, undressed, usual_joint
from tracer_spec.text_format import listing, plural
from tracer_spec.text_steps import ToolCall
from tracer_spec.text_steps.json_answers import objects_of
from tracer_spec.text_steps.labels import LabelCleaner
from tracer_spec.text_steps.language import compile_step

PLAIN = ("strip", "first-line")
_THOUGHTS = ("think", "thinking", "thought", "reasoning")
_THOUGHT = re.compile(rf"\s*(<({'|'.join(_THOUGHTS)})>|◁think▷)|</({'|'.join(_THOUGHTS)})>", re.IGNORECASE)
_PREFIX = re.compile(r"[^\n:=]{1,40}[:=][ \t*]*(?=\S)")
# the answer in a tag of its own
_TAG = re.compile(r"<([A-Za-z][\w-]{0,30})>[^<]{1,200}</\1>")
# of the answers, what must have a shape before a step is proposed for it
_MOST, _SOME = 0.5, 0.02
_DEEPEST, _LONGEST_LABEL = 3, 60
# keys this close to the best are told
_CLOSE = 1.5
# what stands in a router's answer for what only the LLM says; a number is most often how sure it is
_NEUTRAL: Mapping[type, Any] = {bool: False, int: 1, float: 1.0, list: []}


@dataclass(frozen=True, slots=True)
class Answers:
    """What answers are, and how they become labels.

    Parameters
    ----------
    steps : tuple of str
        For ``traces.labels.normalize``.
    counts : LabelCounts
        Of the labels that the steps find.
    problem, hint : str
        Why no step makes labels of answers of this shape, and what to do; empty where some do.
    is_final : bool
        Whether such answers hold no label for certain, wherever in them one looks.
    other_keys : tuple of str
        Keys of answers in JSON whose values are labels about as well.
    template : str
        For ``serve.answer``: an answer with ``{label}`` in it, where answers hold more than steps can write; else empty.
    """

    steps: tuple[str, ...]
    counts: LabelCounts
    problem: str = ""
    hint: str = ""
    is_final: bool = False
    other_keys: tuple[str, ...] = ()
    template: str = ""

    @property
    def flaw(self) -> str:
        """Return why there are no labels here; empty where there are."""
        return self.problem or self.counts.flaw


def read_answers(values: Sequence[Any], humans: Sequence[Any] = ()) -> Answers:
    """Find the steps that read labels from answers: by their shape, and by how few and how even the labels are.

    Two of ``humans``, the labels that humans gave, stay two labels.
    """
    answers = [value for value in values if value is not None]
    found = _read(answers, humans)
    return found if found.problem or len(found.counts.counts) != 1 else _of_one_label(found, answers)


def _read(answers: Sequence[Any], humans: Sequence[Any]) -> Answers:
    """Return the steps that suit the shape of answers."""
    first = ("think",) if _share(answers, _is_thought) > _SOME else ()
    objects = [found[0] for answer in answers if (found := objects_of(answer))]
    tools = {answer.tool for answer in answers if isinstance(answer, ToolCall)}
    if len(objects) > _MOST * len(answers):
        return _tidied(_of_objects(answers, objects, first, tools), answers, humans)
    lists = [found for answer in answers if _is_list_of_labels(found := _from_text(answer))]
    if lists and len(lists) > _MOST * len(answers):
        are_alone = all(len(found) == 1 for found in lists)
        return _tidied(_best(answers, [(*first, "json:0")]), answers, humans) if are_alone else _several(answers, "")
    if inside := steps_of_marks(answers) or _steps_of_tags(answers):
        steps = (*first, *inside, "strip")
        return _tidied(Answers(steps, labels_by(steps, answers)), answers, humans)
    return _tidied(_best(answers, [(*first, *chain) for chain in _plain_chains(answers, first)]), answers, humans)


def _of_one_label(found: Answers, answers: Sequence[Any]) -> Answers:
    """Return answers that all give one label, with the reason where they are not all the same."""
    if len({answer.strip() for answer in answers if isinstance(answer, str)}) < 2:
        return found
    line = next((step.removesuffix("-line") for step in found.steps if step.endswith("-line")), "")
    n = plural(found.counts.n_usable, "answer")
    what = f"the {line} lines of {n} are the same, and the answers differ" if line else f"{n} give the same label"
    hint = "have the LLM write the label alone, or in its first or last line; or write a spec whose steps read it: "
    return replace(found, problem=what, hint=f"{hint}'traces.labels.normalize: [\"regex:PATTERN\"]'")


def _share(answers: Sequence[Any], holds: Callable[[Any], bool]) -> float:
    return sum(map(holds, answers)) / len(answers) if answers else 0.0


def _is_thought(answer: Any) -> bool:
    return isinstance(answer, str) and bool(_THOUGHT.match(answer) or _THOUGHT.search(answer[-400:]))


def labels_by(steps: Sequence[str], answers: Sequence[Any]) -> LabelCounts:
    """Count the labels that steps make of answers."""
    cleaner = LabelCleaner(steps)
    return count_labels(label or None for label, _ in map(cleaner.clean, answers))


def _best(answers: Sequence[Any], chains: Sequence[tuple[str, ...]]) -> Answers:
    """Return the chain whose labels are the best; the first of those that are equal."""
    tried = [Answers(chain, labels_by(chain, answers)) for chain in chains]
    return max(tried, key=lambda each: round(each.counts.worth, 2))


# --- answers in words ---------------------------------------------------------------------------------------


def _plain_chains(answers: Sequence[Any], first: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the steps worth trying on answers in words."""
    texts = [answer for answer in answers if isinstance(answer, str)]
    fence = ("code-fence",) if _share(texts, lambda text: "```" in text) > _SOME else ()
    lines = ["first-line"]
    if first or _share(texts, lambda text: "\n" in text.strip()) > _SOME:
        lines.append("last-line")
    for line in lines:
        plain = (*fence, "strip", line)
        prefix = _common_prefix(list(labels_by((*first, *plain), texts).counts.elements()))
        yield (*plain, f"prefix:{prefix}", "strip") if prefix else plain


def _common_prefix(labels: Sequence[str]) -> str:
    """Return what most labels start with, or some where it says that a label follows, as ``Label:``; empty for nothing."""
    starts = Counter(found[0].rstrip() for label in labels if (found := _PREFIX.match(label)))
    shares = ((prefix, n, _SOME if words_of(prefix) & LABELS else _MOST) for prefix, n in starts.most_common())
    return next((prefix for prefix, n, share in shares if n > share * len(labels)), "")


def _steps_of_tags(answers: Sequence[Any]) -> tuple[str, ...]:
    """Return the step that reads the tag, such as ``<label>``, that ends most answers; none where there is no such tag."""
    texts = (answer for answer in answers if isinstance(answer, str))
    tag, n = commonest_last([tag for tag in _TAG.findall(text) if tag.lower() not in _THOUGHTS] for text in texts)
    return (f"regex:<{tag}>([^<]*)</{tag}>",) if n > _MOST * len(answers) else ()


def _tidied(best: Answers, answers: Sequence[Any], humans: Sequence[Any]) -> Answers:
    """Return the steps that make one label of spellings, too: in quotes or marks, in capitals, with blanks for underscores.

    Of all that leave humans' labels apart, the fewest that leave the fewest labels: two may merge nothing but together.
    Quotes and marks that most answers wear, and no human's label, always go.
    """
    labels, truths = best.counts.counts, _cleaned(humans, best.steps)
    join = f"join:{usual_joint(labels)}"
    undress = f"regex:{DRESS}"
    plain = {undress: undressed, "casefold": str.casefold, join: compile_step(join)}
    some = [steps for size in range(len(plain) + 1) for steps in combinations(plain, size)]
    apart = [steps for steps in some if len(_spelled(truths, steps, plain)) == len(truths)]
    worn = sum(n for label, n in labels.items() if undressed(label) != label) > _MOST * labels.total()
    if worn and not any(undressed(truth) != truth for truth in truths):
        apart = [steps for steps in apart if undress in steps]
    steps = (*best.steps, *min(apart, key=lambda each: len(_spelled(labels, each, plain)), default=()))
    form = best.template or (_usual_form(steps, answers) if worn and undress in steps else "")
    return best if steps == best.steps else replace(best, steps=steps, counts=labels_by(steps, answers), template=form)


def _usual_form(steps: Sequence[str], answers: Sequence[Any]) -> str:
    """Return what most answers write around the label; empty where they differ."""
    cleaner = LabelCleaner(steps)
    found = [(text, cleaner.clean(text)[0]) for text in answers if isinstance(text, str)]
    forms = Counter(text.strip().replace(label, "{label}", 1) for text, label in found if label and label in text)
    return next((form for form, n in forms.most_common(1) if n > _MOST * len(answers)), "")


def _spelled(labels: Collection[str], steps: Sequence[str], plain: Mapping[str, Callable[[str], str]]) -> set[str]:
    """Return labels after some steps."""
    return {reduce(lambda label, step: plain[step](label), steps, label) for label in labels}


def _cleaned(humans: Sequence[Any], steps: Sequence[str]) -> set[str]:
    cleaner = LabelCleaner(steps)
    return {label for label in map(cleaner.clean_truth, humans) if label is not None}


# --- answers in JSON ----------------------------------------------------------------------------------------


def _of_objects(
    answers: Sequence[Any], objects: Sequence[Mapping[str, Any]], first: tuple[str, ...], tools: set[str]
) -> Answers:
    """Return the key whose values are labels, or why no key's are."""
    values: dict[str, list[Any]] = {}
    for each in objects:
        for path, value in _items(each, ()):
            values.setdefault(path, []).append(value)
    often = {path: found for path, found in values.items() if len(found) > _MOST * len(objects)}
    scored = sorted(((_worth(path, found, often), path) for path, found in often.items()), reverse=True)
    if not scored or scored[0][0] <= 0:
        if len(tools) > 1:
            return Answers(("tool-name",), labels_by(("tool-name",), answers))
        lists = [path for path, found in often.items() if all(map(_is_list_of_labels, found))]
        if lists and all(len(value) == 1 for value in often[lists[0]]):
            steps = (*first, f"json:{lists[0]}.0")
            return Answers(steps, labels_by(steps, answers))
        return _several(answers, lists[0]) if lists else _no_key(answers, often)
    key = scored[0][1]
    fence = ("code-fence",) if _share(answers, lambda answer: isinstance(answer, str) and "```" in answer) else ()
    known = labels_by((*first, *fence, f"json:{key}"), answers).counts
    bare = [answer.strip() for answer in answers if isinstance(answer, str) and not objects_of(answer)]
    step = "json?" if sum(answer in known for answer in bare) > _MOST * len(bare) else "json"
    steps = (*first, *fence, f"{step}:{key}")
    others = tuple(path for worth, path in scored[1:] if worth > scored[0][0] - _CLOSE)
    return Answers(steps, labels_by(steps, answers), other_keys=others, template=_template(key, often))


def _template(key: str, often: Mapping[str, Sequence[Any]]) -> str:
    """Return an answer that says nothing but the label, with all keys that answers have; empty where that is the only one."""
    if len(often) < 2:
        return ""
    whole: dict[str, Any] = {}
    for path, values in often.items():
        *above, last = path.split(".")
        place = whole
        for each in above:
            place = place.setdefault(each, {})
        place[last] = "{label}" if path == key else _NEUTRAL.get(type(values[0]), "")
    return json.dumps(whole, ensure_ascii=False)


def _items(value: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what ``json:KEY`` can reach, by its KEY."""
    for key, below in value.items():
        if isinstance(below, Mapping) and len(keys) < _DEEPEST:
            yield from _items(below, (*keys, str(key)))
        elif below is not None and "." not in str(key):
            yield ".".join((*keys, str(key))), below


def _worth(path: str, values: Sequence[Any], others: Mapping[str, Sequence[Any]]) -> float:
    """Return how much the values at a key look like labels; 0 where they cannot be."""
    words = words_of(path.rpartition(".")[2])
    if not all(isinstance(value, str | int) for value in values):
        return 0.0
    is_text = all(isinstance(value, str) for value in values)
    if not is_text and len(others) > 1 and not words & LABELS:
        return 0.0  # a number beside others is a score
    counts = count_labels(str(value) for value in values)
    long = sum(len(str(value)) for value in values) > _LONGEST_LABEL * len(values)
    named = says(words, LABELS) - says(words, OTHERS)
    if counts.flaw or (counts.is_scattered and named <= 0):
        return 0.0
    # many labels that are met once may still be labels where no other key has better ones
    return 0.1 if counts.is_scattered else max(0.2, counts.worth + named + is_text / 2 - long)


def _several(answers: Sequence[Any], key: str) -> Answers:
    """Return the answer to lists of labels."""
    where = f" at '{key}'" if key else ""
    place = f"{key}.0" if key else "0"
    return Answers(
        PLAIN,
        count_labels([None] * len(answers)),
        f"the answers are lists of labels{where}; a router gives one label",
        f"ask the LLM for one; or take one by its place, as 'traces.labels.normalize: [json:{place}]' does",
        is_final=True,
    )


def _from_text(answer: Any) -> Any:
    """Return the list that a JSON text holds; any other answer as it is."""
    if not (isinstance(answer, str) and answer.lstrip().startswith("[")):
        return answer
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return answer


def _is_list_of_labels(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str | int) for each in value)


def _no_key(answers: Sequence[Any], values: Mapping[str, Sequence[Any]]) -> Answers:
    """Return the answer to objects without a label, such as a score for each."""
    numbers = [key for key, found in values.items() if all(isinstance(value, int | float) for value in found)]
    shown = listing([f"{key} ({_kind(found)})" for key, found in values.items()], 8) or "none in common"
    are_scores = len(numbers) == len(values) > 1
    what = "a number under each key, and no label" if are_scores else "no key of theirs holds a label"
    return Answers(
        PLAIN,
        count_labels([None] * len(answers)),
        f"the answers are JSON objects: {what}; keys: {shown}",
        "write the label into a field of its own (of scores, the key of the highest), or name where it is: --label",
        is_final=are_scores,
    )


def _kind(values: Sequence[Any]) -> str:
    if all(isinstance(value, int | float) for value in values):
        return "numbers"
    if all(isinstance(value, str) for value in values):
        return plural(len(set(values)), "different text")
    return "lists" if all(isinstance(value, list) for value in values) else "of several kinds"
