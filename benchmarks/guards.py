"""Measure how many out-of-scope queries a router handles, with and without its guard, and with the peer's gate.

    python benchmarks/guards.py ../shared/data --peer-python peer-env/bin/python --json guards.json

DATA holds ``clinc150_train.jsonl``, ``clinc150_test.jsonl`` (in scope) and ``clinc150_oos.jsonl`` (out of scope). One surrogate
decides in every row, by its best score: it is certified without an acceptor. Only the guard differs. The peer's gate (the mean
distance to the ten nearest of *all* training rows) is fitted in its own environment on the same vectors, and put behind the
same surrogate. ``--vectors FOLDER`` takes the vectors of another model, FOLDER/FILE.npy with a row for each line of FILE.jsonl.
``--statistics`` measures what else could tell such queries apart.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from guard_statistics import print_statistics

from tracer_spec import build, load
from tracer_spec.runtime.decision import Reason

COVERAGES = (0.7, 0.8, 0.9, 0.95)
PEER_QUANTILES = (0.95, 0.98, 0.995)  # the last is its own
PEER = """
import sys
import numpy as np
from tracer.fit.ood import fit_ood_gate, ood_mask
z = np.load(sys.argv[1])
gate = fit_ood_gate(z["X"], z["predicted"], quantile=float(sys.argv[3]))
far = {f"far_{part}": ood_mask(z[part], z["X"], z[f"label_{part}"], gate) for part in ("inside", "outside")}
np.savez(sys.argv[2], **far)
"""


@dataclass(frozen=True)
class Answers:
    """What a policy that accepts every score says of some rows."""

    label: np.ndarray
    score: np.ndarray
    near: np.ndarray


@dataclass(frozen=True)
class Setup:
    """What is the same in every row: the data, and where vectors of another model are."""

    data: Path
    vectors: Path | None


def spec(setup: Setup, guards: list[Any]) -> dict[str, Any]:
    data, vectors = setup.data, setup.vectors
    lsa = {"use": "lsa", "with": {"dim": 384}}
    return {
        "version": 1,
        "name": "clinc150",
        "traces": {"use": "jsonl", "with": {"path": str(data / "clinc150_train.jsonl")}},
        "embedder": {"use": "precomputed", "with": {"path": str(vectors / "clinc150_train.npy")}} if vectors else lsa,
        "zoo": ["logreg"],
        "families": ["l2d"],
        "guards": guards,
        "target": {"agreement": 0.92, "confidence": 0.95},
    }


def texts(path: Path) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["input"] for row in rows], [row["teacher"] for row in rows]


def answers(policy: Any, X: np.ndarray, n_labels: int) -> Answers:
    """Run the first stage with its threshold down, so that every threshold can be read off."""
    from tracer_spec.flow.compile import compile_policy
    from tracer_spec.graph import Scorer

    stage = replace(policy[0], threshold=-1.0)
    graph = compile_policy((stage,), dimension=X.shape[1], denied=[False] * n_labels)
    label, score, reason = Scorer(graph.SerializeToString()).run({"embedding": X}, outputs=["label", "score", "reason"])
    return Answers(label, score, reason != Reason.OUT_OF_DISTRIBUTION.number)


def handled_outside(inside: Answers, outside: Answers, coverage: float) -> float | None:
    """Return the share handled out of scope, where the threshold handles ``coverage`` in scope; None beyond the guard."""
    scores = np.where(inside.near, inside.score, -np.inf)
    threshold = np.quantile(scores, 1 - coverage, method="lower")
    return None if threshold == -np.inf else float((outside.near & (outside.score >= threshold)).mean())


def peer_gate(
    python: str, quantile: float, X: np.ndarray, predicted: np.ndarray, rows: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return which rows the peer's gate refuses, by part."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "given.npz"), Path(folder, "answer.npz")
        parts = {part: X_part for part, (X_part, _) in rows.items()}
        labels = {f"label_{part}": label.astype(str) for part, (_, label) in rows.items()}
        np.savez(given, X=X, predicted=predicted.astype(str), **parts, **labels)
        subprocess.run([python, "-c", PEER, given, answer, str(quantile)], check=True)
        with np.load(answer) as far:
            return {part: far[f"far_{part}"] for part in rows}


def fit_vectors(setup: Setup) -> np.ndarray:
    """Return the vectors of the fit rows, as every build here has them."""
    from tracer_spec.flow.prepare import part, prepare, read_traces
    from tracer_spec.flow.prepared import Parted
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    plan = make_plan(load_spec(spec(setup, [])), find_plugins())
    traces = read_traces(plan)
    return prepare(plan, Parted.of(traces, part(traces, plan.spec.split))).fit.X


def embedded(bundle: Path, name: str, setup: Setup) -> np.ndarray:
    from tracer_spec.runtime.bundle import read_bundle
    from tracer_spec.runtime.embedding import restore_embedder

    if setup.vectors is not None:
        return np.load(setup.vectors / f"{name}.npy").astype(np.float32)
    opened = read_bundle(bundle)
    return restore_embedder(opened.manifest, opened.members).embed(texts(setup.data / f"{name}.jsonl")[0])


def measure(
    name: str, guards: list[Any], setup: Setup, folder: Path, peer_python: str | None = None
) -> list[dict[str, Any]]:
    """Build one router and return its row of the table, and the peer's where it is the one without a guard."""
    result = build(spec(setup, guards), out=folder / "guards.tracer")
    if result.bundle is None:
        raise SystemExit(f"{name}: nothing could be certified")
    router, truth = load(result.bundle), texts(setup.data / "clinc150_test.jsonl")[1]
    files = {"inside": "clinc150_test", "outside": "clinc150_oos"}
    X = {part: embedded(result.bundle, file, setup) for part, file in files.items()}
    said = {part: answers(result.policy, rows, len(router.labels)) for part, rows in X.items()}
    batch = router.route_batch(X["inside"])
    right = np.array([ours == theirs for ours, theirs in zip(batch.labels, truth, strict=True)])
    shipped = {
        "coverage": float(batch.handled.mean()),
        "agreement": float(right[batch.handled].mean()),
        "handled_outside": float(router.route_batch(X["outside"]).handled.mean()),
        "bundle_mb": result.bundle.stat().st_size / 1e6,
    }
    rows = [_row(name, said) | {"shipped": shipped}]
    if not guards and peer_python:
        X_fit = fit_vectors(setup)
        predicted = answers(result.policy, X_fit, len(router.labels)).label
        parts = {part: (X[part], said[part].label) for part in X}
        for quantile in PEER_QUANTILES:
            far = peer_gate(peer_python, quantile, X_fit, predicted, parts)
            behind = {part: replace(each, near=~far[part]) for part, each in said.items()}
            rows.append(_row(f"the peer's gate {quantile}", behind))
    return rows


