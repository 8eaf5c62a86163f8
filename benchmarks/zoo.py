#!/usr/bin/env python3
"""Compare zoos: the accuracy of the surrogate that fit rows rank first, and the best possible coverage.

    python benchmarks/zoo.py ../shared/data --encoder ../shared/models/all-minilm-l6-v2-int8 --draws 2

Of each draw 60 % train; truth is on up to 5,000 other rows. *Best possible* is the largest coverage that any threshold of any
surrogate of the zoo reaches at a target (see guarantee.py). *Topics* are few labels and a noisy teacher: the labels of a
dataset in seven groups, by their encoder's mean vectors, of which one answer in ten is replaced by any of the seven; its
targets are .85 and .88, since .90 is more than the noise leaves.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from guarantee import Pool, best_possible, load_pool, workshop_of
from sklearn.cluster import KMeans

from tracer_spec.graph import Scorer
from tracer_spec.plugin import Target

ZOOS = {"logreg, mlp, unscaled": ("logreg+mlp", True), "logreg, mlp": ("logreg+mlp", False), "default": ("", False)}
N_GROUPS, NOISE = 7, 0.1


@dataclass(frozen=True)
class Cell:
    """A number of traces of a pool, and the targets that they are measured at."""

    name: str
    pool: Pool
    n: int
    levels: tuple[float, float] = (0.90, 0.95)


def cells(data: Path, encoder: Path, sizes: list[int]) -> Iterator[Cell]:
    """Yield intents with each kind of vectors, and topics with the encoder's."""
    for name in ("banking77", "clinc150"):
        by_lsa, by_encoder = load_pool(data, name), load_pool(data, name, encoder)
        few_labels = topics(by_encoder)
        for n in sizes:
            yield Cell(f"{name} {n:,}, `lsa`", by_lsa, n)
            yield Cell(f"{name} {n:,}, MiniLM", by_encoder, n)
            yield Cell(f"topics of {name} {n:,}, MiniLM", few_labels, n, (0.85, 0.88))


def topics(pool: Pool) -> Pool:
    """Return a pool of few labels and a noisy teacher."""
    means = np.array([pool.X[pool.y == label].mean(axis=0) for label in range(len(pool.labels))])
    y = KMeans(N_GROUPS, n_init=10, random_state=0).fit_predict(means)[pool.y].astype(np.int64)
    rng = np.random.default_rng(0)
    noisy = np.where(rng.uniform(size=len(y)) < NOISE, rng.integers(N_GROUPS, size=len(y)), y)
    return Pool(pool.name, pool.X, noisy, tuple(str(label) for label in range(N_GROUPS)))


def measure(cell: Cell, rep: int, zoo: str, *, no_scale: bool) -> tuple[float, ...]:
    """Train one zoo on one draw: accuracy, and the best possible coverage at each level."""
    rng = np.random.default_rng([rep, cell.n])
    drawn, n_fit = rng.permutation(len(cell.pool.y)), round(0.6 * cell.n)
    fit, truth = drawn[:n_fit], drawn[n_fit : n_fit + 5000]
    args = argparse.Namespace(zoo=zoo, acceptor="logistic", no_average=False, no_scale=no_scale)
    folds = rng.integers(4, size=n_fit)
    workshop = workshop_of(cell.pool, fit, folds, rep, Target(cell.levels[0], 0.9, 0.05), args)
    first = Scorer(workshop.trained[0].surrogate.onnx)
    (scores,) = first.run({"embedding": cell.pool.X[truth]}, outputs=["scores"])
    accuracy = float((scores.argmax(axis=1) == cell.pool.y[truth]).mean())
    return accuracy, *(
        max(best_possible(workshop, each, cell.pool, truth, level) for each in workshop.trained)
        for level in cell.levels
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", type=Path, required=True, help="a folder with a model for tracer-spec-encoder")
    parser.add_argument("--sizes", type=lambda text: [int(each) for each in text.split(",")], default=[1500, 3000])
    parser.add_argument("--draws", type=int, default=2)
    args = parser.parse_args()
    print(f"| vectors, dataset, n | targets | {' | '.join(ZOOS)} |\n{'|---' * (len(ZOOS) + 2)}|")
    for cell in cells(args.data, args.encoder, args.sizes):
        shown = []
        for zoo, no_scale in ZOOS.values():
            found = [measure(cell, rep, zoo, no_scale=no_scale) for rep in range(args.draws)]
            shown.append(", ".join(f"{mean:.3f}" for mean in np.mean(found, axis=0)))
        print(
            f"| {cell.name} | {', '.join(f'{level:.2f}' for level in cell.levels)} | {' | '.join(shown)} |", flush=True
        )


if __name__ == "__main__":
    main()
