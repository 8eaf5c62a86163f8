"""Ways to answer that ``surrogates.py`` measures: each makes of trained surrogates one that says something of every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.flow.training.gates import HeldOut
from tracer_spec.flow.training.workshop import EQUALS_WITHIN

if TYPE_CHECKING:
    from surrogates import Draw

Rows = np.ndarray[Any, np.dtype[Any]]

LSA: dict[str, dict[str, Any]] = {
    "lsa": {},
    "lsa, 1,024 dimensions": {"dim": 1024},
    "lsa, 40,000 terms": {"vocabulary": 40_000},
    "lsa, 40,000 terms, [3, 5]": {"vocabulary": 40_000, "chars": (3, 5)},
    "lsa, 40,000 terms, [3, 5], 1,024": {"vocabulary": 40_000, "chars": (3, 5), "dim": 1024},
    "lsa, 40,000 terms, 8,000 characters": {"vocabulary": 40_000, "max_chars": 8000},
}
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
LONGER = {"tol": 0.002, "max_iter": 150}


@dataclass(frozen=True)
class Said:
    """Class scores of fit rows, out of fold, and of test rows; and the votes of an average."""

    fit: Rows
    test: Rows
    fit_votes: Rows | None = None
    test_votes: Rows | None = None

    def scored(self, fit: Rows, test: Rows) -> Said:
        """Return other scores, with the votes of what they were."""
        return Said(fit.astype(np.float32), test.astype(np.float32), self.fit_votes, self.test_votes)


def averaged(members: Sequence[Said]) -> Said:
    """Average as the product does."""
    fit, test = (HeldOut.averaged([getattr(each, part) for each in members]) for part in ("fit", "test"))
    return Said(fit.scores, test.scores, fit.votes, test.votes)


def combined(members: Sequence[Said], combine: Callable[[list[Rows]], Rows]) -> Said:
    """Average otherwise; the votes are those of the first member."""
    parts = [combine([getattr(each, part) for each in members]).astype(np.float32) for part in ("fit", "test")]
    firsts = [part.argmax(axis=1)[:, None] for part in parts]
    votes = [
        np.take_along_axis(given, at, axis=1)
        for given, at in zip((members[0].fit, members[0].test), firsts, strict=True)
    ]
    return Said(*parts, *votes)


def logits_averaged(scores: Sequence[Rows]) -> Rows:
    """Return the normalised geometric mean."""
    return softmax(np.mean([logarithms(each) for each in scores], axis=0))


def logarithms(scores: Rows) -> Rows:
    return np.log(np.maximum(scores, 1e-7).astype(np.float64))


def softmax(Z: Rows) -> Rows:
    Z = np.exp(Z - Z.max(axis=1, keepdims=True))
    return np.asarray(Z / Z.sum(axis=1, keepdims=True))


def log_loss(scores: Rows, y: Rows) -> float:
    return float(-logarithms(scores)[np.arange(len(y)), y].mean())


def agreement(said: Said, y: Rows) -> float:
    return float((said.fit.argmax(axis=1) == y).mean())


def n_grams(texts: list[str], y: Rows, folds: Rows, test: list[str]) -> Said:
    """Train a linear support vector machine on sparse words, pairs and characters, all that two texts hold.

    Its margins become probabilities by a softmax at one temperature, which minimises the log-loss out of fold.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    def margins(rows: Rows, others: list[str]) -> Rows:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+")
        grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
        model = make_pipeline(make_union(words, grams), LinearSVC())
        model.fit([texts[row] for row in rows], y[rows])
        Z = np.full((len(others), int(y.max()) + 1), -10.0)
        Z[:, model.classes_] = model.decision_function(others)
        return Z

    Z = np.empty((len(y), int(y.max()) + 1))
    for fold in np.unique(folds):
        outside = np.flatnonzero(folds == fold)
        Z[outside] = margins(np.flatnonzero(folds != fold), [texts[row] for row in outside])
    factor = min(np.geomspace(1, 30, 30), key=lambda each: log_loss(softmax(each * Z), y))
    fit, test_scores = softmax(factor * Z), softmax(factor * margins(np.arange(len(y)), test))
    return Said(fit.astype(np.float32), test_scores.astype(np.float32))


