"""From what the teacher answered to a label, and from labels to class numbers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError, SpecError, did_you_mean

# stands for a teacher's answer that is no label: it trains nothing and agrees with no surrogate
UNUSABLE = ""
NO_LABEL = "no label"
EMPTY = "empty label"
NOT_PARSABLE = "label not parsable"
NOT_TEXT = "label is an object or a list"
NOT_UNICODE = "label is not valid Unicode"
FLAWS = (EMPTY, NOT_PARSABLE, NOT_TEXT, NOT_UNICODE)

STEPS = ("strip", "first-line", "casefold", "code-fence", "json:KEY", "regex:PATTERN")
ADDRESS = "traces.labels"
_FENCE = "```"
# a longer answer is a ramble: hardly ever seen twice, and not worth the memory
_CACHED_LENGTH, _CACHED_ANSWERS = 256, 1 << 16

Step: TypeAlias = Callable[[Any], Any]


class _UnusableError(Exception):
    """The answer is no label."""


@dataclass(frozen=True, slots=True)
class LabelCleaner:
    """Turns what the teacher answered into a label.

    Parameters
    ----------
    normalize : sequence of str
        Steps, applied in this order:

        - ``strip``: no white space at either end;
        - ``first-line``: the first line that is not blank;
        - ``casefold``: no difference of upper and lower case (names in ``aliases`` and ``allowed`` then
        differ
          by case no more, and the spelling in ``allowed`` is the one given back);
        - ``code-fence``: what stands inside the first fence of three backticks, where there is one;
        - ``json:KEY``: the value at KEY (``a.b`` reaches inside) of an object, or of the text of one;
        - ``regex:PATTERN``: the first group of the first match, the whole match where there is no group.
    aliases : mapping of str to str
        Applied once, after the steps.
    allowed : sequence of str or None
        The labels that exist; None where they are inferred.

    Raises
    ------
    SpecError
        Where a step does not exist or its pattern is none, a label is listed twice or is blank, or an alias
        stands for a label that is not allowed.

    Notes
    -----
    No answer and an unusable answer are different things. Where there is none (null), the teacher was not
    asked or did not reply, and the record is no trace. An answer that is no label (empty, not parsable) is
    what the teacher gave for that input: it stays, as a disagreement with every surrogate, for dropping it
    would make agreement look higher than it is.

    Examples
    --------
    >>> cleaner = LabelCleaner(["code-fence", "json:intent", "strip"], {"top-up": "top_up"})
    >>> cleaner.clean('```{"intent": " top-up"}```')
    ('top_up', '')
    >>> cleaner.clean("I cannot help with that.")
    ('', 'label not parsable')
    """

    normalize: Sequence[str] = ("strip", "first-line")
    aliases: Mapping[str, str] = field(default_factory=dict)
    allowed: Sequence[str] | None = None
    _steps: tuple[Step, ...] = field(init=False, repr=False, compare=False)
    _names: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _fold: bool = field(init=False, repr=False, compare=False)
    _seen: dict[str, tuple[str, str]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        addressed = ((text, f"{ADDRESS}.normalize[{place}]") for place, text in enumerate(self.normalize))
        steps = tuple(_step(text, address) for text, address in addressed)
        fold = "casefold" in self.normalize
        _check_names(self.allowed, self.aliases, fold)
        names = {label: label for label in self.allowed or ()} | dict(self.aliases)
        if fold:
            # folded on both sides; where a list says how labels are spelt, its spelling is given back
            names = {k.casefold(): v.casefold() if self.allowed is None else v for k, v in names.items()}
        object.__setattr__(self, "_steps", steps)
        object.__setattr__(self, "_fold", fold)
        object.__setattr__(self, "_names", names)

    def clean(self, answer: Any) -> tuple[str, str]:
        """Return the label and an empty string; or :data:`UNUSABLE` and the reason.

        Parameters
        ----------
        answer : object
            What the record holds: a string; a number or boolean (which counts as its JSON text); an object,
            which needs ``json:KEY``; None where there is no answer, which gives the reason :data:`NO_LABEL`.
        """
        if answer is None or (isinstance(answer, float) and math.isnan(answer)):
            return UNUSABLE, NO_LABEL
        if not isinstance(answer, str) or len(answer) > _CACHED_LENGTH:
            return self._clean(answer)
        result = self._seen.get(answer)
        if result is None:
            result = self._clean(answer)
            if len(self._seen) < _CACHED_ANSWERS:
                self._seen[answer] = result
        return result

    def clean_truth(self, label: Any) -> str | None:
        """Return a human's label cleaned in the same way, None where there is none.

        Where a step that takes the teacher's answer apart finds nothing in it, it is the label as written:
        humans' labels seldom come wrapped as the teacher's do.
        """
        cleaned, flaw = self.clean(label)
        if flaw == NOT_PARSABLE:
            written = str(_as_text(label)).strip() if isinstance(label, (str, int, float)) else ""
            written = written.casefold() if self._fold else written
            return self._names.get(written, written) if written and is_unicode(written) else None
        return cleaned or None

    def _clean(self, answer: Any) -> tuple[str, str]:
        value = _as_text(answer)
        try:
            for step in self._steps:
                value = step(value)
        except _UnusableError:
            return UNUSABLE, NOT_PARSABLE
        if not isinstance(value, str):
            return UNUSABLE, NOT_TEXT
        if not value.strip():
            return UNUSABLE, EMPTY
        if not is_unicode(value):
            return UNUSABLE, NOT_UNICODE
        return self._names.get(value, value), ""


def is_unicode(text: str) -> bool:
    """Tell whether a string can be written as UTF-8: JSON can spell half a surrogate pair, which cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_names(allowed: Sequence[str] | None, aliases: Mapping[str, str], fold: bool) -> None:
    """Raise SpecError where the list of labels, or an alias, makes no sense."""
    for alias, label in aliases.items():
        if not label.strip() or (allowed is not None and label not in allowed):
            raise SpecError(
                f"'{alias}' stands for '{label}', which is {'not in allowed' if label.strip() else 'blank'}",
                hint=did_you_mean(label, allowed or ()),
                address=f"{ADDRESS}.aliases",
            )
    if allowed is None:
        return
    where = f"{ADDRESS}.allowed"
    if not allowed:
        raise SpecError("no label is allowed", hint="list the labels, or 'allowed: infer'", address=where)
    counts = Counter(label.casefold() if fold else label for label in allowed)
    twice = sorted(label for label, count in counts.items() if count > 1)
    if twice:
        raise SpecError(
            f"a label is listed twice: {', '.join(twice)}",
            hint="the step 'casefold' makes labels equal that differ by case" if fold else "",
            address=where,
        )
    if not all(label.strip() for label in allowed):
        raise SpecError("a label is blank", address=where)


