#!/usr/bin/env python3
"""Count false certificates where the log, or the user, is not what the proof assumes.

    python benchmarks/worlds.py ../shared/data --reps 40 [--world doubled] [--unprotected] [--json out.json]

Rows are drawn from a real dataset, embedded once; the truth is on the rows that were not drawn. Every world is built by
``tracer_spec.build`` with spec and lock on disk, as a user would, and a false certificate in any of its tries counts.

doubled           the log stands twice, without ids: an export read twice
two ids           every call stands under two ids, half a second apart: a parent and a child span
third of two ids  the same of one call in three
spelled           the same log read by four spellings of its id and text
replaced vectors  the file of vectors is replaced five times, spec and traces as they were
tuned             twenty drafts of other embedders at a certify share of .1, the best of them built once at .5
behind a router   a router is built and deployed with an audit of 10 %, and its teacher changes: one label in eight of what it
                  handles; its log of 3,000 requests, beside the old one, builds the next

With ``--unprotected`` the spec says that repeats are traffic and that every labelled row may certify, and the lock is thrown
away before each build: what then is certified falsely shows what the protection is worth, and that a world can show it at all.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from guarantee import Pool, load_pool
from scipy.stats import binom

import tracer_spec as ts
from tracer_spec.flow.blocks import Blocks
from tracer_spec.flow.certify_rows import OpenedRows

DELTA, TARGET, N, TRIED_DIMENSION = 0.10, 0.90, 900, 96


class World:
    """A folder with a log drawn from a pool, and a spec."""

    def __init__(self, folder: Path, pool: Pool, seed: int, *, unprotected: bool = False) -> None:
        self.folder, self.pool, self.rng = folder, pool, np.random.default_rng(seed)
        self.unprotected = unprotected
        order = self.rng.permutation(len(pool.y))
        self.drawn, self.others = order[:N], order[N : N + 6000]
        self.y = pool.y

    def embedder(self) -> np.ndarray:
        """Return the pool's vectors as another embedder would have them: projected at random."""
        return (self.pool.X @ self.rng.normal(size=(self.pool.X.shape[1], TRIED_DIMENSION))).astype(np.float32)

    def log(self, rows: list[dict[str, object]]) -> None:
        """Write the log."""
        (self.folder / "traces.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def rows(self, X: np.ndarray | None = None) -> list[dict[str, object]]:
        """Return the rows that were drawn, with vectors where these are given."""
        found = []
        for k, row in enumerate(self.drawn.tolist()):
            trace = {
                "id": f"i{k}",
                "other": f"o{k}",
                "q": f"request {row}",
                "a": self.pool.labels[self.y[row]],
                "t": 60.0 * k,
            }
            found.append(trace if X is None else trace | {"v": X[row].round(5).tolist()})
        return found

    def build(self, *, draft: bool = False, embedder: object = None, **changes: object) -> ts.BuildResult | None:
        """Build; None where the log is refused."""
        asked = {"text": "q", "label": "a", "id": "id", "time": "t"} | changes.pop("format", {})
        spec: dict[str, Any] = {
            "version": 1,
            "name": "world",
            "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}, "format": asked},
            "embedder": embedder or {"use": "precomputed", "with": {"column": "v"}},
            "zoo": ["logreg"],
            "families": ["global", "l2d"],
            "target": {"agreement": TARGET, "confidence": 1 - DELTA},
        }
        if self.unprotected:
            spec["traces"] |= {"repeats": "traffic"}
            (self.folder / "router.lock").unlink(missing_ok=True)
        path = self.folder / "router.yaml"
        path.write_text(json.dumps(spec | changes))
        try:
            return ts.build(path, out=self.folder / "out.tracer", draft=draft, workers=1, cache=False)
        except (ts.DataError, ts.TracerError):
            return None

    def is_false(self, result: ts.BuildResult | None, X: np.ndarray) -> bool:
        """Return whether a build certified what does not hold on the rows that were not drawn."""
        if result is None or result.status != "certified":
            return False
        classes = {label: number for number, label in enumerate(result.labels)}
        y = np.array([classes.get(self.pool.labels[self.y[row]], -1) for row in self.others])
        opened = OpenedRows(Blocks([X[self.others]]), y, [False] * len(result.labels))
        n, k = opened.count(result.policy)
        return k < TARGET * n


def doubled(world: World) -> Iterator[bool]:
    """Read an export twice."""
    rows = [{key: value for key, value in row.items() if key not in ("id", "t")} for row in world.rows(world.pool.X)]
    world.log(rows * 2)
    yield world.is_false(world.build(format={"id": None, "time": None}), world.pool.X)


def two_ids(world: World, every: int = 1) -> Iterator[bool]:
    """Log every call, or one in so many, as a parent and as a child span."""
    spans = [
        row | {"id": f"{row['id']}{span}", "t": row["t"] + half}
        for k, row in enumerate(world.rows(world.pool.X))
        for span, half in HALVES[: 1 if k % every else 2]
    ]
    world.log(spans)
    yield world.is_false(world.build(), world.pool.X)


HALVES = (("p", 0.0), ("c", 0.5))


def spelled(world: World) -> Iterator[bool]:
    """Spell id and text in other ways."""
    world.log(world.rows(world.pool.X))
    for change in (
        {},
        {"id": "other"},
        {"id": "join('-', [id, other])"},
        {"id": None, "text": "join(' ', [q, 'please'])"},
    ):
        yield world.is_false(world.build(format=change), world.pool.X)


def replaced_vectors(world: World) -> Iterator[bool]:
    """Replace the file of vectors."""
    world.log(world.rows())
    for _ in range(5):
        X = world.embedder()
        np.save(world.folder / "v.npy", X[world.drawn])
        yield world.is_false(world.build(embedder={"use": "precomputed", "with": {"path": "v.npy"}}), X)


def tuned(world: World) -> Iterator[bool]:
    """Choose among embedders by drafts, then certify on a larger share."""
    best, chosen = -1.0, world.pool.X
    for _ in range(20):
        X = world.embedder()
        world.log(world.rows(X))
        draft = world.build(draft=True, split={"certify": 0.1})
        if draft is not None and draft.estimate is not None and draft.estimate.coverage > best:
            best, chosen = draft.estimate.coverage, X
    world.log(world.rows(chosen))
    yield world.is_false(world.build(split={"certify": 0.5}), chosen)


def behind_a_router(world: World) -> Iterator[bool]:
    """Build the next router from the log of one whose teacher changes."""
    pool, rng = world.pool, world.rng
    world.log(world.rows(pool.X))
    first = world.build()
    if first is None or first.bundle is None:
        return
    batch = ts.load(first.bundle).route_batch(pool.X)
    moved = batch.handled & (rng.uniform(size=len(pool.y)) < CHANGED)
    world.y = np.where(moved, rng.permutation(pool.y), pool.y)
    asked, audited = world.others[:ASKED], rng.uniform(size=ASKED) < AUDIT
    world.others = world.others[ASKED:]
    lines = [
        {
            "id": f"r{k}",
            "q": f"request {row}",
            "a": pool.labels[world.y[row]],
            "t": 60.0 * (N + k),
            "v": pool.X[row].round(5).tolist(),
            "audit": bool(audited[k]),
            "rate": AUDIT,
            "unsure": not batch.handled[row],
        }
        for k, row in enumerate(asked.tolist())
        if audited[k] or not batch.handled[row]
    ]
    (world.folder / "decisions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    coin = {} if world.unprotected else {"certify": "audit", "rate": "rate", "deferred": "unsure"}
    (world.folder / "router.lock").unlink()  # the next router has a spec of its own
    layout = {"text": "q", "label": "a", "id": "id", "time": "t"}
    sources = [
        {"use": "jsonl", "with": {"path": "traces.jsonl"}, "format": layout},
        {"use": "jsonl", "with": {"path": "decisions.jsonl"}, "format": layout | coin},
    ]
    yield world.is_false(world.build(traces=sources), pool.X)


# of the requests to a router, those of its log; the share that is audited; and of the teacher's labels, those that change
ASKED, AUDIT, CHANGED = 3000, 0.1, 0.125

WORLDS: dict[str, Callable[[World], Iterator[bool]]] = {
    "doubled": doubled,
    "two ids": two_ids,
    "third of two ids": partial(two_ids, every=3),
    "spelled": spelled,
    "replaced vectors": replaced_vectors,
    "tuned": tuned,
    "behind a router": behind_a_router,
}


def one(name: str, pool: Pool, rep: int, unprotected: bool) -> bool:
    """Return whether any try of one draw is certified falsely."""
    with tempfile.TemporaryDirectory() as folder:
        return any(list(WORLDS[name](World(Path(folder), pool, rep, unprotected=unprotected))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--dataset", default="banking77")
    parser.add_argument("--reps", type=int, default=40)
    parser.add_argument("--world", choices=WORLDS, action="append")
    parser.add_argument("--unprotected", action="store_true")
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count())
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pool = load_pool(args.data, args.dataset)
    allowed = int(binom.ppf(0.999, args.reps, DELTA))
    print(f"| world | false certificates in {args.reps} draws | allowed at 99.9 % |\n|---|---|---|")
    counts = {}
    for name in args.world or WORLDS:
        work = (joblib.delayed(one)(name, pool, rep, args.unprotected) for rep in range(args.reps))
        counts[name] = sum(joblib.Parallel(args.jobs, inner_max_num_threads=1, backend="loky")(work))
        print(f"| {name} | {counts[name]} | {allowed} |", flush=True)
    if args.json:
        args.json.write_text(json.dumps({"reps": args.reps, "allowed": allowed, "false": counts}))
    if not args.unprotected and any(count > allowed for count in counts.values()):
        sys.exit("more false certificates than chance allows")


if __name__ == "__main__":
    main()
