"""What a build could certify, from counts, before any training; of the certify rows only their number is used."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.flow.certify_rows import Sealed
from tracer_spec.flow.lock.file import read_lock
from tracer_spec.flow.lock.ledger import looks_elsewhere, next_look, sketch
from tracer_spec.flow.prepare import check_labels, denied_labels
from tracer_spec.flow.preview.label_outlook import LabelOutlook, label_outlooks
from tracer_spec.flow.preview.text_notes import text_notes
from tracer_spec.flow.preview.unread_answers import UnreadAnswers, unread_answers
from tracer_spec.flow.traces.answer_in_text import answer_notes
from tracer_spec.flow.traces.label_space import label_space, usual_label_notes
from tracer_spec.flow.traces.repeats import EITHER, rows_a_call
from tracer_spec.flow.traces.splits import FRESH, GROUPED, RANDOM
from tracer_spec.stats.binomial import fewest_trials, interval, trials_needed
from tracer_spec.stats.multiple import look_level
from tracer_spec.stats.unseen import unseen_kinds
from tracer_spec.text_steps.labels import UNUSABLE

if TYPE_CHECKING:
    from tracer_spec.flow.traces.counts import Accounting
    from tracer_spec.flow.traces.fit_weights import FitWeights
    from tracer_spec.flow.traces.splits import Split
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plugin import Target
    from tracer_spec.spec.model import RouterSpec, SplitSpec

# a handful of repeated rows is no reason to warn: the upper bound of what they show must be under the target
_SURE = 0.95
# with a repeated row here and there both readings come to the same
_NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How far the teacher agrees with itself, on fit rows: what no model can go beyond.

    Parameters
    ----------
    k : int
        Rows on which a model that knew each text's usual label would agree, answering all n of them; a label off the list
        agrees with nothing.
    n_repeated, k_repeated : int
        The same, among rows whose text occurs more than once.
    n_texts, n_conflicting : int
        Texts that occur more than once, and those of them that have several labels.
    """

    n: int
    k: int
    n_repeated: int
    k_repeated: int
    n_texts: int
    n_conflicting: int

    @property
    def share(self) -> float:
        """Return the ceiling of the agreement on all traffic, in [0, 1]."""
        return self.k / self.n if self.n else 1.0

    @property
    def repeated_share(self) -> float | None:
        """Return the ceiling where texts repeat, in [0, 1]; None where none does."""
        return self.k_repeated / self.n_repeated if self.n_repeated else None


