"""What a build would find in the cache and what it would have to do, as far as that is known without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.traces.folds import fold_keys, folds
from tracer_spec.flow.traces.label_space import label_space
from tracer_spec.flow.training.embed import (
    FittedEmbedder,
    fitted_key,
    joined_embedder,
    known_vectors,
    recall_fitted,
    vectors_key,
)
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.label_names import LabelTexts, is_weighed, weigh_names
from tracer_spec.flow.training.zoo import Trainer
from tracer_spec.plugin import Fittable, Vectors

if TYPE_CHECKING:
    from tracer_spec.flow.cache.store import Store
    from tracer_spec.flow.traces.fit_weights import FitWeights
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Resolved
    from tracer_spec.spec.model import SplitSpec


@dataclass(frozen=True, slots=True)
class Forecast:
    """What of a build is in the cache. Of certify rows nothing is looked up: their texts stay sealed.

    Parameters
    ----------
    is_fitted : bool or None
        Whether the embedder, fitted on these texts, is there; None for one that is not fitted.
    n_texts, n_texts_known : int or None
        Distinct texts of fit rows, and those whose vectors are there; None where vectors come with the traces.
    n_fits_known, n_fits : int or None
        Trainings of surrogates that are there, and in all; None where that is not known before vectors are made or read, and
        before the first fold, which ranks the zoo, is trained.
    """

    is_on: bool
    is_fitted: bool | None = None
    n_texts: int | None = None
    n_texts_known: int | None = None
    n_fits_known: int | None = None
    n_fits: int | None = None


def forecast(
    fit: TraceSet,
    store: Store,
    *,
    embedder: Resolved,
    zoo: Sequence[Resolved],
    allowed_labels: Sequence[str] | None,
    split: SplitSpec,
    seed: int,
    weights: FitWeights | None = None,
    named: LabelTexts | None = None,
) -> Forecast:
    """Look up what a build on these fit rows would find in the cache; nothing is embedded or trained."""
    if not store.is_on:
        return Forecast(is_on=False)
    memory = Memory(store)
    is_fitted, n, n_known, whole = _embedding(embedder, fit, seed, memory)
    X = None if whole is None or n != n_known else _known(whole, fit.texts)
    of_names = None if whole is None or named is None else _known(whole, named.texts)
    if X is None or (named is not None and of_names is None):
        return Forecast(True, is_fitted, n, n_known)
    labels = label_space(allowed_labels, fit.labels)
    dealt = folds(fold_keys(fit, split.strategy), split.folds, seed=seed)
    names = None if named is None or of_names is None else named.rows(of_names)
    rows = FitRows(X, labels.encode(fit.labels), dealt, len(labels), weights, names)
    if not is_weighed(rows, zoo, seed=seed, memory=memory):
        return Forecast(True, is_fitted, n, n_known)
    rows = weigh_names(rows, zoo, seed=seed, memory=memory)
    known, total = Trainer(rows, zoo, seed=seed, memory=memory).count_known()
    return Forecast(True, is_fitted, n, n_known, known, total)


def _embedding(
    resolved: Resolved, fit: TraceSet, seed: int, memory: Memory
) -> tuple[bool | None, int | None, int | None, FittedEmbedder | None]:
    """Return whether the embedder is fitted, (distinct) texts, those with vectors, and the embedder where it is there."""
    if resolved.reads_vectors:
        return None, None, None, None
    if resolved.parts:
        return _embedding_of_parts(resolved, fit, seed, memory)
    embedder = resolved.make()
    n = len(set(fit.texts))
    if not isinstance(embedder, Fittable):
        known = known_vectors(resolved, embedder, memory.store)
        return None, n, known.count(fit.texts) if known else 0, FittedEmbedder(resolved, embedder, known, memory=memory)
    restored = recall_fitted(embedder, fitted_key(resolved, fit.texts, seed, memory), memory)
    if restored is None:
        return False, n, 0, None
    whole = FittedEmbedder(resolved, restored, memory=memory)
    return True, n, n if _known(whole, fit.texts) is not None else 0, whole


def _embedding_of_parts(
    resolved: Resolved, fit: TraceSet, seed: int, memory: Memory
) -> tuple[bool | None, int | None, int | None, FittedEmbedder | None]:
    """Return the same of an embedder made of others: what all of its parts have."""
    found = [_embedding(part, fit, seed, memory) for part in resolved.parts]
    fitted = [is_fitted for is_fitted, *_ in found if is_fitted is not None]
    wholes = tuple(whole for *_, whole in found if whole is not None)
    joined = joined_embedder(resolved, wholes, memory) if len(wholes) == len(found) else None
    n_known = min(n for *_, n, _ in found if n is not None)
    return all(fitted) if fitted else None, found[0][1], n_known, joined


def _known(whole: FittedEmbedder, texts: tuple[str, ...]) -> Vectors | None:
    """Return the vectors of texts; None where not all of them are in the cache."""
    if whole.parts:
        of_parts = [_known(part, texts) for part in whole.parts]
        there = [X for X in of_parts if X is not None]
        return whole.joined(there, len(texts)) if len(there) == len(of_parts) else None
    if whole.known is not None:
        return whole.vectors_of(texts) if whole.known.count(texts) == len(set(texts)) else None
    kept = whole.memory.recall(vectors_key(whole.resolved, whole.embedder, texts, whole.memory))
    return None if kept is None else kept.parts["X"]
