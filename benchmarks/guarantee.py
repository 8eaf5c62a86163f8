#!/usr/bin/env python3
"""Measure what the guarantee costs and whether it holds, on repeated random draws from real datasets.

    python benchmarks/guarantee.py ../shared/data --reps 20 [--peer-python peer-env/bin/python] [--json out.json]

For every draw of n traces: split as a build does, train the zoo on the fit rows, then for every target let the default
calibrator order and certify, and look up the truth.

Coverage table: rows drawn *without* replacement; truth on at least 6,000 other rows. Validity table: fit and certify rows
drawn independently *with* replacement from the pool, so that the pool is the population and the true agreement of a policy
is its exact agreement over the pool (drawing without replacement would make "the rest" negatively correlated with the
certify rows, and violations look more frequent than they are).

"Best possible" is the largest coverage at which any threshold of any of the surrogates, behind the same acceptor, reaches
the target on the truth rows: an oracle's choice. The peer is tracer-llm 0.3.3, run by ../shared/bench/peer_tracer.py in an
environment of its own, on the same embeddings of the same rows, with one logistic surrogate; its error budget cannot be set
and is ignored.
``--encoder`` takes the vectors of a sentence encoder; that needs the distribution tracer-spec-encoder.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np

from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.flow.certifying.ranks import at_ranks
from tracer_spec.flow.compile import compile_policy, overrides
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.graph import Scorer
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Chain, Stage, Target
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec.model import DEFAULT_ZOO
from tracer_spec.spec.reference import PluginRef
from tracer_spec.stats.binomial import interval

CELLS = (("banking77", 1500), ("banking77", 3000), ("clinc150", 3000))
TARGETS = {1500: (0.90, 0.95), 3000: (0.90, 0.95, 0.98), 10000: (0.98, 0.99, 0.995)}
MIN_COVERAGE = 0.05
PEER_SCRIPT = Path(__file__).parents[2] / "shared" / "bench" / "peer_tracer.py"


@dataclass(frozen=True)
class Pool:
    """All rows of a dataset, embedded once by the built-in embedder on their texts."""

    name: str
    X: np.ndarray
    y: np.ndarray
    labels: tuple[str, ...]


def load_pool(folder: Path, name: str, encoder: Path | None = None, *, join: bool = False) -> Pool:
    """Read a dataset; its vectors are those of the built-in embedder, of an encoder, or both side by side."""
    files = sorted(folder.glob(f"{name}_train.jsonl")) + sorted(folder.glob(f"{name}_test.jsonl"))
    if not files:
        raise SystemExit(f"{folder}: no {name}_train.jsonl; the benchmark needs the real datasets")
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    texts = [row["input"] for row in rows]
    parts = []
    if encoder is None or join:
        parts.append(resolve("embedder", "lsa").make().fit(texts, seed=0).embed(texts))
    if encoder is not None:
        parts.append(resolve("embedder", "encoder", path=str(encoder.resolve())).make().embed(texts))
    X = np.concatenate(parts, axis=1) / np.float32(len(parts) ** 0.5)
    labels, y = np.unique([row["teacher"] for row in rows], return_inverse=True)
    return Pool(name, X, y.astype(np.int64), tuple(labels.tolist()))


def resolve(kind: str, name: str, alias: str = "", **options: object) -> Resolved:
    provided = find_plugins().get(kind, name)
    return Resolved(alias or name, provided, provided.plugin.options.model_validate(options))


def workshop_of(
    pool: Pool, fit: np.ndarray, folds: np.ndarray, rep: int, goal: Target, args: argparse.Namespace
) -> Workshop:
    """Return what trains on these rows."""
    return Workshop(
        FitRows(pool.X[fit], pool.y[fit], folds, len(pool.labels)),
        zoo=[resolve("surrogate", each.use, each.alias, **each.options) for each in zoo_of(args)],
        acceptors=[resolve("acceptor", name) for name in args.acceptor.split("+")],
        guards=[],
        denied=np.zeros(len(pool.labels), bool),
        target=goal,
        seed=rep,
        average=not args.no_average,
        scale=not args.no_scale,
    )


def zoo_of(args: argparse.Namespace) -> list[PluginRef]:
    """Return the learners that are asked for, by default those of a spec that names none."""
    return [PluginRef.model_validate(each) for each in (args.zoo.split("+") if args.zoo else DEFAULT_ZOO)]


def proposed(workshop: Workshop, goal: Target, args: argparse.Namespace) -> list[Chain]:
    """Return the chains of a target, of models that are trained once for all targets."""
    workshop.target = goal
    return propose([resolve("family", name) for name in args.families.split("+")], workshop)


def opened(pool: Pool, rows: np.ndarray) -> OpenedRows:
    """Return what counts policies on these rows."""
    return OpenedRows(Blocks([pool.X[rows]]), pool.y[rows], np.zeros(len(pool.labels), bool))


def one_draw(pool: Pool, n: int, rep: int, args: argparse.Namespace, replace: bool) -> list[dict[str, object]]:
    """Draw, train once, and certify for every target."""
    rng = np.random.default_rng([rep, n, replace])
    if replace:
        drawn, truth = rng.integers(len(pool.y), size=n), np.arange(len(pool.y))
    else:
        order = rng.permutation(len(pool.y))
        drawn, truth = order[:n], order[n : n + 8000]
    to_certify = rng.uniform(size=n) < args.certify
    fit, certify = drawn[~to_certify], drawn[to_certify]
    keys = {key: rng.integers(args.folds) for key in np.unique(fit)}
    folds = np.array([keys[row] for row in fit])  # copies of one row share a fold
    results = []
    started = time.perf_counter()
    goals = [Target(target, 1 - args.delta, MIN_COVERAGE) for target in TARGETS[n]]
    workshop = workshop_of(pool, fit, folds, rep, goals[0], args)
    for goal in goals:
        target, calibrator = goal.level, ParetoTesting()
        ordered = calibrator.order(proposed(workshop, goal, args), len(certify), goal)
        rows = opened(pool, certify)
        certificate = calibrator.certify(at_ranks(ordered, rows, goal)[0], rows, goal)
        policy = certificate.chosen.candidate.policy if certificate.chosen else None
        best = {each.name: best_possible(workshop, each, pool, truth, target) for each in workshop.trained}
        n_true, k_true = opened(pool, truth).count(policy) if policy else (0, 0)
        results.append(
            {
                "dataset": pool.name,
                "n": n,
                "target": target,
                "rep": rep,
                "coverage": n_true / len(truth),
                "agreement": k_true / n_true if n_true else None,
                "refused": policy is None,
                "violated": bool(n_true and k_true / n_true < target),
                "best": max(best.values()),
                "best_by": best,
                "seconds": time.perf_counter() - started,
                "family": certificate.chosen.candidate.family if policy else None,
            }
        )
    if not replace and args.peer_python and rep < args.peer_reps:
        for result in results:
            result["peer"] = peer(pool, drawn, truth, result["target"], args.peer_python)
    return results


def best_possible(workshop: Workshop, trained: object, pool: Pool, truth: np.ndarray, target: float) -> float:
    """Return the largest coverage that any threshold of this surrogate and acceptor reaches at the target."""
    stage = workshop.stage(trained, 0.5)
    policy = (Stage(stage.surrogate, stage.acceptor, 0.0, stage.fences),)
    graph = compile_policy(policy, dimension=pool.X.shape[1], denied=[False] * len(pool.labels), open_thresholds=True)
    scorer = Scorer(graph.SerializeToString())
    label, score = scorer.run({"embedding": pool.X[truth]}, outputs=["label", "score"], constants=overrides(policy))
    agrees = (label == pool.y[truth])[np.argsort(-score, kind="stable")]
    reached = np.flatnonzero(np.cumsum(agrees) / np.arange(1, len(agrees) + 1) >= target)
    return (int(reached[-1]) + 1) / len(agrees) if len(reached) else 0.0


def peer(pool: Pool, drawn: np.ndarray, truth: np.ndarray, target: float, python: str) -> dict[str, float]:
    """Run tracer-llm on the same rows and return its true coverage and agreement."""
    labels = np.array(pool.labels)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(
            data, X_fit=pool.X[drawn], y_fit=labels[pool.y[drawn]], X_test=pool.X[truth], y_test=labels[pool.y[truth]]
        )
        command = [python, str(PEER_SCRIPT), str(data), "--target", str(target), "--zoo", "logreg_c10"]
        answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    true = answer.get("true", {"coverage": 0.0, "agreement": None})
    return {"coverage": true["coverage"], "agreement": true["agreement"], "seconds": answer["fit_s"]}


def best_table(results: list[dict]) -> str:
    """Compare what is possible with each surrogate."""
    names = sorted({name for row in results for name in row["best_by"]})
    lines = [f"| best possible with | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for key in sorted({(row["dataset"], row["n"], row["target"]) for row in results}):
        rows = [row for row in results if (row["dataset"], row["n"], row["target"]) == key]
        means = [np.mean([row["best_by"].get(name, np.nan) for row in rows]) for name in names]
        lines.append(f"| {key[0]} {key[1]:,}, {key[2]:.2f} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    return "\n".join(lines)


def mean_peer(rows: list[dict]) -> str:
    peers = [row["peer"]["coverage"] for row in rows if "peer" in row]
    return f"{np.mean(peers):.3f} ({np.mean([c == 0 for c in peers]):.0%} refused)" if peers else "-"


def table(results: list[dict], delta: float) -> str:
    lines = [
        "| dataset, n, target | peer | ours (± s.e.) | best possible | ours ÷ best | refused | violations (99 %) | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key in sorted({(row["dataset"], row["n"], row["target"]) for row in results}):
        rows = [row for row in results if (row["dataset"], row["n"], row["target"]) == key]
        coverage = np.array([row["coverage"] for row in rows])
        best = np.mean([row["best"] for row in rows])
        error = coverage.std(ddof=1) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
        violated = sum(row["violated"] for row in rows)
        low, high = interval(len(rows), violated, 0.99)
        lines.append(
            f"| {key[0]} {key[1]:,}, {key[2]:.2f} | {mean_peer(rows)} | {coverage.mean():.3f} ± {error:.3f} | {best:.3f} "
            f"| {coverage.mean() / best:.1%} "
            f"| {np.mean([row['refused'] for row in rows]):.0%} | {violated / len(rows):.1%} ({low:.1%} to {high:.1%}), "
            f"of {delta:.0%} | {np.mean([row['seconds'] for row in rows]):.1f} |"
        )
    return "\n".join(lines)


def options(description: str) -> argparse.ArgumentParser:
    """Return the options of a study of draws."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path)
    parser.add_argument("--delta", type=float, default=0.10)
    parser.add_argument("--certify", type=float, default=0.4)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--zoo", default="", help="names by +; by default, that of a spec that names none")
    parser.add_argument("--acceptor", default="logistic")
    parser.add_argument("--families", default="global+l2d+rsb")
    parser.add_argument("--no-average", action="store_true")
    parser.add_argument("--no-scale", action="store_true")
    parser.add_argument("--encoder", type=Path, help="a folder with a model for tracer-spec-encoder")
    parser.add_argument("--json", type=Path)
    return parser


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=20)
    parser.add_argument("--first-rep", type=int, default=0)
    parser.add_argument("--join", action="store_true", help="put its vectors beside the built-in embedder's")
    parser.add_argument("--validity", action="store_true", help="draw with replacement: the pool is the population")
    parser.add_argument("--cells", default="", help="banking77:1500,clinc150:3000; all by default")
    parser.add_argument("--peer-python", help="a Python with tracer-llm==0.3.3")
    parser.add_argument("--peer-reps", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count())
    args = parser.parse_args()
    cells = [(name, int(n)) for name, n in (each.split(":") for each in args.cells.split(",") if each)] or CELLS
    pools = {
        name: load_pool(args.data, name, args.encoder, join=args.join)
        for name in dict.fromkeys(name for name, _ in cells)
    }
    results: list[dict] = []
    reps = range(args.first_rep, args.first_rep + args.reps)
    for name, n in cells:
        work = (joblib.delayed(one_draw)(pools[name], n, rep, args, args.validity) for rep in reps)
        results += [
            row for rows in joblib.Parallel(args.jobs, inner_max_num_threads=1, backend="loky")(work) for row in rows
        ]
        print(f"{name} {n:,}: {args.reps} draws done", file=sys.stderr)
    versions = {each: version(each) for each in ("tracer-spec", "scikit-learn", "numpy", "onnxruntime")}
    print(table(results, args.delta), best_table(results), sep="\n\n")
    print(
        f"\n{platform.machine()}, {joblib.cpu_count()} cores, Python {platform.python_version()}, {versions}; {vars(args)}"
    )
    if args.json:
        args.json.write_text(json.dumps({"versions": versions, "results": results}, default=str, indent=1))


if __name__ == "__main__":
    main()
