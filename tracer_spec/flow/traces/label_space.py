"""Label space: the labels that a surrogate can answer, and their class numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.name_counts import as_shown
from tracer_spec.text_steps.labels import ADDRESS, UNUSABLE


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


def usual_label_notes(fit_labels: Sequence[str], level: float) -> tuple[str, ...]:
    """Say that one label is so usual among fit rows that answering nothing else reaches the target.

    Examples
    --------
    >>> usual_label_notes(["ham"] * 19 + ["spam"], 0.96)
    ()
    >>> len(usual_label_notes(["ham"] * 19 + ["spam"], 0.95))
    1
    """
    label, n = Counter(fit_labels).most_common(1)[0] if fit_labels else (UNUSABLE, 0)
    if label == UNUSABLE or n < level * len(fit_labels):
        return ()
    return (
        f"{n:,} of {len(fit_labels):,} fit rows have the label {as_shown(label)}: a router that answers nothing else reaches "
        f"the target of {level:.6g}, and a certificate says no more than that; are the traces all traffic, and is '{ADDRESS}' "
        "read as meant? 'target.labels' certifies other labels by themselves",
    )
