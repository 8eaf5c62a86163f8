#!/usr/bin/env python3
"""Measure surrogates beside ``logreg`` and ``mlp``: n-grams, other averages, temperatures, other options, a larger ``lsa``.

    python benchmarks/surrogates.py ../shared/data --draws 3 [--vectors FOLDER] [--datasets banking77,clinc150]

For every draw of n traces: the share of a build trains, out of fold in four parts and once whole, by the product's own trainer.
Each way is a combination of what trained surrogates say, behind the acceptor ``logistic``. It is tried on the test rows of the
dataset, which no draw holds: accuracy, and the best possible coverage, which is the largest share of test rows that a threshold
could handle at a true agreement of .90 or .95. ``today`` is what a build ships whose zoo is those two, unscaled: of them and
their average the one that agrees most often out of fold.

Tables show differences from ``today`` on the same draws, in points. With ``--vectors``, an encoder's vectors are read from
FOLDER/FILE.npy, and measured alone and beside ``lsa``. Long texts: benchmarks/docstrings.py makes a set of them.

``--certified`` certifies those two instead, with and without ``scale``: what the policy handles of the test rows.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from label_names import certified
from surrogate_ways import CHEAP, LSA, WAYS, Said, n_grams

from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.gates import HeldOut, fit_acceptor
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.flow.training.zoo import Trainer
from tracer_spec.graph import Scorer
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Target
from tracer_spec.plugin.registry import find_plugins

CERTIFY = 0.4
N_FOLDS = 4
LEVELS = (0.90, 0.95)
# with more traces than this, only ways that train little are tried
MOST_FOR_ALL = 3000
MEASURES = ("accuracy", *(f"coverage at {level}" for level in LEVELS))


@dataclass(frozen=True)
class Texts:
    """Texts, labels and, where there are any, an encoder's vectors."""

    texts: list[str]
    labels: np.ndarray
    vectors: np.ndarray | None

    @classmethod
    def read(cls, data: Path, vectors: Path | None, name: str) -> Texts:
        """Read a file of a dataset."""
        rows = [json.loads(line) for line in (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        X = None if vectors is None else unit(np.load(vectors / f"{name}.npy").astype(np.float32))
        return cls([row["input"] for row in rows], np.array([row["teacher"] for row in rows]), X)

    def take(self, at: np.ndarray) -> Texts:
        """Return the texts at these positions."""
        return Texts([self.texts[i] for i in at], self.labels[at], None if self.vectors is None else self.vectors[at])


def unit(X: np.ndarray) -> np.ndarray:
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)


def resolve(kind: str, name: str, alias: str = "", **options: object) -> Resolved:
    provided = find_plugins().get(kind, name)
    return Resolved(alias or name, provided, provided.plugin.options.model_validate(options))


class Draw:
    """Fit rows of one draw with the test rows, and everything trained on them, each once."""

    def __init__(self, fit: Texts, test: Texts, seed: int) -> None:
        self.fit, self.test = fit, test
        self.classes = np.unique(fit.labels)
        self.y = np.searchsorted(self.classes, fit.labels)
        known = {label: at for at, label in enumerate(self.classes.tolist())}
        self.y_test = np.array([known.get(label, -1) for label in test.labels.tolist()])
        self.folds = np.random.default_rng(seed).permutation(len(self.y)) % N_FOLDS
        self._embedded: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._said: dict[tuple[str, ...], Said] = {}

    def embedded(self, space: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of fit and test rows: of ``lsa`` by its options, of the encoder, or of both side by side."""
        if space not in self._embedded:
            if space == "encoder":
                self._embedded[space] = self.fit.vectors, self.test.vectors
            elif space == "joined":
                pairs = zip(self.embedded("lsa"), self.embedded("encoder"), strict=True)
                self._embedded[space] = tuple(unit(np.hstack(pair)) for pair in pairs)
            else:
                embedder = resolve("embedder", "lsa", **LSA[space]).make().fit(self.fit.texts, seed=0)
                self._embedded[space] = tuple(np.asarray(embedder.embed(each.texts)) for each in (self.fit, self.test))
        return self._embedded[space]

    def rows(self, space: str) -> FitRows:
        """Return the fit rows with their vectors."""
        return FitRows(self.embedded(space)[0], self.y, self.folds, len(self.classes))

    def member(self, space: str, learner: str, **options: object) -> Said:
        """Return what a learner says of fit rows, out of fold, and of test rows."""
        key = (space, learner, json.dumps(options))
        if key not in self._said:
            resolved = resolve("surrogate", learner, json.dumps([learner, options]), **options)
            trainer = Trainer(self.rows(space), [resolved], seed=0)
            (trained,) = trainer.cross_fit([resolved.alias], np.ones(len(self.y), bool))
            (scores,) = Scorer(trained.graph).run({"embedding": self.embedded(space)[1]}, outputs=["scores"])
            self._said[key] = Said(trained.scores, scores)
        return self._said[key]

    @cached_property
    def n_grams(self) -> Said:
        """Return what a linear model on sparse n-grams says."""
        return n_grams(self.fit.texts, self.y, self.folds, self.test.texts)

    def measure(self, space: str, said: Said) -> dict[str, float]:
        """Return the accuracy on test rows, and the best possible coverage behind the acceptor."""
        rows, everywhere = self.rows(space), np.ones(len(self.y), bool)
        held_out = HeldOut(said.fit, said.fit_votes)
        model, _ = fit_acceptor(resolve("acceptor", "logistic"), rows, held_out, everywhere, 0, Memory())
        known = {"embedding": self.embedded(space)[1], "scores": said.test}
        if said.test_votes is not None:
            known["votes"] = said.test_votes
        scorer = Scorer(model.onnx)
        (accept,) = scorer.run({name: known[name] for name in scorer.inputs})
        agrees = said.test.argmax(axis=1) == self.y_test
        shares = [best_coverage(accept, agrees, level) for level in LEVELS]
        return dict(zip(MEASURES, (float(agrees.mean()), *shares), strict=True))


def best_coverage(accept: np.ndarray, agrees: np.ndarray, level: float) -> float:
    """Return the largest share of rows, the best first, of which this share agrees."""
    running = np.cumsum(agrees[np.argsort(-accept, kind="stable")]) / np.arange(1, len(agrees) + 1)
    enough = np.flatnonzero(running >= level)
    return float((enough[-1] + 1) / len(agrees)) if len(enough) else 0.0


def results_of(args: argparse.Namespace, name: str) -> Iterator[dict[str, Any]]:
    """Yield one result for each number of traces, draw, space and way."""
    train, test = (Texts.read(args.data, args.vectors, f"{name}_{part}") for part in ("train", "test"))
    spaces = ("lsa",) if args.vectors is None else ("lsa", "encoder", "joined")
    for n in (min(size or len(train.labels), len(train.labels)) for size in args.sizes):
        for rep in range(args.draws if n <= MOST_FOR_ALL else args.large_draws):
            rng = np.random.default_rng([rep, n])
            chosen = rng.permutation(len(train.labels))[:n]
            draw = Draw(train.take(chosen[rng.uniform(size=n) >= CERTIFY]), test, rep)
            for space in spaces:
                for way in args.ways or WAYS:
                    if n > MOST_FOR_ALL and way not in CHEAP:
                        continue
                    where, answer = WAYS[way](draw, space)
                    if answer is not None:
                        yield {
                            "dataset": name, "n": n, "rep": rep, "space": space, "way": way, **draw.measure(where, answer)
                        }  # fmt: skip


def certified_of(args: argparse.Namespace, name: str) -> Iterator[str]:
    """Yield a row of the table for each draw and space: certified coverage without and with ``scale``, by target."""
    train, test = (Texts.read(args.data, args.vectors, f"{name}_{part}") for part in ("train", "test"))
    for n in args.sizes:
        for rep in range(args.draws):
            rng = np.random.default_rng([rep, n])
            chosen = rng.permutation(len(train.labels))[:n]
            to_certify = rng.uniform(size=n) < CERTIFY
            fit, certify = train.take(chosen[~to_certify]), train.take(chosen[to_certify])
            for space in ("lsa",) if args.vectors is None else ("lsa", "encoder"):
                on_test, on_certify = Draw(fit, test, rep), Draw(fit, certify, rep)
                sides = [(each.embedded(space)[1], each.y_test) for each in (on_certify, on_test)]
                found = [
                    f"{certified(shop(on_test.rows(space), goal, scale=scale), goal, *sides)['coverage']:.3f}"
                    for goal in (Target(level, 0.95, 0.05) for level in args.targets)
                    for scale in (False, True)
                ]
                yield f"| {name} {n:,}, draw {rep}, {space} | {' | '.join(found)} |"


def shop(rows: FitRows, goal: Target, *, scale: bool) -> Workshop:
    zoo, denied = [resolve("surrogate", name) for name in ("logreg", "mlp")], np.zeros(rows.n_classes, bool)
    acceptors = [resolve("acceptor", "logistic")]
    return Workshop(rows, zoo=zoo, acceptors=acceptors, guards=[], denied=denied, target=goal, seed=0, scale=scale)


def table(results: Sequence[dict[str, Any]], space: str) -> str:
    """Return the differences from ``today`` in one space: the mean of all draws, and the lowest and highest mean of a cell."""
    cells = list(dict.fromkeys((row["dataset"], row["n"]) for row in results))
    by = {(row["way"], row["dataset"], row["n"], row["rep"]): row for row in results if row["space"] == space}
    heads = ["accuracy, mean of all", *MEASURES[1:], *(f"{name} {n:,}: accuracy, {MEASURES[1]}" for name, n in cells)]
    lines = [f"{space}\n\n| way | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for way in dict.fromkeys(row["way"] for row in results if row["space"] == space):
        changes = {cell: change(by, way, cell) for cell in cells if any(key[:3] == (way, *cell) for key in by)}
        means = np.array(list(changes.values()))
        shown = [
            f"{100 * means[:, at].mean():+.1f} ({100 * means[:, at].min():+.1f} to {100 * means[:, at].max():+.1f})"
            for at in range(len(MEASURES))
        ]
        for cell in cells:
            found = changes.get(cell)
            shown.append("" if found is None else f"{100 * found[0]:+.1f}, {100 * found[1]:+.1f}")
        lines.append(f"| {way} | {' | '.join(shown)} |")
    return "\n".join(lines)


def change(by: dict[tuple[Any, ...], dict[str, Any]], way: str, cell: tuple[str, int]) -> list[float]:
    """Return the mean difference from ``today`` over the draws of a cell, by measure; of ``today`` the value itself."""
    reps = [key[3] for key in by if key[:3] == (way, *cell)]
    base = 0 if way == "today" else 1
    return [
        float(np.mean([by[way, *cell, rep][what] - base * by["today", *cell, rep][what] for rep in reps]))
        for what in MEASURES
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--datasets", default="banking77,clinc150")
    parser.add_argument(
        "--sizes", type=lambda text: [int(each) for each in text.split(",")], default=[1500, 3000, 0],
        help="numbers of traces; 0 for all there are",
    )  # fmt: skip
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--large-draws", type=int, default=1, help=f"draws of more than {MOST_FOR_ALL} traces")
    parser.add_argument("--vectors", type=Path, help="a folder with an encoder's vectors, FILE.npy")
    parser.add_argument("--ways", type=lambda text: ["today", *text.split(";")], help="some ways, with ; between them")
    parser.add_argument("--certified", action="store_true", help="certify instead, with and without scale")
    parser.add_argument("--targets", type=lambda text: [float(each) for each in text.split(",")], default=[0.85, 0.9])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--again", type=Path, nargs="*", help="print tables of JSON files of earlier runs")
    args = parser.parse_args()
    if args.certified:
        heads = [f"{level}{with_scale}" for level in args.targets for with_scale in ("", ", scale")]
        print(f"| draw | {' | '.join(heads)} |\n{'|---' * (len(heads) + 1)}|")
        for name in args.datasets.split(","):
            for row in certified_of(args, name):
                print(row, flush=True)
        return
    if args.again:
        results = [row for path in args.again for row in json.loads(path.read_text())["results"]]
    else:
        results = [row for name in args.datasets.split(",") for row in results_of(args, name)]
    for space in dict.fromkeys(row["space"] for row in results):
        print(table(results, space), end="\n\n")
    versions = {each: version(each) for each in ("tracer-spec", "scikit-learn", "numpy", "onnxruntime")}
    print(
        f"{platform.machine()}, {joblib.cpu_count()} cores, Python {platform.python_version()}, {versions}; {vars(args)}"
    )
    if args.json:
        args.json.write_text(json.dumps({"versions": versions, "results": results}, indent=1))


if __name__ == "__main__":
    main()
