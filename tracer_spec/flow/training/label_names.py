"""Choice, on fit rows alone, of whether the names of labels train surrogates, and what each of them weighs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.errors import DataError, did_you_mean
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.progress import Observer, StageStarted, no_observer
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.label_rows import LabelRows, NamesGain, readable
from tracer_spec.flow.training.zoo import Trainer
from tracer_spec.spec.sources import shared
from tracer_spec.text_format import listing, one_line

if TYPE_CHECKING:
    from tracer_spec.flow.traces.label_space import LabelSpace
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.flow.training.embed import FittedEmbedder
    from tracer_spec.plan import Plan, Resolved
    from tracer_spec.plugin import Mask, Vectors

# measured (benchmarks/label_names.py): ten loses to three on untouched rows, though out of fold it may look better
WEIGHTS = (1.0, 3.0)
TRIED = (0.0, *WEIGHTS)
# with more fit rows a label than this, names bring a point at most, and their choice takes longest
MOST_ROWS_A_LABEL = 20
# a text of so many words inside a description is a quotation, a shorter one may be chance
_QUOTED_WORDS, _MOST_QUOTED_WORDS = 5, 60


@dataclass(frozen=True, slots=True)
class LabelTexts:
    """The text of each label, by its class: the sentence that describes it, or its name; ``is_asked`` as in LabelRows."""

    texts: tuple[str, ...]
    is_asked: bool = False

    def rows(self, X: Vectors) -> LabelRows | None:
        """Return the training rows whose vectors are X; None where the embedder knows nothing of any label."""
        known = np.flatnonzero(X.any(axis=1))
        return LabelRows(X[known], known, self.is_asked) if len(known) else None


def texts_to_train(plan: Plan, fit: TraceSet, labels: LabelSpace) -> LabelTexts | None:
    """Return the texts of all labels; None where they are not to train, or there are enough rows without them.

    Raises
    ------
    DataError
        For a description of what looks like a misspelt label.
    """
    check_described(plan.label_texts, labels)
    asked = _asked(plan)
    if asked == "never" or plan.embedder.reads_vectors or (asked == "auto" and not are_few(fit, labels)):
        return None
    return LabelTexts(
        tuple(plan.label_texts.get(label) or readable(label) for label in labels.labels), asked == "always"
    )


def label_rows(embedder: FittedEmbedder, named: LabelTexts | None) -> LabelRows | None:
    """Embed the texts of labels."""
    return None if named is None else named.rows(embedder.vectors_of(named.texts))


def are_few(fit: TraceSet, labels: LabelSpace) -> bool:
    """Return whether there are so few fit rows a label that names may help."""
    return sum(label in labels.classes for label in fit.labels) <= MOST_ROWS_A_LABEL * len(labels)


def unmet_notes(plan: Plan, labels: LabelSpace) -> tuple[str, ...]:
    """Say which labels are described in vain."""
    unmet = [one_line(label) for label in plan.label_texts if label not in labels.classes]
    return (f"described, and no fit row has the label: {listing(unmet)}",) if unmet else ()


def label_notes(plan: Plan, fit: TraceSet, labels: LabelSpace) -> tuple[str, ...]:
    """Say, before anything is trained, what a reader should know of label names."""
    if not plan.embedder.reads_vectors or _asked(plan) != "auto" or not are_few(fit, labels):
        return unmet_notes(plan, labels)
    return (
        f"label names train no surrogate, as they may where labels have few rows: the embedder '{plan.embedder.alias}' reads "
        "vectors, and embeds no text",
    )


def check_described(described: Mapping[str, str], labels: LabelSpace) -> None:
    """Raise DataError for a described label that no fit row has, where one without a description is spelt much alike."""
    undescribed = [label for label in labels.labels if label not in described]
    for label in described:
        near = "" if label in labels.classes else did_you_mean(label, undescribed)
        if near:
            raise DataError(
                f"no fit row has the label '{one_line(label)}'",
                hint=f"{near} correct it, or list the labels there are in 'traces.labels.allowed'",
                address="traces.labels.describe",
            )


def check_own_words(described: Mapping[str, str], texts: Sequence[str]) -> None:
    """Refuse descriptions that are, or quote, the text of a trace: one of a certify row would train what it tests.

    Parameters
    ----------
    described : mapping of str to str
        Label to sentence.
    texts : sequence of str
        Of all traces, on either side of the split.

    Raises
    ------
    DataError
        Naming the labels. It is no look at the certify rows: nothing is built then.
    """
    quotable = {quoted: label for label, sentence in described.items() for quoted in _quotable(sentence)}
    found = {quotable[text] for text in map(_plain, texts) if text in quotable} if quotable else set()
    copied = [label for label in described if label in found]
    if copied:
        raise DataError(
            f"described by the text of a trace: {listing([one_line(label) for label in copied], 5)}",
            hint="say in words of your own what the label is for: a sentence out of the log may be one that certifies",
            address="traces.labels.describe",
        )


def _quotable(sentence: str) -> Iterator[str]:
    """Yield a sentence, and all in it that would be a quotation."""
    words = _plain(sentence).split()
    if words:
        yield " ".join(words)
    for start in range(len(words)):
        for end in range(start + _QUOTED_WORDS, min(start + _MOST_QUOTED_WORDS, len(words)) + 1):
            yield " ".join(words[start:end])


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _asked(plan: Plan) -> str:
    return str(shared(plan.spec.sources, "labels", "train"))


def weigh_names(
    rows: FitRows,
    zoo: Sequence[Resolved],
    *,
    seed: int,
    workers: int = 1,
    memory: Memory | None = None,
    observe: Observer = no_observer,
) -> FitRows:
    """Choose what label names weigh, by the out-of-fold agreement of the first learner that takes weights.

    Notes
    -----
    Of the weights tried, that of the greatest agreement is compared with none, row by row. It is taken where the rows gained,
    less those lost, are more than one standard error of that difference under the hypothesis of no change, as in McNemar's test
    without its level: a wrong choice costs little, and no claim rests on it.
    """
    names = rows.names
    able = [each for each in zoo if each.provided.plugin.takes_weights]
    if names is None or not able:
        return replace(rows, names=None)
    unable = tuple(each.alias for each in zoo if not each.provided.plugin.takes_weights)
    trials = {weight: _at_weight(rows, names, weight) for weight in TRIED}
    observe(StageStarted("train", len(trials) * rows.n_folds))
    agrees: dict[float, Mask] = {}
    for weight, trial in trials.items():
        found = Trainer(
            trial, able[:1], seed=seed, workers=workers, memory=memory, observe=observe
        ).agrees_out_of_fold()
        if found is None:  # the learner fails: the report says why
            return replace(rows, names=None)
        agrees[weight] = found
    best = max(WEIGHTS, key=lambda weight: (rows.share(agrees[weight]), -weight))
    chosen = best if names.is_asked or _is_beyond_noise(rows, agrees[best], agrees[0.0]) else 0.0
    gain = NamesGain(chosen, rows.share(agrees[chosen]), rows.share(agrees[0.0]), unable)
    return replace(rows, names=replace(names, weight=chosen, gain=gain))


def is_weighed(rows: FitRows, zoo: Sequence[Resolved], *, seed: int, memory: Memory) -> bool:
    """Return whether :func:`weigh_names` would find all of its trainings in the cache."""
    able = [each for each in zoo if each.provided.plugin.takes_weights]
    trials = [] if rows.names is None or not able else [_at_weight(rows, rows.names, weight) for weight in TRIED]
    return all(Trainer(trial, able[:1], seed=seed, memory=memory).knows_folds() for trial in trials)


def _at_weight(rows: FitRows, names: LabelRows, weight: float) -> FitRows:
    return replace(rows, names=replace(names, weight=weight))


def _is_beyond_noise(rows: FitRows, after: Mask, before: Mask) -> bool:
    """Return whether agreement rose by more than its standard error."""
    change = after.astype(np.float64) - before
    if rows.weights is not None:
        change *= rows.weights.counting
    return float(change.sum()) > math.sqrt(float((change**2).sum()))
