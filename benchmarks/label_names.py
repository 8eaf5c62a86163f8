#!/usr/bin/env python3
"""Measure what label names bring as training rows, by the number of traces: accuracy, and what is certified.

    python benchmarks/label_names.py ../shared/data --reps 3 [--encoder ../shared/models/all-minilm-l6-v2-int8]

For every draw of n traces: split as a build does, fit the embedder on the fit rows, and train ``logreg`` and ``mlp`` with
``traces.labels.train`` as ``never`` and as ``auto``. Accuracy is that of the surrogate that fit rows rank first, on the test
rows of the dataset, which no draw holds. Coverage is what the certified policy handles of them, 0 where it is refused.

``--weights 0,1,3,10`` trains at these weights instead and measures accuracy alone: it is how the weights to choose from were
found, and the number of rows a label above which nothing is tried. With ``--encoder``, a folder that holds an ONNX sentence
encoder, its vectors are measured as well; that needs the distribution tracer-spec-encoder.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np

from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import OpenedRows
from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.label_names import MOST_ROWS_A_LABEL, LabelTexts, weigh_names
from tracer_spec.flow.training.label_rows import readable
from tracer_spec.flow.training.workshop import Workshop
from tracer_spec.graph import Scorer
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Target
from tracer_spec.plugin.registry import find_plugins

DATASETS = ("banking77", "clinc150")
WAYS = ("never", "auto")


@dataclass(frozen=True)
class Texts:
    """The texts of one file, and their labels."""

    texts: tuple[str, ...]
    labels: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Texts:
        """Read a file of the shared datasets."""
        if not path.exists():
            raise SystemExit(f"{path} is not there; the benchmark needs the real datasets")
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return cls(tuple(row["input"] for row in rows), np.array([row["teacher"] for row in rows]))

    def take(self, at: np.ndarray) -> Texts:
        """Return the texts at these positions."""
        return Texts(tuple(self.texts[i] for i in at), self.labels[at])


def resolve(kind: str, name: str, **options: object) -> Resolved:
    provided = find_plugins().get(kind, name)
    return Resolved(name, provided, provided.plugin.options.model_validate(options))


class Embedded:
    """Vectors of texts, each made once."""

    def __init__(self, embedder: object) -> None:
        self._embedder = embedder
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, texts: tuple[str, ...]) -> np.ndarray:
        """Return the vectors of texts, shape (n, d)."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known |= dict(zip(missing, self._embedder.embed(missing), strict=True))
        return np.stack([self._known[text] for text in texts])


def draws(args: argparse.Namespace, embedders: dict[str, Resolved], name: str, n: int) -> Iterator[dict[str, object]]:
    """Yield one result for each draw, embedder and way."""
    train, test = (Texts.read(args.data / f"{name}_{part}.jsonl") for part in ("train", "test"))
    ready = {key: Embedded(each.make()) for key, each in embedders.items() if key != "lsa"}
    for rep in range(args.reps):
        rng = np.random.default_rng([rep, n])
        drawn = rng.permutation(len(train.texts))[:n]
        to_certify = rng.uniform(size=n) < args.certify
        fit, certify = train.take(drawn[~to_certify]), train.take(drawn[to_certify])
        folds = rng.permutation(len(fit.texts)) % 4
        for key, resolved in embedders.items():
            embed = ready.get(key) or Embedded(resolved.make().fit(fit.texts, seed=0))
            for result in one_draw(args, embed, (fit, certify, test), folds, rep):
                yield {"dataset": name, "n": n, "embedder": key, "rep": rep, **result}


