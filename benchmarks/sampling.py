#!/usr/bin/env python3
"""Measure whether choosing which requests the teacher labels certifies sooner than labelling a plain random sample.

    python benchmarks/sampling.py ../shared/data --reps 6 [--json out.json]

n calls are spent: 60 % on fit rows, 40 % on certify rows, as a build splits them. Requests come from one half of a dataset,
the truth is read off the other half. Designs of the certify rows, all of the same surrogate:

- random, exact: a plain sample, and the walk of the default calibrator.
- random, betting: the same rows, tested by a betting e-process; the difference is what that test costs by itself.
- reachable, exact: only requests that the widest candidate in reach would handle. Given how many of those a candidate handles,
  the number that agree is still binomial at its agreement, so the test stays exact and nothing is weighted.
- weighted, betting: of those, each with a probability that depends on its score (Neyman), weighted by one over it.
- uncertain rows train: of the fit rows half are a plain sample, half the requests with the smallest margin under a surrogate of
  the first half, which train and count in no estimate. Certify rows are a plain sample, tested exactly.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np
from guarantee import Pool, load_pool, resolve
from sklearn.linear_model import LogisticRegression

from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.flow.compile import compile_policy, overrides
from tracer_spec.flow.traces.fit_weights import FitWeights
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.graph import Scorer
from tracer_spec.plugin import Stage, Target
from tracer_spec.stats.binomial import interval, p_value, predicted_power

SIZES = (500, 1000, 1500, 2000, 3000)
TARGETS = (0.90, 0.95)
CERTIFY, FOLDS, N_TRUTH, N_TRAFFIC = 0.4, 4, 5000, 4000
# no request is chosen less often than a fifth as often as another: a weight of five
LEAST_CHANCE = 0.2
N_BETS = 20
BASE = "random, exact"


@dataclass(frozen=True)
class Node:
    """A threshold with what the fit rows, out of fold, say of it."""

    threshold: float
    coverage: float
    n_fit: float
    k_fit: float


@dataclass(frozen=True)
class Rows:
    """Rows as a surrogate sees them: acceptor score, agreement, and the probability with which each was chosen."""

    score: np.ndarray
    agrees: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Design:
    """How certify rows are chosen (a chance by score and target, and the least there is) and tested."""

    reaches: bool
    chance: Callable[[np.ndarray, float], np.ndarray]
    least: float
    is_betting: bool
    is_weighted: bool = True


def evenly(score: np.ndarray, _target: float) -> np.ndarray:
    return np.ones(len(score))


def neyman(score: np.ndarray, target: float) -> np.ndarray:
    """Return a chance in proportion to the root of E (agrees - target)², the acceptor's score taken for P(agrees)."""
    spread = np.sqrt(score * (1 - score) + (score - target) ** 2)
    return np.maximum(spread / 0.5, LEAST_CHANCE).clip(max=1)


def surely(score: np.ndarray, _target: float) -> np.ndarray:
    """Return the chance of a mutant, which prefers what is sure to agree in the world of the null."""
    return np.maximum(rise(score), LEAST_CHANCE)


def rise(score: np.ndarray) -> np.ndarray:  # from 0 to 1 inside each band between two thresholds of the null
    return np.where(score >= 0.7, (score - 0.7) / 0.3, (score - 0.1) / 0.2 % 1)


DESIGNS = {
    BASE: Design(False, evenly, 1, False),
    "random, betting": Design(False, evenly, 1, True),
    "reachable, exact": Design(True, evenly, 1, False),
    "weighted, betting": Design(True, neyman, LEAST_CHANCE, True),
}
MUTANT = Design(True, surely, LEAST_CHANCE, False, False)


def collect(
    score: np.ndarray, agrees: np.ndarray, floor: float, m: int, design: Design, target: float, rng: np.random.Generator
) -> Rows:
    """Let requests pass, drawn with replacement, and call the teacher for some, until m calls are spent."""
    order = rng.integers(len(score), size=10 * len(score))
    order = order[score[order] >= floor]
    chance = design.chance(score[order], target)
    chosen = np.flatnonzero(rng.uniform(size=len(order)) < chance)[:m]
    known = chance[chosen] if design.is_weighted else np.ones(len(chosen))
    return Rows(score[order[chosen]], agrees[order[chosen]], known)


def passes(rows: Rows, threshold: float, target: float, delta: float, design: Design) -> bool:
    handled = rows.score >= threshold
    if not design.is_betting:
        return p_value(int(handled.sum()), int(rows.agrees[handled].sum()), target) <= delta
    # bets are fixed before a row is seen, so they are bounded by what a row could be at worst
    gain = (rows.agrees[handled] - target) / rows.chance[handled]
    bets = np.arange(1, N_BETS + 1) / (N_BETS + 1) * design.least / target
    wealth = np.exp(np.cumsum(np.log1p(gain[:, None] * bets), axis=0)).mean(axis=1)
    return bool(wealth.max(initial=0.0) >= 1 / delta)