@dataclass(frozen=True, slots=True)
class Certifiable:
    """What the number of certify rows allows.

    Parameters
    ----------
    look : int or None
        Which look at these certify rows a new build would be, from 1; None where looks are not counted.
    level : float
        The error that its test may spend.
    fewest : int or None
        The rows that the test needs, every one of them agreeing: handled rows, or, for an end-to-end target, rows of any
        kind. None where the calibrator makes no test.
    smallest_coverage : float or None
        The least share of traffic that a certified policy could handle, no less than ``target.min_coverage``; None where
        nothing can be certified.
    traces_missing : int
        About how many more traces it takes before anything could be certified.
    likely_agreement, likely_rows : float, int or None
        Halfway from the target to 1, what a good policy might truly reach; rows that it needs to pass nine times in ten.
    """

    n_certify: int
    look: int | None
    level: float
    fewest: int | None
    smallest_coverage: float | None
    traces_missing: int
    likely_agreement: float
    likely_rows: int | None

    @property
    def status(self) -> str:
        """Return ``certifiable``, ``uncertifiable``, or ``untested`` where the calibrator promises nothing."""
        if self.fewest is None:
            return "untested"
        return "uncertifiable" if self.smallest_coverage is None else "certifiable"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What ``plan`` tells.

    ``labels`` counts the fit rows of each label, in the order of their classes; ``n_unknown`` and ``n_unusable`` those with a
    label off the list, and with an answer that is no label, of which ``unread`` tells more. ``n_own`` is about how many certify
    rows repeat no other row, where a policy must pass on those by themselves. The accounting's own counts of
    labels are of all rows, and are not for showing here.
    """

    accounting: Accounting = field(repr=False)
    n_fit: int
    target: Target
    labels: Mapping[str, int]
    n_unknown: int
    n_unusable: int
    unknown_labels: Mapping[str, int]
    ceiling: Ceiling
    certifiable: Certifiable
    unread: UnreadAnswers
    notes: tuple[str, ...]
    label_targets: tuple[LabelOutlook, ...] = ()
    n_own: int | None = None

    @property
    def status(self) -> str:
        """Return ``unlabelled`` where answers are not read as labels, else what the rows allow."""
        if self.unread.headline:
            return "unlabelled"
        hopeless = any(each.is_hopeless for each in self.label_targets)
        return "uncertifiable" if hopeless else self.certifiable.status

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what stands in the target's way, one sentence each."""
        ceiling, level = self.ceiling, self.target.level
        found = list(self.unread.notes)
        if ceiling.share < level:
            found.append(
                f"the teacher's answers allow an agreement of at most {ceiling.share:.3f} on all traffic, under the target of "
                f"{level:.6g}: no model reaches it by handling everything, only by deferring what the teacher is unsure of"
            )
        elif ceiling.repeated_share is not None and interval(ceiling.n_repeated, ceiling.k_repeated, _SURE)[1] < level:
            found.append(
                f"where texts repeat, the teacher's answers allow an agreement of at most {ceiling.repeated_share:.3f}, under "
                f"the target of {level:.6g}; on texts seen once the teacher may be no steadier"
            )
        empty = [label for label, n in self.labels.items() if n == 0]
        if empty:
            shown = ", ".join(empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
            found.append(f"no fit row has the label {shown}: no trace teaches a surrogate to answer it")
        return tuple(found)


def preview(
    spec: RouterSpec,
    traces: TraceSet,
    sides: Split,
    *,
    target: Target,
    allowed_labels: Sequence[str] | None,
    makes_a_test: bool,
    lock: Path | None,
    weights: FitWeights | None = None,
    notes: Sequence[str] = (),
) -> Outlook:
    """Say what a build of these traces could certify; ``lock`` is where looks are counted, ``notes`` what else to tell.

    ``weights`` are those of the fit rows.

    Raises
    ------
    DataError
        Where no fit row has a usable label, or one of ``defer_labels`` or of ``target.labels``, or the lock cannot be read.

    Notes
    -----
    Texts and labels of certify rows are never looked at: what a reader learns of them here, they could act on before the
    test. The ledger compares who the rows are (hashes of their ids or contents), not what the teacher said.
    """
    fit, certify = traces.take(sides.fit), Sealed(traces.take(sides.certify))
    space = label_space(allowed_labels, fit.labels)
    denied_labels(spec.defer_labels, space)
    check_labels(spec.target.labels, space, "target.labels")
    counts = Counter(fit.labels)
    n_unusable = counts.pop(UNUSABLE, 0)
    unknown = {label: n for label, n in counts.most_common() if label not in space.classes}
    look, looked = _looks(lock, certify, fresh=spec.split.strategy == FRESH)
    able = _certifiable(
        target,
        spec.split,
        look,
        len(traces),
        len(certify),
        makes_a_test=makes_a_test,
        is_plain=traces.sampling is None and spec.split.strategy != GROUPED,
    )
    is_read_twice = spec.repeats == EITHER and spec.split.strategy == RANDOM and makes_a_test
    own = _own_rows(fit, len(certify)) if is_read_twice else None
    return Outlook(
        accounting=traces.accounting,
        n_fit=len(fit),
        target=target,
        labels={label: counts[label] for label in space.labels},
        n_unknown=sum(unknown.values()),
        n_unusable=n_unusable,
        unknown_labels=unknown,
        ceiling=self_agreement(fit, frozenset(space.labels)),
        certifiable=able,
        label_targets=label_outlooks(
            target, able.level, _shares(fit.labels, spec.target.labels, weights), len(certify), len(traces)
        ),
        n_own=own,
        unread=replace(
            unread_answers(fit, spec.sources[0].labels.normalize, allowed_labels), is_of_several=len(spec.sources) > 1
        ),
        notes=(
            *text_notes([text for text in fit.texts if text], spec.extract),
            *answer_notes(fit.texts, fit.labels),
            *usual_label_notes(fit.labels, target.level),
            *traces.accounting.notes,
            *_own_notes(own, able),
            *sides.notes,
            *sides.bound_notes,
            *looked,
            *notes,
        ),
    )


def _own_rows(fit: TraceSet, n_certify: int) -> int | None:
    """Return about how many certify rows repeat no other row, from the fit rows; None where nearly all are such rows."""
    own = round(min(max(unseen_kinds(rows_a_call(fit), n_certify / len(fit)), 0.0), n_certify))
    return own if own < _NEARLY_ALL * n_certify else None


def _own_notes(own: int | None, able: Certifiable) -> Iterator[str]:
    if own is not None:
        told = f"read as copies, repeated rows leave about {own:,} of the {able.n_certify:,} certify rows to pass the test on"
        short = able.fewest is not None and own < able.fewest
        yield f"{told}: it needs {able.fewest:,} at the least" if short else told


def _shares(given: Sequence[str], labels: Iterable[str], weights: FitWeights | None) -> dict[str, float]:
    """Return how much of the traffic the teacher calls so, by label."""
    counting = np.ones(len(given)) if weights is None else weights.counting
    column = np.array(given, object)
    return {label: float(counting[column == label].sum() / counting.sum()) for label in labels}


def self_agreement(fit: TraceSet, labels: frozenset[str]) -> Ceiling:
    """Return how far the teacher agrees with itself where texts repeat.

    Notes
    -----
    The best that any function of the text can do is each text's most frequent label. A text that occurs once says nothing of
    the teacher's steadiness and counts as agreeing, so the ceiling is too high rather than too low.
    """
    said: defaultdict[bytes, Counter[str]] = defaultdict(Counter)
    for content, label in zip(fit.contents(), fit.labels, strict=True):
        said[content][label] += 1
    n = k = n_repeated = k_repeated = n_texts = n_conflicting = 0
    for answers in said.values():
        size = answers.total()
        usual = max((count for label, count in answers.items() if label in labels), default=0)
        n, k = n + size, k + usual
        if size > 1:
            n_repeated, k_repeated, n_texts = n_repeated + size, k_repeated + usual, n_texts + 1
            n_conflicting += len(answers) > 1
    return Ceiling(n, k, n_repeated, k_repeated, n_texts, n_conflicting)


def _certifiable(
    target: Target,
    split: SplitSpec,
    look: int | None,
    n_traces: int,
    n_certify: int,
    *,
    makes_a_test: bool,
    is_plain: bool,
) -> Certifiable:
    """Compare the certify rows there are with those that a test needs; ``is_plain`` where every row may certify."""
    level = target.delta if look is None else look_level(look, target.delta)
    likely = (1 + target.level) / 2
    if not makes_a_test:
        return Certifiable(n_certify, look, level, None, None, 0, likely, None)
    fewest = fewest_trials(target.level, level)
    smallest, missing = None, 0
    if n_certify < fewest:
        share = split.certify if is_plain else n_certify / n_traces
        missing = max(1, math.ceil(fewest / share) - n_traces) if share else 0
    else:
        smallest = target.min_coverage if target.agreement is None else max(fewest / n_certify, target.min_coverage)
    likely_rows = trials_needed(likely, target.level, level)
    return Certifiable(n_certify, look, level, fewest, smallest, missing, likely, likely_rows)


def _looks(lock: Path | None, certify: Sealed, *, fresh: bool) -> tuple[int | None, tuple[str, ...]]:
    """Return which look a build of something new would be, and what other locks hold of these rows."""
    if lock is None:
        return None, ()
    rows, repeated = sketch(certify.ids(), certify.contents()), certify.repeated() if fresh else None
    number = next_look(read_lock(lock).ledger, rows, fresh=fresh, repeated=repeated)
    return number, looks_elsewhere(lock, rows, fresh=fresh, repeated=repeated)
