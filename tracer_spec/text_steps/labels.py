"""Cleaner of labels: from the teacher's answer to a label."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.errors import SpecError, did_you_mean
from tracer_spec.text_steps import Step, StepError, UnusableError
from tracer_spec.text_steps.blank import is_blank
from tracer_spec.text_steps.json_answers import as_text, is_list_text
from tracer_spec.text_steps.language import compile_step

# stands for a teacher's answer that is no label: it trains nothing and agrees with no surrogate
UNUSABLE = ""
NO_LABEL = "no label"
EMPTY = "empty label"
NOT_PARSABLE = "label not parsable"
NOT_TEXT = "label is an object"
SEVERAL = "several labels"
NOTHING = "label is None or null"
NOT_UNICODE = "label is not valid Unicode"
FLAWS = (EMPTY, NOT_PARSABLE, NOT_TEXT, SEVERAL, NOTHING, NOT_UNICODE)
# how Python and JSON write that there is nothing; a label 'none' is one like any other
_WORDS_FOR_NOTHING = frozenset(("None", "null"))

ADDRESS = "traces.labels"
# a longer answer is a ramble: hardly ever seen twice, and not worth the memory
_CACHED_LENGTH, _CACHED_ANSWERS = 256, 1 << 16


@dataclass(frozen=True, slots=True)
class LabelCleaner:
    """Turns what the teacher answered into a label.

    Parameters
    ----------
    normalize : sequence of str
        Steps, applied in this order: see :data:`~tracer_spec.text_steps.language.STEPS` and ``docs/traces.md``. With
        ``casefold``, names in ``aliases`` and ``allowed`` differ by case no more, and the spelling in ``allowed`` is the
        one given back.
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
    Answers and names are compared in Unicode's form NFC: an ``é`` of one character or of two is the same label.

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
        steps = tuple(_compiled(text, address) for text, address in addressed)
        fold = "casefold" in self.normalize
        _check_names(self.allowed, self.aliases, fold)
        # one form on both sides; where a list says how labels are spelt, its spelling is given back
        names = {_form(label, fold): label for label in self.allowed or ()}
        forms = {_form(alias, fold): _form(label, fold) for alias, label in self.aliases.items()}
        names |= {alias: names.get(label, label) for alias, label in forms.items()}
        object.__setattr__(self, "_steps", steps)
        object.__setattr__(self, "_fold", fold)
        object.__setattr__(self, "_names", names)

    def clean(self, answer: Any) -> tuple[str, str]:
        """Return the label and an empty string; or :data:`UNUSABLE` and the reason.

        Parameters
        ----------
        answer : object
            What the record holds: a string; a number or boolean (which counts as its JSON text); an object,
            which needs ``json:KEY``, or ``tool-name`` where it is a :class:`~tracer_spec.text_steps.ToolCall`; None where
            there is no answer, which gives the reason :data:`NO_LABEL`.
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
            written = str(as_text(label)).strip() if isinstance(label, (str, int, float)) else ""
            written = _form(written, self._fold)
            return self._names.get(written, written) if written and is_unicode(written) else None
        return cleaned or None

    def _clean(self, answer: Any) -> tuple[str, str]:
        value = as_text(answer)
        value = _form(value) if isinstance(value, str) else value
        try:
            for step in self._steps:
                value = step(value)
        except UnusableError:
            return UNUSABLE, NOT_PARSABLE
        flaw = self._flaw(value, answer)
        return (UNUSABLE, flaw) if flaw else (self._names.get(_form(value), _form(value)), "")

    def _flaw(self, value: Any, answer: Any) -> str:
        """Return why what the steps made of an answer is no label; a name that the spec knows always is one."""
        if not isinstance(value, str):
            return SEVERAL if isinstance(value, list | tuple | set) else NOT_TEXT
        if is_blank(value):
            return EMPTY
        if not is_unicode(value):
            return NOT_UNICODE
        if _form(value) in self._names:
            return ""
        if not _WORDS_FOR_NOTHING.isdisjoint((value.strip(), answer.strip() if isinstance(answer, str) else "")):
            return NOTHING
        return SEVERAL if is_list_text(value) else ""


def _compiled(step: str, address: str) -> Step:
    try:
        return compile_step(step)
    except StepError as error:
        raise SpecError(f"'{step}' {error}", hint=error.hint, address=address) from None


def _form(text: str, fold: bool = False) -> str:
    """Return the one spelling of what Unicode can write in several ways, and of upper and lower case where ``fold``."""
    text = text.casefold() if fold else text
    return text if text.isascii() else unicodedata.normalize("NFC", text)


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
        if is_blank(label) or (allowed is not None and _form(label) not in map(_form, allowed)):
            raise SpecError(
                f"'{alias}' stands for '{label}', which is {'blank' if is_blank(label) else 'not in allowed'}",
                hint=did_you_mean(label, allowed or ()),
                address=f"{ADDRESS}.aliases",
            )
    if allowed is None:
        return
    where = f"{ADDRESS}.allowed"
    if not allowed:
        raise SpecError("no label is allowed", hint="list the labels, or 'allowed: infer'", address=where)
    counts = Counter(_form(label, fold) for label in allowed)
    twice = sorted(label for label, count in counts.items() if count > 1)
    if twice:
        raise SpecError(
            f"a label is listed twice: {', '.join(twice)}",
            hint="the step 'casefold' makes labels equal that differ by case" if fold else "",
            address=where,
        )
    if any(map(is_blank, allowed)):
        raise SpecError("a label is blank", address=where)