def tempered(said: Said, y: Rows, folds: Rows, *, by_label: bool) -> Said:
    """Divide logits by a temperature, of its own for each label that is put first where ``by_label``; drawn towards 1."""
    from scipy.optimize import minimize

    k = said.fit.shape[1] if by_label else 1

    def learn(scores: Rows, y: Rows) -> Rows:
        Z, group, at = logarithms(scores), scores.argmax(axis=1) % k, np.arange(len(y))

        def loss(logs: Rows) -> tuple[float, Rows]:
            s = np.exp(logs)[group]
            P = softmax(s[:, None] * Z)
            slope = s * ((P * Z).sum(axis=1) - Z[at, y])
            value = -np.log(np.maximum(P[at, y], 1e-12)).sum() + (logs**2).sum()
            return float(value), np.bincount(group, slope, k) + 2 * logs

        return np.exp(minimize(loss, np.zeros(k), jac=True, method="L-BFGS-B").x)

    def apply(factors: Rows, scores: Rows) -> Rows:
        return softmax(factors[scores.argmax(axis=1) % k][:, None] * logarithms(scores))

    return cross_fitted(said, y, folds, learn, apply)


def biased(said: Said, y: Rows, folds: Rows, *, n_factors: int | None = None, far: float = 1.0) -> Said:
    """Give logits a factor, and each label a bias, drawn towards 1 and 0.

    None stands for a factor for each label: vector scaling (Guo, Pleiss, Sun, Weinberger 2017). With one it is bias-corrected
    temperature scaling (Alexandari, Kundaje, Shrikumar 2020).
    """
    from scipy.optimize import minimize

    k = said.fit.shape[1]
    n = k if n_factors is None else n_factors

    def learn(scores: Rows, y: Rows) -> Rows:
        Z, Y = logarithms(scores), np.eye(k)[y]

        def loss(parts: Rows) -> tuple[float, Rows]:
            P, away = softmax((parts[:n] if n else 1) * Z + parts[n:]), parts - start
            value = -np.log(np.maximum((P * Y).sum(axis=1), 1e-12)).sum() + far * (away**2).sum()
            by_label = ((P - Y) * Z).sum(axis=0)
            slopes = np.concatenate([by_label if n == k else np.full(n, by_label.sum()), (P - Y).sum(axis=0)])
            return float(value), slopes + 2 * far * away

        start = np.repeat([1.0, 0.0], [n, k])
        return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x

    def apply(parts: Rows, scores: Rows) -> Rows:
        return softmax((parts[:n] if n else 1) * logarithms(scores) + parts[n:])

    return cross_fitted(said, y, folds, learn, apply)


def cross_fitted(
    said: Said, y: Rows, folds: Rows, learn: Callable[[Rows, Rows], Rows], apply: Callable[[Rows, Rows], Rows]
) -> Said:
    """Learn from out-of-fold scores, without each fold for its rows, and from all for test rows."""
    fit = np.empty_like(said.fit)
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        fit[outside] = apply(learn(said.fit[inside], y[inside]), said.fit[outside])
    return said.scored(fit, apply(learn(said.fit, y), said.test))


Answer = tuple[str, Said | None]
Way = Callable[["Draw", str], Answer]


def zoo(draw: Draw, space: str, C: float = 10.0, **mlp: Any) -> list[Said]:
    return [draw.member(space, "logreg", C=C), draw.member(space, "mlp", **mlp)]


def today(draw: Draw, space: str, **options: Any) -> Answer:
    """Return the best of ``logreg`` and ``mlp``, or their average where they are near enough to each other."""
    return space, best_of(draw, zoo(draw, space, **options))


