#!/usr/bin/env python3
"""Measure how much of the best possible coverage the walk certifies, and how much any exact test of it could.

    python benchmarks/bounds.py ../shared/data --reps 8 [--cells banking77:1500:lsa] [--delta 0.05] [--json out.json]

Training is drawn few times and the certify rows often, 200 sets for each draw, so that luck in them hardly shows.
All means are of true coverage, on the rows that did not train, over the mean best possible one (see guarantee.py):

*walk*      the default calibrator's order, walked
*start*     the same chain, walked from the candidate from which the mean is greatest: an oracle's choice of the start
*any*       the largest candidate of the chain whose agreement is the target's and whose own exact test passes at the
            whole of delta, whatever failed before it: no procedure that certifies by such tests can ship more
*false*     certificates of the walk whose true agreement is under the target
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from guarantee import TARGETS, Pool, best_possible, load_pool, resolve, zoo
from scipy.stats import binom

from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.plugin import Chain, Target

CELLS = "banking77:1500:lsa,clinc150:1500:lsa,banking77:3000:lsa,clinc150:3000:lsa"
N_SETS, N_FOLDS, MIN_COVERAGE = 200, 4, 0.05
FAMILIES = ("global", "l2d", "rsb")


def one_draw(pool: Pool, n: int, rep: int, delta: float) -> list[dict[str, object]]:
    """Train on one draw, and certify by many sets of other rows for each target."""
    rng = np.random.default_rng([rep, n, 0])
    drawn, is_certify = rng.permutation(len(pool.y))[:n], rng.uniform(size=n) < 0.4
    fit = drawn[~is_certify]
    others = np.setdiff1d(np.arange(len(pool.y)), fit)
    denied = np.zeros(len(pool.labels), bool)
    workshop = Workshop(
        FitRows(pool.X[fit], pool.y[fit], rng.integers(N_FOLDS, size=len(fit)), len(pool.labels)),
        zoo=zoo("logreg+mlp"),
        acceptors=[resolve("acceptor", "logistic")],
        guards=[],
        denied=denied,
        target=Target(0.9, 1 - delta, MIN_COVERAGE),
        seed=rep,
        average=True,
    )
    opened = OpenedRows(Blocks([pool.X[others]]), pool.y[others], denied)
    results = []
    for level in TARGETS[n]:
        workshop.target = goal = Target(level, 1 - delta, MIN_COVERAGE)
        chains = propose([resolve("family", name) for name in FAMILIES], workshop)
        ordered = ParetoTesting().order(chains, int(is_certify.sum()), goal)
        best = max(best_possible(workshop, each, pool, others, level) for each in workshop.trained)
        shares = {"walk": 0.0, "start": 0.0, "any": 0.0, "false": 0.0}
        if ordered:
            chain = next(each for each in chains if any(one is ordered[0] for one in each.candidates))
            shares = outcomes(chain, ordered[0], opened, int(is_certify.sum()), goal, rng)
        results.append({"target": level, "rep": rep, "best": best, **shares})
    return results


def outcomes(
    chain: Chain, first: object, opened: OpenedRows, n_certify: int, goal: Target, rng: np.random.Generator
) -> dict[str, float]:
    """Return the mean true coverage of each way to certify a chain, and how often the walk's certificate is false."""
    able = [each for each in chain.candidates if each.coverage >= goal.min_coverage]
    sets = np.zeros((N_SETS, len(opened)), bool)
    for chosen in sets:
        chosen[rng.choice(len(opened), n_certify, replace=False)] = True
    truth = np.array([opened.count(each.policy) for each in able])
    counts = np.array([[opened.count(each.policy, chosen) for chosen in sets] for each in able])
    passes = (binom.sf(counts[..., 1] - 1, counts[..., 0], goal.level) <= goal.delta) & (counts[..., 0] > 0)
    coverage, is_true = truth[:, 0] / len(opened), truth[:, 1] >= goal.level * truth[:, 0]
    ends = [walked(passes[start:]) + start for start in range(len(able))]  # one before the start: nothing
    shipped = [np.where(end >= start, coverage[end], 0.0) for start, end in enumerate(ends)]
    start = next(i for i, each in enumerate(able) if each is first)
    return {
        "walk": float(shipped[start].mean()),
        "start": max(float(each.mean()) for each in shipped),
        "any": float(np.max(passes * (is_true * coverage)[:, None], axis=0).mean()),
        "false": float(((ends[start] >= start) & ~is_true[ends[start]]).mean()),
    }


def walked(passes: np.ndarray) -> np.ndarray:
    """Return the position of the last candidate before the first that fails, by set; -1 where the first fails."""
    return np.where(passes.all(axis=0), len(passes), passes.argmin(axis=0)) - 1


def table(name: str, rows: list[dict]) -> list[str]:
    """Return the lines of one cell."""
    lines = []
    for target in sorted({row["target"] for row in rows}):
        means = {
            key: np.mean([row[key] for row in rows if row["target"] == target]) for key in rows[0] if key != "target"
        }
        shares = " | ".join(f"{means[key] / means['best']:.0%}" for key in ("walk", "start", "any"))
        lines.append(f"| {name}, {target:.2f} | {means['best']:.3f} | {shares} | {means['false']:.3f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--reps", type=int, default=8)
    parser.add_argument("--delta", type=float, default=0.10)
    parser.add_argument("--cells", default=CELLS, help="dataset:n:lsa, or :encoder, by commas")
    parser.add_argument("--encoder", type=Path, help="a folder with a model for tracer-spec-encoder")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results: dict[str, list[dict]] = defaultdict(list)
    print("| dataset, n, vectors, target | best possible | walk | start | any | false |\n|---|---|---|---|---|---|")
    for cell in args.cells.split(","):
        dataset, n, vectors = cell.split(":")
        pool = load_pool(args.data, dataset, args.encoder if vectors == "encoder" else None)
        name = f"{dataset} {int(n):,}, {vectors}"
        for rep in range(args.reps):
            results[name] += one_draw(pool, int(n), rep, args.delta)
        print("\n".join(table(name, results[name])), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
