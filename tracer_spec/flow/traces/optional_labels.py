"""Cleaner of labels that also takes traces without one."""

from __future__ import annotations

from typing import Any

from tracer_spec.text_steps.labels import NO_LABEL, LabelCleaner

NOT_ANSWERED = "\0not answered"
"""Stands for the label of a trace that the teacher did not answer; no cleaned label begins so."""


class LabelIfAny(LabelCleaner):
    """Takes a trace that the teacher did not answer as one labelled :data:`NOT_ANSWERED`, instead of as none.

    Examples
    --------
    >>> LabelCleaner().clean(None), LabelIfAny().clean(None)[0] == NOT_ANSWERED, LabelIfAny().clean(" loan ")
    (('', 'no label'), True, ('loan', ''))
    """

    def clean(self, answer: Any) -> tuple[str, str]:
        """Return as :class:`LabelCleaner` does, but a label where there is none."""
        label, flaw = super().clean(answer)
        return (NOT_ANSWERED, "") if flaw == NO_LABEL else (label, flaw)