def _row(name: str, said: dict[str, Answers]) -> dict[str, Any]:
    return {
        "guard": name,
        "passes_inside": float(said["inside"].near.mean()),
        "passes_outside": float(said["outside"].near.mean()),
        "handled_outside_at_coverage": {
            str(coverage): handled_outside(said["inside"], said["outside"], coverage) for coverage in COVERAGES
        },
    }


def show(rows: list[dict[str, Any]]) -> None:
    print("| guard | in scope, passes | out of scope, passes |", end="")
    print(
        "".join(f" handled at {coverage} |" for coverage in COVERAGES), "shipped: coverage, agreement, out of scope |"
    )
    print("|---" * (4 + len(COVERAGES)) + "|")
    for row in rows:
        curve = [row["handled_outside_at_coverage"][str(coverage)] for coverage in COVERAGES]
        cells = [row["guard"], f"{row['passes_inside']:.3f}", f"{row['passes_outside']:.3f}"]
        cells += ["" if value is None else f"{value:.3f}" for value in curve]
        shipped = row.get("shipped")
        keys = ("coverage", "agreement", "handled_outside")
        cells.append(", ".join(f"{shipped[key]:.3f}" for key in keys) if shipped else "")
        print("|", " | ".join(cells), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--quantiles", type=float, nargs="*", default=[0.9, 0.95, 0.98, 0.99])
    parser.add_argument("--peer-python", help="an interpreter that has tracer-llm 0.3.3")
    parser.add_argument("--vectors", type=Path, help="a folder of FILE.npy, a row for each line of FILE.jsonl")
    parser.add_argument("--statistics", action="store_true", help="measure what else could tell these queries apart")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    setup = Setup(args.data.resolve(), args.vectors and args.vectors.resolve())
    if args.statistics:
        print_statistics(setup.data, setup.vectors)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += measure("none", [], setup, Path(folder), args.peer_python)
        for quantile in args.quantiles:
            guard = {"use": "prototypes", "with": {"quantile": quantile}}
            rows += measure(f"prototypes {quantile}", [guard], setup, Path(folder))
    if not args.peer_python:
        print("the peer's gate is not measured: --peer-python names no interpreter")
    show(rows)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