def certified(nodes: list[Node], m: float, target: float, delta: float, test: Callable[[float], bool]) -> Node | None:
    """Walk from the node of greatest predicted power towards more coverage, until one fails."""
    power = [predicted_power(round(m * node.coverage), node.n_fit, node.k_fit, target, delta) for node in nodes]
    start = max(range(len(nodes)), key=lambda i: (power[i], nodes[i].coverage))
    walked = list(takewhile(lambda node: test(node.threshold), nodes[start:])) if power[start] >= 0.01 else []
    return walked[-1] if walked else None


def in_reach(nodes: list[Node], target: float) -> list[Node]:
    """Return the nodes up to the last whose estimate is not a standard error under the target."""
    slack = [node.k_fit / node.n_fit - target + (target * (1 - target) / node.n_fit) ** 0.5 for node in nodes]
    return nodes[: max((i for i, each in enumerate(slack) if each >= 0), default=-1) + 1]


def walk(
    nodes: list[Node], traffic: Rows, m: int, target: float, delta: float, design: Design, rng: np.random.Generator
) -> Node | None:
    """Collect m certify rows by a design, and certify on them."""
    tested = in_reach(nodes, target) if design.reaches else nodes
    if not tested:
        return None
    floor, share = (tested[-1].threshold, tested[-1].coverage) if design.reaches else (-np.inf, 1.0)
    rows = collect(traffic.score, traffic.agrees, floor, m, design, target, rng)
    return certified(tested, m / share, target, delta, lambda threshold: passes(rows, threshold, target, delta, design))


@dataclass(frozen=True)
class Trained:
    """A surrogate with its acceptor, and the nodes of its chain by rising coverage."""

    nodes: list[Node]
    scorer: Scorer
    constants: dict[str, np.ndarray]

    def see(self, pool: Pool, rows: np.ndarray) -> Rows:
        """Return the rows as surrogate and acceptor see them."""
        label, score = self.scorer.run(
            {"embedding": pool.X[rows]}, outputs=["label", "score"], constants=self.constants
        )
        return Rows(score.astype(float), (label == pool.y[rows]).astype(float), np.ones(len(rows)))


def train(pool: Pool, fit: np.ndarray, n_bought: int, delta: float, seed: int) -> Trained:
    """Train on fit rows as a build does; the last ``n_bought`` of them are no sample of the traffic."""
    counting = np.arange(len(fit)) < len(fit) - n_bought
    # of the plain sample a share certifies, so that a row of it that fits stands for more than itself; as a build weighs
    n_certify = CERTIFY / (1 - CERTIFY) * len(fit)
    learning = np.where(counting, 1 + n_certify / counting.sum(), 1)
    weights = FitWeights(learning / learning.mean(), counting / counting.mean()) if n_bought else None
    folds = np.random.default_rng(seed).integers(FOLDS, size=len(fit))
    rows = FitRows(pool.X[fit], pool.y[fit], folds, len(pool.labels), weights)
    denied = np.zeros(len(pool.labels), bool)
    workshop = Workshop(
        rows,
        zoo=[resolve("surrogate", "logreg")],
        acceptors=[resolve("acceptor", "logistic")],
        guards=[],
        denied=denied,
        target=Target(0.9, 1 - delta, 0.05),
        seed=seed,
        average=False,
    )
    (chain,) = propose([resolve("family", "l2d")], workshop)
    nodes = [
        Node(each.policy[0].threshold, each.coverage, each.n_handled, each.n_agree)
        for each in chain.candidates
        if each.coverage >= 0.05
    ]
    stage = workshop.stage(workshop.trained[0], 0.5)
    policy = (Stage(stage.surrogate, stage.acceptor, 0.0, stage.fences),)
    graph = compile_policy(policy, dimension=pool.X.shape[1], denied=denied.tolist(), open_thresholds=True)
    return Trained(nodes, Scorer(graph.SerializeToString()), overrides(policy))


