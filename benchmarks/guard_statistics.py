"""What could tell an out-of-scope query from one in scope: statistics beside an acceptor's score; ``guards.py --statistics``.

Each statistic is a distance, and larger is farther. It is used in three ways. As a gate with the best limit: what lies beyond
is refused, and the acceptor's threshold decides about the rest; of 21 limits the best is taken, chosen on the very out-of-scope
queries, which no real router has. As a gate whose limit moves with the threshold: a row must have the same rank among fit
rows, out of fold, by score and by nearness. And as one more feature of the acceptor.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

COVERAGES = (0.7, 0.8, 0.9, 0.95)
DRAWS = 3
N_INTENTS = 7
N_FOLDS = 3
N_LIMITS = 21

Rows = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Set:
    """Texts, labels and, where there are any, an encoder's vectors."""

    texts: list[str]
    labels: Rows
    vectors: Rows | None

    def take(self, rows: Rows) -> Set:
        """Return some of the rows."""
        vectors = None if self.vectors is None else self.vectors[rows]
        return Set([self.texts[row] for row in rows], self.labels[rows], vectors)


def read(data: Path, vectors: Path | None, name: str) -> Set:
    rows = [json.loads(line) for line in (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    X = None if vectors is None else np.load(vectors / f"{name}.npy").astype(np.float32)
    if X is not None:
        X /= np.linalg.norm(X, axis=1, keepdims=True)
    return Set([row["input"] for row in rows], np.array([row["teacher"] for row in rows]), X)


class Knowledge:
    """How much of a text a fitted ``lsa`` knows."""

    def __init__(self, embedder: Any, texts: list[str]) -> None:
        self.embedder = embedder
        n_texts, n_terms = len(texts), len(embedder.weights)
        df = np.zeros(n_terms)
        for text in texts:
            df[embedder.terms(text)[0]] += 1
        self.idf = 1 + np.log((1 + n_texts) / (1 + df))
        self.largest = 1 + np.log(1 + n_texts)
        V = embedder.weights[:, None] * embedder.components.astype(np.float64) / self.idf[:, None]
        norms = np.linalg.norm(V, axis=0)
        # columns of V have norm 1, but those beyond the rank, which are 0; int8 rows are these times a common unit
        self.V = V / norms[norms > 0].mean()

    def lost_energy(self, texts: list[str]) -> Rows:
        """Return 1 - |V'x| / |x|, with x the tf-idf vector over all terms, unknown ones with the largest idf."""
        return np.array([1 - self._captured(text) for text in texts])

    def unknown_words(self, texts: list[str]) -> Rows:
        """Return the share of words that are not in the vocabulary."""
        from tracer_spec.runtime import lsa

        known = self.embedder._word_rows
        found = [lsa.words(text, self.embedder.max_chars) for text in texts]
        return np.array([sum(word not in known for word in each) / max(len(each), 1) for each in found])

    def _captured(self, text: str) -> float:
        from tracer_spec.runtime import lsa

        embedder, words = self.embedder, lsa.words(text, self.embedder.max_chars)
        rows, counts = embedder.terms(text)
        in_words, in_grams = embedder._word_rows, embedder._gram_rows
        terms = [*words, *(f"{one} {two}" for one, two in pairwise(words))]
        unknown = Counter(("word", term) for term in terms if term not in in_words)
        unknown.update(
            ("gram", gram) for word in words for gram in lsa.grams(word, *embedder.chars) if gram not in in_grams
        )
        x = (1 + np.log(counts)) * self.idf[rows]
        lost = self.largest * (1 + np.log(np.array(list(unknown.values()), float)))
        whole = np.sqrt(x @ x + lost @ lost)
        return float(np.linalg.norm(x @ self.V[rows]) / whole) if whole else 0.0


def mahalanobis(X: Rows, y: Rows, *, relative: bool) -> Callable[[Rows], Rows]:
    """Return the distance to the nearest label's mean, less that to the mean of all where relative; covariances are shrunk.

    Ren, Fort, Liu, Roy, Padhy, Lakshminarayanan: A simple fix to Mahalanobis distance. 2021.
    """
    from sklearn.covariance import ledoit_wolf

    means = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
    within = np.linalg.cholesky(np.linalg.inv(ledoit_wolf(X - means[np.unique(y, return_inverse=True)[1]])[0]))
    whole = np.linalg.cholesky(np.linalg.inv(ledoit_wolf(X)[0]))
    centre, at = X.mean(axis=0), means @ within

    def distance(Z: Rows) -> Rows:
        nearest = _squares(Z @ within, at).min(axis=1)
        return np.asarray(nearest - relative * (((Z - centre) @ whole) ** 2).sum(axis=1))

    return distance


def _squares(X: Rows, points: Rows) -> Rows:
    return np.asarray((X**2).sum(axis=1)[:, None] - 2 * X @ points.T + (points**2).sum(axis=1))


def far_rows(X: Rows, k: int) -> Callable[[Rows], Rows]:
    """Return 1 - cosine to the k-th nearest fit row."""
    return lambda Z: np.concatenate([1 - np.partition(part @ X.T, -k, axis=1)[:, -k] for part in _chunks(Z)])


def prototypes(X: Rows, y: Rows) -> Callable[[Rows, Rows], Rows]:
    from tracer_spec.builtin.guards.prototypes import PrototypesLearner, PrototypesOptions

    guard = PrototypesLearner(PrototypesOptions()).fit(X, y, n_classes=int(y.max()) + 1, seed=0)
    return guard.distances


def _chunks(Z: Rows) -> list[Rows]:
    return np.array_split(Z, max(1, len(Z) // 1000))


@dataclass(frozen=True)
class Measured:
    """Of some rows: whether the surrogate is right, what an acceptor reads, and every statistic."""

    right: Rows
    features: Rows
    statistics: dict[str, Rows]


def measured(fit: Set, others: list[Set], space: str) -> list[Measured]:
    """Fit everything on ``fit`` and return what it says of each of the others."""
    from sklearn.linear_model import LogisticRegression

    from tracer_spec.builtin.embedders.lsa import LsaLearner, LsaOptions

    names, y = np.unique(fit.labels, return_inverse=True)
    knowledge = None
    if space == "lsa":
        embedder = LsaLearner(LsaOptions(dim=384)).fit(fit.texts, seed=0)
        knowledge = Knowledge(embedder, fit.texts)
    vectors = [embedder.embed(each.texts) if knowledge else each.vectors for each in (fit, *others)]
    X = vectors[0]
    surrogate = LogisticRegression(C=10, max_iter=100).fit(X, y)
    near_label = prototypes(X, y)
    of_vector = {"nearest row": far_rows(X, 1), "fifth nearest row": far_rows(X, 5)}
    of_vector["Mahalanobis"] = mahalanobis(X.astype(np.float64), y, relative=False)
    of_vector["relative Mahalanobis"] = mahalanobis(X.astype(np.float64), y, relative=True)
    said = []
    for each, Z in zip(others, vectors[1:], strict=True):
        P = np.maximum(surrogate.predict_proba(Z), 1e-9)
        label, best = P.argmax(axis=1), -np.sort(-P, axis=1)[:, :2]
        entropy = -(P * np.log(P)).sum(axis=1)
        # what the acceptor 'logistic' reads
        features = np.column_stack([best, best[:, 0] - best[:, 1], entropy])
        statistics = {"prototypes": near_label(Z, label)} | {name: of(Z) for name, of in of_vector.items()}
        if knowledge:
            statistics["energy not captured"] = knowledge.lost_energy(each.texts)
            statistics["unknown words"] = knowledge.unknown_words(each.texts)
        said.append(Measured(names[label] == each.labels, features, statistics))
    return said


def out_of_fold(fit: Set, space: str) -> Measured:
    fold = np.random.default_rng(0).integers(N_FOLDS, size=len(fit.texts))
    parts = []
    for each in range(N_FOLDS):
        parts += measured(fit.take(np.flatnonzero(fold != each)), [fit.take(np.flatnonzero(fold == each))], space)
    statistics = {name: np.concatenate([part.statistics[name] for part in parts]) for name in parts[0].statistics}
    right, features = (np.concatenate([getattr(part, name) for part in parts]) for name in ("right", "features"))
    return Measured(right, features, statistics)


@dataclass(frozen=True)
class Scored:
    """One number a row: out of fold for fit rows, and for the others."""

    fit: Rows
    inside: Rows
    outside: Rows

    def row(self) -> list[float]:
        """Return the AUROC, and the share handled out of scope at each coverage."""
        told = auroc(-self.inside, -self.outside)
        return [told, *(handled(self.inside, self.outside, each) for each in COVERAGES)]


def acceptor(fit: Measured, inside: Measured, outside: Measured, names: list[str]) -> Scored:
    """Return the scores of an acceptor that also reads these statistics."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def read(rows: Measured) -> Rows:
        return np.column_stack([rows.features, *(rows.statistics[name] for name in names)])

    if fit.right.all():
        # no error to learn from: the surrogate's own margin decides
        return Scored(*(rows.features[:, 2] for rows in (fit, inside, outside)))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(read(fit), fit.right)
    return Scored(*(model.decision_function(read(rows)) for rows in (fit, inside, outside)))


def handled(inside: Rows, outside: Rows, coverage: float) -> float:
    return float((outside >= np.quantile(inside, 1 - coverage, method="lower")).mean())


def gated(score: Scored, far: Scored, coverage: float) -> float:
    """Return the least share handled out of scope, over limits that let ``coverage`` or more through in scope."""
    least = 1.0
    for passes in np.linspace(coverage, 1, N_LIMITS):
        limit = np.quantile(far.inside, passes, method="higher") if passes < 1 else np.inf
        inside = np.where(far.inside <= limit, score.inside, -np.inf)
        least = min(least, handled(inside, np.where(far.outside <= limit, score.outside, -np.inf), coverage))
    return least


def paired(score: Scored, far: Scored) -> Scored:
    """Return the lesser of a row's ranks among fit rows, by the acceptor's score and by nearness: one limit moves both."""

    def rank(name: str) -> Rows:
        scores, distances = np.sort(score.fit), np.sort(-far.fit)
        ranks = np.searchsorted(scores, getattr(score, name)), np.searchsorted(distances, -getattr(far, name))
        return np.asarray(np.minimum(*ranks) + 1e-6 * np.maximum(*ranks))

    return Scored(rank("fit"), rank("inside"), rank("outside"))


def auroc(inside: Rows, outside: Rows) -> float:
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([0, 1], [len(inside), len(outside)])
    return float(roc_auc_score(truth, np.concatenate([inside, outside])))


def rows_of(fit: Set, inside: Set, outside: Set, space: str) -> dict[str, list[float]]:
    """Return, by what decides, the share told apart and what is handled out of scope at each coverage."""
    said, (near, away) = out_of_fold(fit, space), measured(fit, [inside, outside], space)
    plain = acceptor(said, near, away, [])
    best = Scored(*(each.features[:, 0] for each in (said, near, away)))
    rows = {"no guard": plain.row(), "no guard; the best probability for a score": best.row()}
    for name in near.statistics:
        far = Scored(*(each.statistics[name] for each in (said, near, away)))
        alone = auroc(far.inside, far.outside)
        rows[f"{name}: gate, the best limit"] = [alone, *(gated(plain, far, each) for each in COVERAGES)]
        on_best = [gated(best, far, each) for each in COVERAGES]
        rows[f"{name}: gate, the best limit; the best probability for a score"] = [alone, *on_best]
        rows[f"{name}: gate, moved with the threshold"] = paired(plain, far).row()
        rows[f"{name}: read by the acceptor"] = acceptor(said, near, away, [name]).row()
    rows["all of these: read by the acceptor"] = acceptor(said, near, away, list(near.statistics)).row()
    rows["has seen half of the out-of-scope queries"] = shown(near, away)
    return rows


def shown(near: Measured, away: Measured) -> list[float]:
    """Return the row of a model that learns from half of the very queries, and is tried on the other half."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_predict

    X = [np.column_stack([rows.features, *rows.statistics.values()]) for rows in (near, away)]
    truth = np.repeat([1, 0], [len(X[0]), len(X[1])])
    forest = RandomForestClassifier(200, min_samples_leaf=5, class_weight="balanced", random_state=0)
    score = cross_val_predict(forest, np.concatenate(X), truth, cv=2, method="predict_proba")[:, 1]
    inside, outside = score[truth == 1], score[truth == 0]
    return [auroc(-inside, -outside), *(handled(inside, outside, each) for each in COVERAGES)]


def seven(fit: Set, inside: Set, draw: int) -> list[Set]:
    chosen = np.random.default_rng(draw).choice(np.unique(fit.labels), N_INTENTS, replace=False)
    return [each.take(np.flatnonzero(np.isin(each.labels, chosen))) for each in (fit, inside)]


def print_statistics(data: Path, vectors: Path | None) -> None:
    """Print a table for CLINC150, and for routers of seven intents of one set on the texts of the other."""
    sets = {name: read(data, vectors, name) for name in ("clinc150_train", "clinc150_test", "clinc150_oos")}
    sets |= {name: read(data, vectors, name) for name in ("banking77_train", "banking77_test")}
    clinc, banking = (sets["clinc150_train"], sets["clinc150_test"]), (sets["banking77_train"], sets["banking77_test"])
    tasks = {"CLINC150, its out-of-scope queries": [(*clinc, sets["clinc150_oos"])]}
    tasks |= {
        title: [(*seven(*own, draw), other) for draw in range(DRAWS)]
        for title, own, other in (
            ("seven Banking77 intents, queries of CLINC150", banking, clinc[1]),
            ("seven CLINC150 intents, queries of Banking77", clinc, banking[1]),
        )
    }
    for title, runs in tasks.items():
        for space in ("lsa",) if vectors is None else ("lsa", "vectors"):
            show(f"{title}; {space}", [rows_of(*run, space) for run in runs])


def show(title: str, runs: list[dict[str, list[float]]]) -> None:
    print(f"\n{title}\n\n| what decides | AUROC |", "".join(f" handled at {each} |" for each in COVERAGES), sep="")
    print("|---" * (2 + len(COVERAGES)) + "|")
    for name in runs[0]:
        mean = np.mean([run[name] for run in runs], axis=0)
        print("|", " | ".join([name, *(f"{value:.3f}" for value in mean)]), "|", flush=True)