def _step(text: str, address: str) -> Step:
    """Compile one step."""
    name, _, argument = text.partition(":")
    if name == "json" and argument:
        keys = tuple(argument.split("."))
        return lambda value: _at(keys, value)
    if name == "regex" and argument:
        try:
            pattern = re.compile(argument)
        except (re.error, RecursionError, OverflowError) as error:
            raise SpecError(f"'{argument}' is not a regular expression: {error}", address=address) from None
        return _on_text(lambda value: _match(pattern, value))
    if text not in _PLAIN_STEPS:
        raise SpecError(
            f"no step is called '{text}'; known: {', '.join(STEPS)}",
            hint=did_you_mean(text, STEPS),
            address=address,
        )
    return _on_text(_PLAIN_STEPS[text])


def _on_text(step: Callable[[str], str]) -> Step:
    """Let objects pass: only ``json:KEY`` reads them."""
    return lambda value: step(value) if isinstance(value, str) else value


def _as_text(value: Any) -> Any:
    """Return numbers and booleans as their JSON text."""
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _inside_fence(text: str) -> str:
    _, opening, rest = text.partition(_FENCE)
    if not opening:
        return text
    inside = rest.partition(_FENCE)[0]
    language, newline, body = inside.partition("\n")
    # a word after the opening fence is the language, unless the whole block is on that one line
    return body if newline and " " not in language.strip() else inside


def _at(keys: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _UnusableError from None
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None:
        raise _UnusableError
    return _as_text(value)


def _match(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        raise _UnusableError
    return (found[1] or "") if pattern.groups else found[0]


_PLAIN_STEPS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "first-line": _first_line,
    "casefold": str.casefold,
    "code-fence": _inside_fence,
}


@dataclass(frozen=True)
class LabelSpace:
    """The labels a surrogate can answer, in the order of their class numbers.

    Parameters
    ----------
    labels : tuple of str
        Distinct; the class of ``labels[c]`` is ``c``.
    """

    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def classes(self) -> Mapping[str, int]:
        """Return the class of each label."""
        return {label: number for number, label in enumerate(self.labels)}

    def encode(self, labels: Iterable[str]) -> NDArray[np.int64]:
        """Return the classes of ``labels``, shape (n,); -1 for a label off the list.

        Examples
        --------
        >>> LabelSpace(("refund", "top_up")).encode(["top_up", "top-up", ""])
        array([ 1, -1, -1])
        """
        classes = self.classes
        return np.fromiter((classes.get(label, -1) for label in labels), dtype=np.int64)


def label_space(allowed: Sequence[str] | None, fit_labels: Iterable[str]) -> LabelSpace:
    """Return the allowed labels as listed, or those of the fit rows, sorted, where none are listed.

    Parameters
    ----------
    allowed : sequence of str or None
        The labels that exist; None to infer them.
    fit_labels : iterable of str
        Cleaned labels of fit rows: of no other, or the certificate would rest on a list that certify rows
        shaped.

    Raises
    ------
    DataError
        Where no fit row has a usable one, or one of those listed.
    """
    met = set(fit_labels) - {UNUSABLE}
    if allowed is not None:
        if met.isdisjoint(allowed):
            shown = ", ".join(f"'{' '.join(label.split())[:40]}'" for label in sorted(met)[:3]) or "nothing usable"
            raise DataError(
                f"no fit row has an allowed label; the teacher answered, for instance, {shown}",
                hint=f"look at '{ADDRESS}.allowed', and at 'normalize' and 'aliases' beside it",
                address=ADDRESS,
            )
        return LabelSpace(tuple(allowed))
    labels = tuple(sorted(met))
    if not labels:
        raise DataError(
            "no fit row has a usable label",
            hint=f"look at '{ADDRESS}.normalize', or list the labels",
            address=ADDRESS,
        )
    return LabelSpace(labels)
