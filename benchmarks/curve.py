"""Compare what ``plan`` expects to be certified with what builds certify.

    python benchmarks/curve.py ../shared/data --json curve.json

DATA holds ``banking77_train.jsonl`` and ``clinc150_train.jsonl``. For each number of traces some draws of them are planned and
built, and both sides are averaged: coverage is the share of the certify rows that the shipped policy handles, and 0 where a
build is refused. Beside it stand the chance that ``plan`` gives a certificate and the share of builds that got one.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tracer_spec import build
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.preview.certifiable import preview
from tracer_spec.flow.preview.curve import TARGETS, draw_curve
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins

SETS = ("banking77", "clinc150")


def spec_of(path: Path, target: float) -> dict[str, Any]:
    """Return a spec of defaults; without a lock, a look spends what the first one may."""
    return {
        "version": 1,
        "name": "curve",
        "traces": {"use": "jsonl", "with": {"path": str(path)}},
        "embedder": "lsa",
        "target": {"agreement": target, "confidence": 0.955},
    }


def expected(path: Path) -> list[tuple[float, float]]:
    """Return the coverage and the chance that ``plan`` expects of the traces at hand, by target."""
    plan = load_plan(spec_of(path, TARGETS[0]), find_plugins())
    traces = read_traces(plan)
    sides = part(traces, plan.spec.split)
    outlook = preview(plan.spec, traces, sides, target=plan.target, allowed_labels=None, makes_a_test=True, lock=None)
    drawn = draw_curve(plan, traces.take(sides.fit), outlook)
    assert drawn is not None, "nothing could be learned"
    return [(each.coverage, each.chance) for each in drawn.now.expected]


def certified(path: Path, target: float) -> tuple[float, float]:
    """Return the coverage that a build certifies, 0 where it is refused, and 1 where it is certified."""
    result = build(spec_of(path, target), out=path.with_suffix(".tracer"))
    chosen = result.certificate.chosen
    return (chosen.n / result.n_certify, 1.0) if chosen else (0.0, 0.0)


def measure(data: Path, sizes: list[int], draws: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each set, size and target."""
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            lines = (data / f"{name}_train.jsonl").read_text().splitlines(keepends=True)
            for n in sizes:
                foretold, came = [], []
                for draw in range(draws):
                    path = Path(folder) / f"{name}-{n}-{draw}.jsonl"
                    path.write_text("".join(random.Random(f"{name} {n} {draw}").sample(lines, n)))
                    foretold.append(expected(path))
                    came.append([certified(path, target) for target in TARGETS])
                for at, target in enumerate(TARGETS):
                    means = (
                        [sum(each[at][which] for each in some) / draws for some in (foretold, came)] for which in (0, 1)
                    )
                    (expected_coverage, coverage), (chance, share) = means
                    yield {
                        "set": name,
                        "traces": n,
                        "target": target,
                        "expected": expected_coverage,
                        "certified": coverage,
                        "chance": chance,
                        "share": share,
                    }


def main() -> None:
    """Print the table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[600, 1000, 1500])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = []
    for row in measure(asked.data, asked.sizes, asked.draws):
        found.append(row)
        told = "| {set} | {traces:,} | {target} | {expected:.2f} | {certified:.2f} | {chance:.2f} | {share:.2f} |"
        print(told.format(**row), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
