"""Rows that two bundles decide differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.runtime import Batch

LABEL_CHANGED, NEWLY_HANDLED, NEWLY_DEFERRED = KINDS = ("label changed", "newly handled", "newly deferred")


@dataclass(frozen=True, slots=True)
class Decided:
    """One bundle's decision on a row: its label (None where deferred), the score, and why."""

    label: str | None
    score: float
    reason: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"label": self.label, "score": self.score, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Flip:
    """A row, by its position among the traces read, whose decision differs; ``teacher`` is its label, where it has one."""

    row: int
    id: str | None
    kind: str
    old: Decided
    new: Decided
    teacher: str | None
    text: str | None = None

    @property
    def is_worse(self) -> bool | None:
        """Return whether users get a label that is not the teacher's and did not before; None where nobody knows."""
        return self._turns_wrong(self.old, self.new)

    @property
    def is_better(self) -> bool | None:
        """Return whether users got a label that is not the teacher's and no longer do; None where nobody knows."""
        return self._turns_wrong(self.new, self.old)

    def _turns_wrong(self, right: Decided, wrong: Decided) -> bool | None:
        if self.teacher is None:
            return None
        return wrong.label not in (None, self.teacher) and right.label in (None, self.teacher)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values; the text only where there is one."""
        head = {"row": self.row, "id": self.id, "kind": self.kind, "teacher": self.teacher}
        text = {} if self.text is None else {"text": self.text}
        return {**head, "old": self.old.document(), "new": self.new.document(), **text}


@dataclass(frozen=True, slots=True)
class Flips:
    """What two bundles decide on the same rows.

    Parameters
    ----------
    n, n_labelled : int
        Rows that both decided, and those of them with a teacher's label.
    handled, agree : tuple of (int, int)
        Rows handled by the old and by the new bundle, and those of them that agree with the teacher.
    n_known : tuple of (int, int) or None
        Rows that were among the traces of the old and of the new build; None where a bundle does not say.
    left_out : mapping of str to int
        Rows that were not decided, by reason.
    rows : tuple of Flip
        Those that differ: changed labels first, then newly handled and newly deferred ones, what is worse for users before
        what is not.
    """

    n: int
    handled: tuple[int, int]
    agree: tuple[int, int]
    n_labelled: int
    n_known: tuple[int, int] | None
    left_out: Mapping[str, int]
    rows: tuple[Flip, ...] = field(repr=False)

    @property
    def kinds(self) -> dict[str, int]:
        """Return how many rows flip in each way."""
        counts = Counter(each.kind for each in self.rows)
        return {kind: counts[kind] for kind in KINDS}

    @property
    def n_worse(self) -> int:
        """Return the rows that get a label which is not the teacher's and did not before."""
        return sum(each.is_worse is True for each in self.rows)

    @property
    def n_better(self) -> int:
        """Return the rows that got a label which is not the teacher's and no longer do."""
        return sum(each.is_better is True for each in self.rows)

    @property
    def by_label(self) -> tuple[tuple[str, dict[str, int]], ...]:
        """Return the flips of each label, most first: the teacher's, or else the one that is or was answered."""
        counts: dict[str, Counter[str]] = {}
        for each in self.rows:
            label = next(filter(None, (each.teacher, each.old.label, each.new.label)), "")
            counts.setdefault(label, Counter())[each.kind] += 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
        return tuple((label, {kind: count[kind] for kind in KINDS}) for label, count in ranked)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "n": self.n,
            "labelled": self.n_labelled,
            "handled": dict(zip(("old", "new"), self.handled, strict=True)),
            "agree": dict(zip(("old", "new"), self.agree, strict=True)),
            "known_to_build": self.n_known and dict(zip(("old", "new"), self.n_known, strict=True)),
            "left_out": dict(self.left_out),
            "kinds": self.kinds,
            "worse": self.n_worse,
            "better": self.n_better,
            "labels": [{"label": label, **counts} for label, counts in self.by_label],
            "rows": [each.document() for each in self.rows],
        }


def find_flips(
    old: Batch,
    new: Batch,
    *,
    rows: Sequence[int],
    ids: Sequence[str | None],
    teachers: Sequence[str | None],
    texts: Sequence[str] | None,
    n_known: tuple[int, int] | None = None,
    left_out: Mapping[str, int] | None = None,
) -> Flips:
    """Compare two bundles' decisions on the same rows, in the same order; flips carry their texts where they are given."""
    found = []
    for at, (was, now) in enumerate(zip(old.labels, new.labels, strict=True)):
        if was == now:
            continue
        kind = NEWLY_HANDLED if was is None else NEWLY_DEFERRED if now is None else LABEL_CHANGED
        before, after = (
            Decided(batch.labels[at], float(batch.scores[at]), str(batch.reasons[at])) for batch in (old, new)
        )
        text = texts[at] if texts is not None else None
        found.append(Flip(rows[at], ids[at], kind, before, after, teachers[at], text))
    found.sort(key=lambda each: (KINDS.index(each.kind), not each.is_worse, each.row))
    agree = tuple(
        sum(label is not None and label == teacher for label, teacher in zip(batch.labels, teachers, strict=True))
        for batch in (old, new)
    )
    return Flips(
        n=len(new),
        handled=(int(old.handled.sum()), int(new.handled.sum())),
        agree=(agree[0], agree[1]),
        n_labelled=sum(each is not None for each in teachers),
        n_known=n_known,
        left_out=dict(left_out or {}),
        rows=tuple(found),
    )