def least_sure(pool: Pool, known: np.ndarray, others: np.ndarray, n: int) -> np.ndarray:
    """Return the n other rows of smallest margin under a surrogate of the known ones."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes")  # two rows a label: few, and still classes
        model = LogisticRegression(C=10, max_iter=200).fit(pool.X[known], pool.y[known])
    top = np.sort(model.predict_proba(pool.X[others]), axis=1)[:, -2:]
    return others[np.argsort(top[:, 1] - top[:, 0], kind="stable")[:n]]


def one_draw(pool: Pool, n: int, rep: int, delta: float) -> list[dict[str, object]]:
    """Spend n calls by every design."""
    order = np.random.default_rng([rep, n]).permutation(len(pool.y))
    truth, asked, later = order[:N_TRUTH], order[N_TRUTH:-N_TRAFFIC], order[-N_TRAFFIC:]
    m = round(CERTIFY * n)
    n_fit = n - m
    half = n_fit // 2
    bought = least_sure(pool, asked[:half], asked[half:], n_fit - half)
    plain = train(pool, asked[:n_fit], 0, delta, rep)
    active = train(pool, np.concatenate([asked[:half], bought]), len(bought), delta, rep)
    runs = [(plain, name, design) for name, design in DESIGNS.items()]
    runs.append((active, "uncertain rows train", DESIGNS[BASE]))
    results = []
    for trained, name, design in runs:
        traffic, true = trained.see(pool, later), trained.see(pool, truth)
        for target in TARGETS:
            node = walk(trained.nodes, traffic, m, target, delta, design, np.random.default_rng([rep, n, 1]))
            handled = true.score >= node.threshold if node else np.zeros(N_TRUTH, bool)
            found = {"coverage": float(handled.mean()), "n_agree": int(true.agrees[handled].sum())}
            results.append({"dataset": pool.name, "n": n, "rep": rep, "target": target, "design": name} | found)
    return results


def false_at_null(design: Design, target: float, delta: float, n_draws: int) -> int:
    """Count certificates in a world in which each is false: every threshold's agreement is a hair under the target.

    Agreement rises with the score inside each band between two thresholds, and falls back at the next.
    """
    nodes = [Node(1 - c, c, 1000 * c, 1000 * c * (target + 0.02)) for c in (0.3, 0.5, 0.7, 0.9)]
    n_false = 0
    for draw in range(n_draws):
        rng = np.random.default_rng([draw, 7])
        score = rng.uniform(size=N_TRAFFIC)
        agreement = target - 0.001 + (1 - target) * (rise(score) - 0.5)
        traffic = Rows(score, (rng.uniform(size=N_TRAFFIC) < agreement).astype(float), np.ones(N_TRAFFIC))
        n_false += walk(nodes, traffic, 400, target, delta, design, rng) is not None
    return n_false


def calls_needed(curve: dict[int, float], coverage: float) -> float | None:
    """Return the calls at which a curve first reaches a coverage, interpolated; None where it never does."""
    for low, high in pairwise(sorted(curve)):
        if curve[low] < coverage <= curve[high]:
            return low + (high - low) * (coverage - curve[low]) / (curve[high] - curve[low])
    return None


def table(results: list[dict]) -> str:
    """Mean true coverage by design, and the calls of each for the coverage of a plain sample."""
    names = list(dict.fromkeys(row["design"] for row in results))
    lines = [f"| dataset, target, calls | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for dataset, target in sorted({(row["dataset"], row["target"]) for row in results}):
        rows = [row for row in results if (row["dataset"], row["target"]) == (dataset, target)]
        curves = {name: {n: _mean_coverage(rows, name, n) for n in SIZES} for name in names}
        for n in SIZES:
            cells = [_cell(curves, name, n) for name in names]
            lines.append(f"| {dataset}, {target:.2f}, {n:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean_coverage(rows: list[dict], name: str, n: int) -> float:
    return float(np.mean([row["coverage"] for row in rows if (row["design"], row["n"]) == (name, n)]))


def _cell(curves: dict[str, dict[int, float]], name: str, n: int) -> str:
    coverage = f"{curves[name][n]:.3f}"
    if name == BASE or not curves[BASE][n]:
        return coverage
    needed = calls_needed(curves[name], curves[BASE][n])
    return coverage if needed is None else f"{coverage} ({needed / n - 1:+.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--datasets", nargs="+", default=["banking77", "clinc150"])
    parser.add_argument("--reps", type=int, default=6)
    parser.add_argument("--null-draws", type=int, default=1000)
    parser.add_argument("--delta", type=float, default=0.10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    started = time.process_time()
    for target in TARGETS:
        for name, design in (DESIGNS | {"mutant, which forgets the chances": MUTANT}).items():
            n_false = false_at_null(design, target, args.delta, args.null_draws)
            low, high = interval(args.null_draws, n_false, 0.99)
            print(f"null at {target:.2f}, {name}: {n_false / args.null_draws:.1%} false ({low:.1%} to {high:.1%})")
    results = []
    for name in args.datasets:
        pool = load_pool(args.data, name)
        for n in SIZES:
            for rep in range(args.reps):
                results += one_draw(pool, n, rep, args.delta)
            print(f"{name} {n:,}: done, {time.process_time() - started:.0f} s", file=sys.stderr)
    print("", table(results), sep="\n")
    versions = {each: version(each) for each in ("tracer-spec", "scikit-learn", "numpy", "onnxruntime")}
    print(f"\n{platform.machine()}, {time.process_time() - started:.0f} processor seconds, {versions}; {vars(args)}")
    if args.json:
        args.json.write_text(json.dumps({"versions": versions, "results": results}, default=str, indent=1))


if __name__ == "__main__":
    main()
