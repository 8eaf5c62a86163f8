"""Cutter of texts: takes each text out of the prompt that it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tracer_spec.text_steps import MAX_CUT_CHARACTERS, MAX_CUTS, Step, StepError, UnusableError
from tracer_spec.text_steps.language import EXTRACT_STEPS, kind_of
from tracer_spec.text_steps.patterns import PATTERN_CHARACTERS, check_cost


@dataclass(frozen=True, slots=True)
class TextCutter:
    r"""The steps of ``traces.extract``, in their order.

    Parameters
    ----------
    steps : sequence of str
        None, and every text is taken as it is.

    Raises
    ------
    StepError
        Where one is no step, is not meant for texts, or could take long on some text; or where there are too many.

    Examples
    --------
    >>> cutter = TextCutter(["between:Message: ...\nLabel:"])
    >>> cutter.cut("Classify.\nMessage: where is my card?\nLabel:"), cutter.cut("where is my card?")
    ('where is my card?', None)
    >>> cutter.text_of("where is my card?")
    'where is my card?'
    """

    steps: Sequence[str] = ()
    _compiled: tuple[Step, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.steps) > MAX_CUTS:
            raise StepError(f"is one of {len(self.steps)} steps; at most {MAX_CUTS} are taken")
        object.__setattr__(self, "_compiled", tuple(map(compile_cut, self.steps)))

    def cut(self, text: str) -> str | None:
        """Return the text inside a prompt, None where a step does not match."""
        value = text
        try:
            for step in self._compiled:
                value = step(value)
        except UnusableError:
            return None
        return value if isinstance(value, str) else None

    def text_of(self, text: str) -> str:
        """Return the text inside a prompt, or the text as it is where a step does not match."""
        found = self.cut(text)
        return text if found is None else found


def compile_cut(step: str) -> Step:
    """Return the function of a step of ``traces.extract``.

    Raises
    ------
    StepError
        As :class:`TextCutter`.
    """
    if len(step) > MAX_CUT_CHARACTERS:
        raise StepError(f"has {len(step):,} characters; at most {MAX_CUT_CHARACTERS:,} are taken")
    kind = kind_of(step, EXTRACT_STEPS)
    argument = step.partition(":")[2]
    if kind.name != "regex":
        return kind.make(argument)
    check_cost(argument)
    compiled = kind.make(argument)
    return lambda text: compiled(_short_enough(text))


def _short_enough(text: str) -> str:
    if len(text) > PATTERN_CHARACTERS:
        raise UnusableError
    return text