def best_of(draw: Draw, members: list[Said]) -> Said:
    shares = [agreement(each, draw.y) for each in members]
    near = [*members, averaged(members)] if abs(shares[0] - shares[1]) <= EQUALS_WITHIN else members
    return max(near, key=lambda each: agreement(each, draw.y))


def each_scaled(draw: Draw, space: str, **options: Any) -> Answer:
    return space, best_of(draw, [biased(each, draw.y, draw.folds, **options) for each in zoo(draw, space)])


def alone(draw: Draw, space: str, learner: str, **options: Any) -> Answer:
    return space, draw.member(space, learner, **options)


def with_more(draw: Draw, space: str, *more: tuple[str, dict[str, Any]]) -> Answer:
    return space, averaged([*zoo(draw, space), *(draw.member(space, name, **options) for name, options in more)])


def weighted(draw: Draw, space: str) -> Answer:
    """Weigh the two by the log-loss of their mean, out of fold."""
    first, second = zoo(draw, space)

    def mean(weight: float, scores: Sequence[Rows]) -> Rows:
        return np.asarray(weight * scores[0] + (1 - weight) * scores[1])

    weight = min(WEIGHTS, key=lambda each: log_loss(mean(each, [first.fit, second.fit]), draw.y))
    return space, combined([first, second], partial(mean, weight))


def with_n_grams(draw: Draw, space: str, *, learners: int) -> Answer:
    return space, averaged([*zoo(draw, space)[-learners:], draw.n_grams])


def of_each_part(draw: Draw, space: str) -> Answer:
    """Average the two with one linear model on each part of the joined vector."""
    if space != "joined":
        return space, None
    return space, averaged([*zoo(draw, space), *(draw.member(part, "logreg") for part in ("lsa", "encoder"))])


def calibrated(draw: Draw, space: str, how: Callable[..., Said], **options: Any) -> Answer:
    where, said = today(draw, space)
    return where, None if said is None else how(said, draw.y, draw.folds, **options)


def larger_lsa(draw: Draw, space: str, other: str) -> Answer:
    return today(draw, other) if space == "lsa" else (space, None)


WAYS: dict[str, Way] = {
    "today": today,
    "logreg": partial(alone, learner="logreg", C=10.0),
    "mlp": partial(alone, learner="mlp"),
    "n-grams": lambda draw, space: (space, draw.n_grams),
    "mlp and n-grams": partial(with_n_grams, learners=1),
    "logreg, mlp and n-grams": partial(with_n_grams, learners=2),
    "and sgd": lambda draw, space: with_more(draw, space, ("sgd", {})),
    "and another mlp": lambda draw, space: with_more(draw, space, ("mlp", {"hidden": [257]})),
    "and a logreg on each part": of_each_part,
    "weights out of fold": weighted,
    "logits averaged": lambda draw, space: (space, combined(zoo(draw, space), logits_averaged)),
    "one temperature": partial(calibrated, how=tempered, by_label=False),
    "a temperature a label": partial(calibrated, how=tempered, by_label=True),
    "vector scaling": partial(calibrated, how=biased),
    "vector scaling of each": each_scaled,
    "a bias a label, of each": partial(each_scaled, n_factors=0),
    **{
        f"a temperature and biases of each, far weighs {far:g}": partial(each_scaled, n_factors=1, far=far)
        for far in (0.03, 0.1, 0.3, 1.0, 3.0)
    },
    **{f"C = {C:g}": partial(today, C=C) for C in (1.0, 3.0, 30.0, 100.0)},
    "mlp of 512": partial(today, hidden=[512]),
    "mlp, longer": partial(today, **LONGER),
    **{name: partial(larger_lsa, other=name) for name in LSA if name != "lsa"},
}
CHEAP = frozenset(WAYS) - {
    "and sgd", "and another mlp", "mlp of 512", "mlp, longer", "C = 1", "C = 3",
    "lsa, 40,000 terms", "lsa, 40,000 terms, 8,000 characters",
}  # fmt: skip
"""Ways that are measured with all traces there are."""
