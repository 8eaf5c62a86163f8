#!/usr/bin/env python3
"""Measure how much of the best possible coverage the walk certifies, and how much any exact test of it could.

    python benchmarks/bounds.py ../shared/data --reps 8 [--cells banking77:1500:lsa] [--acceptor neighbours]

Training is drawn few times and the certify rows often, 200 sets for each draw, so that luck in them hardly shows.
All means are of true coverage, on the rows that did not train:

*best*      the largest that any threshold of any surrogate reaches at the target (see guarantee.py); an oracle's choice
*threshold* the largest that any threshold of the chain that is walked reaches
*walk*      the default calibrator's order, walked; and the same over the means of *threshold* and *best*

and over the mean *best* alone:

*frozen*    the same walk over thresholds as they were before certify rows were opened, not moved to ranks
*start*     the same chain, walked from the candidate from which the mean is greatest: an oracle's choice of the start
*any*       the largest candidate of the chain whose agreement is the target's and whose own exact test passes at the
            whole of delta, whatever failed before it: no procedure that certifies by such tests can ship more
*false*     certificates of the walk whose true agreement is under the target
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from guarantee import MIN_COVERAGE, TARGETS, Pool, best_possible, load_pool, opened, options, proposed, workshop_of

from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.flow.certifying.ranks import at_ranks, ranks
from tracer_spec.plugin import Candidate, Chain, Policy, Target
from tracer_spec.stats.binomial import p_value

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
        found = {"threshold": best, "walk": 0.0, "frozen": 0.0, "start": 0.0, "any": 0.0, "false": 0.0}
        if ordered:
            chain = next(each for each in chains if any(one is ordered[0] for one in each.candidates))
            found = outcomes(chain, ordered, rows, n_certify, goal, rng)
        results.append({"target": goal.level, "rep": rep, "best": best, **found})
    return results


@dataclass(frozen=True)
class Drawn:
    """Some of the rows, as one build would open them."""

    rows: OpenedRows
    among: np.ndarray

    def __len__(self) -> int:
        return int(self.among.sum())

    def surest(self, policy: Policy) -> tuple[np.ndarray, np.ndarray]:
        """Return stage and score of these rows, surest first."""
        return self.rows.surest(policy, self.among)

    def count(self, policy: Policy) -> tuple[int, int]:
        """Return (n handled, k of them agreeing) of these rows."""
        return self.rows.count(policy, self.among)


@dataclass(frozen=True)
class Walks:
    """Tests of some candidates on one set of certify rows: their sizes, what they certify, and whether that is true."""

    sizes: np.ndarray
    passes: np.ndarray
    coverage: np.ndarray
    is_true: np.ndarray

    def shipped(self, size: int) -> tuple[float, bool]:
        """Return the coverage that a walk from the first test of so many rows certifies, and whether that is false."""
        start = int(np.searchsorted(self.sizes, size))
        failed = np.flatnonzero(~self.passes[start:])
        end = start + (int(failed[0]) if len(failed) else len(self.passes) - start) - 1
        return (float(self.coverage[end]), not self.is_true[end]) if end >= start else (0.0, False)

    def any(self) -> float:
        """Return the largest coverage that is true and whose own test passes."""
        return float(np.max(self.coverage * (self.passes & self.is_true), initial=0.0))


def tests(candidates: Sequence[Candidate], drawn: Drawn, goal: Target) -> Walks:
    """Test each candidate on its own."""
    counts = np.array([drawn.count(each.policy) for each in candidates]).reshape(-1, 2)
    truth = np.array([drawn.rows.count(each.policy) for each in candidates]).reshape(-1, 2)
    passes = [p_value(n, k, goal.level) <= goal.delta for n, k in counts.tolist()]
    is_true = truth[:, 1] >= goal.level * truth[:, 0]
    return Walks(counts[:, 0], np.array(passes, bool), truth[:, 0] / len(drawn.rows), is_true)


def every_test(candidates: Sequence[Candidate], drawn: Drawn, goal: Target) -> Walks:
    """Test each candidate at its rank; one whose order would end there, since it lies within rows of one score, fails."""
    parts, rest = [], list(candidates)
    while rest:
        moved, ended = at_ranks(rest, drawn, goal)
        parts.append(tests(moved, drawn, goal))
        if ended is None:
            break
        parts.append(Walks(np.array([ended.n]), np.zeros(1, bool), np.zeros(1), np.zeros(1, bool)))
        rest = [each for each, n in zip(rest, ranks(rest, len(drawn), goal), strict=True) if n is None or n > ended.n]
    return Walks(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Walks)))


def outcomes(
    chain: Chain, ordered: Sequence[Candidate], rows: OpenedRows, n_certify: int, goal: Target, rng: np.random.Generator
) -> dict[str, float]:
    """Return the mean true coverage of each way to certify a chain, and how often the walk's certificate is false."""
    able = [each for each in chain.candidates if each.coverage >= goal.min_coverage]
    sizes = [n_certify if n is None else n for n in ranks(able, n_certify, goal)]
    first = sizes[next(i for i, each in enumerate(able) if each is ordered[0])]
    found: dict[str, list[float]] = defaultdict(list)
    by_start = np.zeros(len(able))
    for _ in range(N_SETS):
        among = np.zeros(len(rows), bool)
        among[rng.choice(len(rows), n_certify, replace=False)] = True
        drawn = Drawn(rows, among)
        moved = every_test(able, drawn, goal)
        coverage, is_false = moved.shipped(first)
        found["walk"].append(coverage)
        found["false"].append(float(is_false))
        found["frozen"].append(tests(ordered, drawn, goal).shipped(0)[0])
        found["any"].append(moved.any())
        by_start += [moved.shipped(size)[0] / N_SETS for size in sizes]
    truth = np.array([rows.count(each.policy) for each in able])
    reached = truth[truth[:, 1] >= goal.level * truth[:, 0], 0]
    threshold = float(reached.max(initial=0) / len(rows))
    return {"threshold": threshold, "start": float(by_start.max())} | {
        key: float(np.mean(each)) for key, each in found.items()
    }


def table(name: str, rows: list[dict[str, float]]) -> list[str]:
    """Return the lines of one cell."""
    lines = []
    for target in sorted({row["target"] for row in rows}):
        mean = {
            key: np.mean([row[key] for row in rows if row["target"] == target]) for key in rows[0] if key != "target"
        }
        shares = " | ".join(f"{mean[key] / mean['best']:.0%}" for key in ("walk", "frozen", "start", "any"))
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
    columns = ("best", "threshold", "walk", "walk ÷ threshold", "walk ÷ best", "frozen", "start", "any", "false")
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
