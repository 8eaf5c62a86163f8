#!/usr/bin/env python3
"""Measure how much of the best possible coverage the walk certifies, and how much any exact test of it could.

    python benchmarks/bounds.py ../shared/data --reps 8 [--cells banking77:1500:lsa] [--acceptor neighbours]

Training is drawn few times and the certify rows often, 200 sets for each draw, so that luck in them hardly shows.
All means are of true coverage, on the rows that did not train:

*best*      the largest that any threshold of any surrogate reaches at the target (see guarantee.py); an oracle's choice
*threshold* the largest that any threshold of the chain that is walked reaches
*walk*      the default calibrator's order, walked; and the same over the means of *threshold* and *best*

and over the mean *best* alone:

*start*     the same chain, walked from the candidate from which the mean is greatest: an oracle's choice of the start
*coin*      the same, with tests that spend the whole of delta by a random draw (Stevens 1950), one for each set
*any*       the largest candidate of the chain whose agreement is the target's and whose own exact test passes at the
            whole of delta, whatever failed before it: no procedure that certifies by such tests can ship more
*false*     certificates of the walk whose true agreement is under the target
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict

import numpy as np
from guarantee import MIN_COVERAGE, TARGETS, Pool, best_possible, load_pool, opened, options, proposed, workshop_of
from scipy.stats import binom

from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.plugin import Candidate, Chain, Target

CELLS = "banking77:1500:lsa,clinc150:1500:lsa,banking77:3000:lsa,clinc150:3000:lsa"
N_SETS = 200


def one_draw(pool: Pool, n: int, rep: int, args: argparse.Namespace) -> list[dict[str, float]]:
    """Train on one draw, and certify by many sets of other rows for each target."""
    rng = np.random.default_rng([rep, n, 0])
    drawn, is_certify = rng.permutation(len(pool.y))[:n], rng.uniform(size=n) < args.certify
    fit, n_certify = drawn[~is_certify], int(is_certify.sum())
    others = np.setdiff1d(np.arange(len(pool.y)), fit)
    goals = [Target(level, 1 - args.delta, MIN_COVERAGE) for level in TARGETS[n]]
    workshop = workshop_of(pool, fit, rng.integers(args.folds, size=len(fit)), rep, goals[0], args)
    rows, results = opened(pool, others), []
    for goal in goals:
        chains = proposed(workshop, goal, args)
        ordered = ParetoTesting().order(chains, n_certify, goal)
        best = max(best_possible(workshop, each, pool, others, goal.level) for each in workshop.trained)
        found = {"threshold": best, "walk": 0.0, "start": 0.0, "coin": 0.0, "any": 0.0, "false": 0.0}
        if ordered:
            chain = next(each for each in chains if any(one is ordered[0] for one in each.candidates))
            found = outcomes(chain, ordered[0], rows, n_certify, goal, rng)
        results.append({"target": goal.level, "rep": rep, "best": best, **found})
    return results


def outcomes(
    chain: Chain, first: Candidate, rows: OpenedRows, n_certify: int, goal: Target, rng: np.random.Generator
) -> dict[str, float]:
    """Return the mean true coverage of each way to certify a chain, and how often the walk's certificate is false."""
    able = [each for each in chain.candidates if each.coverage >= goal.min_coverage]
    sets = np.zeros((N_SETS, len(rows)), bool)
    for chosen in sets:
        chosen[rng.choice(len(rows), n_certify, replace=False)] = True
    truth = np.array([rows.count(each.policy) for each in able])
    counts = np.array([[rows.count(each.policy, chosen) for chosen in sets] for each in able])
    n, k = counts[..., 0], counts[..., 1]
    passes = (binom.sf(k - 1, n, goal.level) <= goal.delta) & (n > 0)
    drawn = binom.sf(k, n, goal.level) + rng.uniform(size=N_SETS) * binom.pmf(k, n, goal.level)
    coverage, is_true = truth[:, 0] / len(rows), truth[:, 1] >= goal.level * truth[:, 0]
    ends, shipped = walks(passes, coverage)
    start = next(i for i, each in enumerate(able) if each is first)
    return {
        "threshold": float((is_true * coverage).max()),
        "walk": float(shipped[start].mean()),
        "start": max(float(each.mean()) for each in shipped),
        "coin": max(float(each.mean()) for each in walks((drawn <= goal.delta) & (n > 0), coverage)[1]),
        "any": float(np.max(passes * (is_true * coverage)[:, None], axis=0).mean()),
        "false": float(((ends[start] >= start) & ~is_true[ends[start]]).mean()),
    }


def walks(passes: np.ndarray, coverage: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return where walks end, by set, and the coverage that they certify, for each candidate at which they may begin."""
    ends = [walked(passes[start:]) + start for start in range(len(passes))]  # one before the start: nothing
    return ends, [np.where(end >= start, coverage[end], 0.0) for start, end in enumerate(ends)]


def walked(passes: np.ndarray) -> np.ndarray:
    """Return the position of the last candidate before the first that fails, by set; -1 where the first fails."""
    return np.where(passes.all(axis=0), len(passes), passes.argmin(axis=0)) - 1


def table(name: str, rows: list[dict[str, float]]) -> list[str]:
    """Return the lines of one cell."""
    lines = []
    for target in sorted({row["target"] for row in rows}):
        mean = {
            key: np.mean([row[key] for row in rows if row["target"] == target]) for key in rows[0] if key != "target"
        }
        shares = " | ".join(f"{mean[key] / mean['best']:.0%}" for key in ("walk", "start", "coin", "any"))
        lines.append(
            f"| {name}, {target:.2f} | {mean['best']:.3f} | {mean['threshold']:.3f} | {mean['walk']:.3f} "
            f"| {mean['walk'] / mean['threshold']:.0%} | {shares} | {mean['false']:.3f} |"
        )
    return lines


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=8)
    parser.add_argument("--cells", default=CELLS, help="dataset:n:lsa, or :encoder or :joined, by commas")
    args = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = defaultdict(list)
    columns = ("best", "threshold", "walk", "walk ÷ threshold", "walk ÷ best", "start", "coin", "any", "false")
    print(f"| dataset, n, vectors, target | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for cell in args.cells.split(","):
        dataset, n, vectors = cell.split(":")
        pool = load_pool(args.data, dataset, None if vectors == "lsa" else args.encoder, join=vectors == "joined")
        name = f"{dataset} {int(n):,}, {vectors}"
        for rep in range(args.reps):
            results[name] += one_draw(pool, int(n), rep, args)
        print("\n".join(table(name, results[name])), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
