"""Spellings of one label among fit rows: which is the commonest, and which were joined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracer_spec.spec.nodes import quoted
from tracer_spec.text_format import listing, plural
from tracer_spec.text_steps.labels import UNUSABLE, LabelCleaner

# quotes and marks around a label, and a full stop after it
# (three at most before it: a bundle carries no pattern with three repeats that have no bound)
DRESS = r"""^["'*`]{0,3}(.*?)["'*`.]*$"""
_JOINT = re.compile(r"(?<=[^\W_])[ _-](?=[^\W_])")
_UNDRESS = f"regex:{DRESS}"
_JOINS = ("casefold", "join:", _UNDRESS)
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Spellings:
    """How the labels of fit rows are spelt.

    Parameters
    ----------
    usual : mapping of str to str
        By the label that the steps make of all its spellings, the commonest, without quotes and marks around it.
    joined : str
        What to say of spellings that became one label; empty where none did.
    """

    usual: Mapping[str, str]
    joined: str

    @property
    def differ(self) -> bool:
        """Tell whether a label is usually not spelt as the steps leave it: then a list must say how labels are spelt."""
        return any(label != spelt for label, spelt in self.usual.items())

    @property
    def aliases(self) -> dict[str, str]:
        """Return, by label, the usual spellings that differ from it in more than case, which a list does not bring back."""
        return {label: spelt for label, spelt in self.usual.items() if spelt.casefold() != label.casefold()}

    def of(self, label: str) -> str:
        """Return the usual spelling of a label."""
        return self.usual.get(label, label)


def without_joining(steps: Sequence[str]) -> tuple[str, ...]:
    """Return the steps but those at their end that join spellings of a label.

    Examples
    --------
    >>> without_joining(["json:topic", "casefold", "join:_"])
    ('json:topic',)
    """
    n = len(steps)
    while n and steps[n - 1].startswith(_JOINS):
        n -= 1
    return tuple(steps[:n])


def spellings_of(labels: Iterable[str], truths: Iterable[str | None], joining: Sequence[str]) -> Spellings:
    """Return how labels are spelt.

    Parameters
    ----------
    labels : iterable of str
        Of the fit rows, before the steps that join spellings; :data:`~tracer_spec.text_steps.labels.UNUSABLE` for none.
    truths : iterable of str or None
        What humans said of the fit rows: it tells the spelling of labels that the teacher never gave.
    joining : sequence of str
        The steps that join spellings.

    Examples
    --------
    >>> found = spellings_of(["Refund", "Card", "REFUND", "Refund", "Card"], ["loss"], ("casefold",))
    >>> dict(found.usual), found.joined
    ({'loss': 'loss', 'refund': 'Refund', 'card': 'Card'}, "1 label was spelt in several ways: 'REFUND' 1 is now 'Refund'")
    """
    final, spelt = LabelCleaner(joining), LabelCleaner([step for step in joining if step == _UNDRESS])
    counts: dict[str, Counter[str]] = {}
    written: dict[str, Counter[str]] = {}
    for each in labels:
        label = final.clean(each)[0]
        if label != UNUSABLE:
            counts.setdefault(label, Counter())[spelt.clean(each)[0]] += 1
            written.setdefault(label, Counter())[each] += 1
    humans: dict[str, Counter[str]] = {}
    for each in filter(None, truths):
        humans.setdefault(final.clean(each)[0], Counter())[spelt.clean(each)[0]] += 1
    usual = {label: _commonest(found) for label, found in {**humans, **counts}.items()}
    return Spellings(usual, _joined(written, usual))


def _commonest(counts: Counter[str]) -> str:
    return max(counts, key=lambda each: (counts[each], each))


def _joined(written: Mapping[str, Counter[str]], usual: Mapping[str, str]) -> str:
    """Say which spellings became one label, those of most rows first."""
    several = {label: counts for label, counts in written.items() if len(counts) > 1}
    if not several:
        return ""
    others = {label: counts.total() - max(counts.values()) for label, counts in several.items()}
    told = []
    for label in sorted(several, key=lambda each: (-others[each], each)):
        rest = [f"{quoted(each)} {n:,}" for each, n in several[label].most_common() if each != usual[label]]
        told.append(f"{listing(rest, 3)} {'is' if len(rest) == 1 else 'are'} now {quoted(usual[label])}")
    n = len(several)
    return f"{plural(n, 'label')} {'was' if n == 1 else 'were'} spelt in several ways: {listing(told, _SHOWN)}"


def usual_joint(labels: Counter[str]) -> str:
    """Return what most answers write between the words of a label."""
    joints = Counter[str]()
    for label, n in labels.items():
        for joint in _JOINT.findall(label):
            joints[joint] += n
    return max(joints, key=joints.__getitem__, default="_")


def undressed(label: str) -> str:
    """Return a label without the quotes and marks around it."""
    found = re.search(DRESS, label)
    return found[1] if found else label