def one_draw(
    args: argparse.Namespace, embed: Embedded, parts: tuple[Texts, Texts, Texts], folds: np.ndarray, seed: int
) -> Iterator[dict[str, object]]:
    """Train and certify with and without label names."""
    fit, certify, test = parts
    labels = np.unique(fit.labels)
    classes = {label: at for at, label in enumerate(labels.tolist())}
    y, y_certify, y_test = (np.array([classes.get(label, -1) for label in each.labels.tolist()]) for each in parts)
    rows = FitRows(embed(fit.texts), y, folds, len(labels))
    names = LabelTexts(tuple(map(readable, labels.tolist()))).rows(embed(tuple(map(readable, labels.tolist()))))
    zoo = [resolve("surrogate", "logreg"), resolve("surrogate", "mlp")]
    few = len(y) <= MOST_ROWS_A_LABEL * len(labels)
    goal = Target(args.target, 0.95, 0.05)
    for way in args.weights or WAYS:
        if isinstance(way, float):
            rows = replace(rows, names=replace(names, weight=way))
        else:
            rows = weigh_names(replace(rows, names=names if way == "auto" and few else None), zoo, seed=seed)
        workshop = Workshop(
            rows, zoo=zoo, acceptors=[resolve("acceptor", "logistic")], guards=[], denied=np.zeros(len(labels), bool),
            target=goal, seed=seed,
        )  # fmt: skip
        (scores,) = Scorer(workshop.trained[0].surrogate.onnx).run({"embedding": embed(test.texts)}, outputs=["scores"])
        result = {
            "way": way, "accuracy": float((scores.argmax(axis=1) == y_test).mean()), "weight": rows.names and rows.names.weight,
            "out_of_fold": workshop.trained[0].agreement, "rows_a_label": len(y) / len(labels),
        }  # fmt: skip
        if not args.weights:
            result |= certified(workshop, goal, (embed(certify.texts), y_certify), (embed(test.texts), y_test))
        yield result


def certified(
    workshop: Workshop, goal: Target, certify: tuple[np.ndarray, ...], test: tuple[np.ndarray, ...]
) -> dict[str, object]:
    """Certify as a build does; return what the policy handles of the test rows, and how often it agrees there."""
    chains = propose([resolve("family", name) for name in ("global", "l2d", "rsb")], workshop)
    ordered = ParetoTesting().order(chains, len(certify[1]), goal)
    denied = np.zeros(workshop.rows.n_classes, bool)
    opened = OpenedRows(Blocks([certify[0]]), certify[1], denied)
    chosen = ParetoTesting().certify(ordered, opened, goal).chosen
    if chosen is None:
        return {"coverage": 0.0, "agreement": None}
    n, k = OpenedRows(Blocks([test[0]]), test[1], denied).count(chosen.candidate.policy)
    return {"coverage": n / len(test[1]), "agreement": k / n if n else None}


def table(results: list[dict]) -> str:
    ways = list(dict.fromkeys(row["way"] for row in results))
    shows = [("accuracy", way) for way in ways]
    shows += [("coverage", way) for way in ways if "coverage" in results[0]]
    head = [f"{what}, {way}" for what, way in shows]
    lines = [
        f"| dataset, traces, fit rows a label | embedder | weights | {' | '.join(head)} |",
        "|---|---|---|" + "---|" * len(head),
    ]
    for key in dict.fromkeys((row["dataset"], row["n"], row["embedder"]) for row in results):
        rows = [row for row in results if (row["dataset"], row["n"], row["embedder"]) == key]
        weights = ", ".join(f"{row['weight'] or 0:g}" for row in rows if row["way"] == "auto")
        means = [f"{np.mean([row[what] for row in rows if row['way'] == way]):.3f}" for what, way in shows]
        a_label = np.mean([row["rows_a_label"] for row in rows])
        lines.append(f"| {key[0]} {key[1]:,}, {a_label:.1f} | {key[2]} | {weights} | {' | '.join(means)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--sizes", default="150,300,600,1200,2000")
    parser.add_argument("--datasets", default=",".join(DATASETS))
    parser.add_argument("--certify", type=float, default=0.4)
    parser.add_argument("--target", type=float, default=0.85)
    parser.add_argument("--weights", type=lambda text: [float(each) for each in text.split(",")])
    parser.add_argument("--encoder", type=Path, help="a folder with a model for tracer-spec-encoder")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    embedders = {"lsa": resolve("embedder", "lsa", dim=384)}
    if args.encoder:
        embedders[args.encoder.name] = resolve("embedder", "encoder", path=str(args.encoder.resolve()))
    cells = [(name, int(n)) for name in args.datasets.split(",") for n in args.sizes.split(",")]
    results = [row for name, n in cells for row in draws(args, embedders, name, n)]
    print(table(results))
    versions = {each: version(each) for each in ("tracer-spec", "scikit-learn", "numpy", "onnxruntime")}
    print(
        f"\n{platform.machine()}, {joblib.cpu_count()} cores, Python {platform.python_version()}, {versions}; {vars(args)}"
    )
    if args.json:
        args.json.write_text(json.dumps({"versions": versions, "results": results}, indent=1))


if __name__ == "__main__":
    main()
