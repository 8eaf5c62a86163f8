#!/usr/bin/env python3
"""Make a set of long texts from the docstrings of Python packages; a label is the part of a package that a text is from.

    pip install --no-deps --target PACKAGES scipy scikit-learn numpy networkx statsmodels sympy pandas matplotlib
    python benchmarks/docstrings.py PACKAGES OUT

Writes OUT/docstrings_train.jsonl, and a third of the texts to OUT/docstrings_test.jsonl, as the shared datasets are. Examples
and dotted names of the packages are left out, since they would tell the label. Parts with few texts are left out too.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PACKAGES = ("scipy", "sklearn", "numpy", "networkx", "statsmodels", "sympy", "pandas", "matplotlib")
SHORTEST = 400
FEWEST = 80

_EXAMPLE = re.compile(r"\s*(>>>|\.\.\. )")
_DOTTED = re.compile(rf"\b(?:{'|'.join(PACKAGES)}|np|sp|nx|sm|pd|plt)(?:\.\w+)*\b")


def texts(folder: Path, package: str) -> Iterator[tuple[str, str]]:
    """Yield the part of a package, such as ``scipy.stats``, and a text, for each docstring long enough."""
    for path in sorted((folder / package).rglob("*.py")):
        place = path.relative_to(folder).with_suffix("").parts
        if {"tests", "test", "testing"} & set(place):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                lines = (ast.get_docstring(node) or "").splitlines()
                text = _DOTTED.sub("", "\n".join(line for line in lines if not _EXAMPLE.match(line)))
                if len(text) >= SHORTEST:
                    yield ".".join(place[:2]), text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    labels: dict[str, str] = {}
    for package in PACKAGES:
        for label, text in texts(args.packages, package):
            labels.setdefault(text, label)
    n_of = Counter(labels.values())
    rows = [{"input": text, "teacher": label} for text, label in labels.items() if n_of[label] >= FEWEST]
    order = np.random.default_rng(0).permutation(len(rows))
    args.out.mkdir(parents=True, exist_ok=True)
    for part, chosen in (("test", order[: len(rows) // 3]), ("train", order[len(rows) // 3 :])):
        lines = "".join(json.dumps(rows[row]) + "\n" for row in chosen)
        (args.out / f"docstrings_{part}.jsonl").write_text(lines, encoding="utf-8")
    median = int(np.median([len(row["input"]) for row in rows]))
    print(f"{len(rows):,} texts, {len({row['teacher'] for row in rows})} labels, {median:,} characters in the median")


if __name__ == "__main__":
    main()
