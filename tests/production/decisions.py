"""Lines of a log of decisions, made to order, what a bundle would say of itself, and monitors of such lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tracer_spec.production.monitoring.log import find_files, read_log
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.scores import ScoreBins
from tracer_spec.production.monitoring.state import read_state, write_state

LABELS = ("a", "b", "c")
START = datetime(2026, 3, 1, tzinfo=UTC)


def reference(**changed) -> Reference:
    given = {
        "name": "small",
        "version": "0123456789ab",
        "sha256": "5" * 64,
        "labels": LABELS,
        "claim": "with 95 % confidence, it agrees",
        "measure": "agreement",
        "target": 0.92,
        "confidence": 0.95,
        "measured": 0.95,
        "bins": ScoreBins([each / 100 for each in range(100)], 400),
        "teacher": {"a": 500, "b": 300, "c": 200},
        "router": {"a": 450, "b": 200, "c": 150},
    }
    return Reference(**{**given, **changed})


def line(number: int = 0, *, teacher=None, minutes: float = 1.0, **story) -> dict:
    """Return a line: by default a request that the router answered and nobody audited."""
    handled = story.get("handled", True)
    told = {
        "name": "small",
        "version": "0123456789ab",
        "mode": "live",
        "label": "a" if handled else None,
        "handled": handled,
        "score": 0.9,
        "stage": 0 if handled else None,
        "reason": "handled" if handled else "low_score",
        "audit": False,
        "audit_rate": 0.02,
        "served": "router" if teacher is None and handled else "teacher",
    }
    return {
        "id": f"r{number}",
        "time": (START + timedelta(minutes=number * minutes)).isoformat(timespec="milliseconds"),
        "input": f"where is card {number}?",
        "teacher": teacher,
        "teacher_raw": teacher,
        "model": None,
        "router": {**told, **story},
    }


def traffic(
    n: int,
    agreement,
    *,
    audit: float = 1.0,
    coverage: float = 0.8,
    seed: int = 0,
    minutes: float = 1.0,
    first: int = 0,
) -> list[dict]:
    """Return n lines of a live deployment, numbered from ``first``; ``agreement`` is a rate, or one for each line."""
    draw = np.random.default_rng(seed)
    rates = np.broadcast_to(agreement, n)
    handled, audited = draw.random(n) < coverage, draw.random(n) < audit
    agrees, router = draw.random(n) < rates, draw.integers(0, 3, n)
    scores = np.where(handled, draw.uniform(0.5, 1, n), draw.uniform(0, 0.5, n))
    lines = []
    for number in range(n):
        own = LABELS[router[number]]
        asked = audited[number] or not handled[number]
        teacher = (own if agrees[number] else LABELS[(router[number] + 1) % 3]) if asked else None
        lines.append(
            line(
                first + number,
                teacher=teacher,
                minutes=minutes,
                handled=bool(handled[number]),
                label=own if handled[number] else None,
                audit=bool(audited[number]),
                score=float(scores[number]),
            )
        )
    return lines


def written(lines) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def lines_in(folder: Path) -> list[dict]:
    """Return the lines of a log, file by file."""
    return [json.loads(each) for path in sorted(folder.glob("*.jsonl")) for each in path.read_text().splitlines()]


def watched(lines, **changed) -> Monitor:
    """Return a monitor that was given lines; ``changed`` is what its reference says otherwise."""
    monitor = Monitor(reference(**changed))
    for each in lines:
        monitor.add(each)
    return monitor


class Nightly:
    """A monitor that is run again and again on a folder, with its state in a file between."""

    def __init__(self, folder: Path) -> None:
        self.log, self.state = folder / "decisions", folder / "state.json"
        self.log.mkdir(exist_ok=True)

    def run(self):
        monitor, before = read_state(self.state, reference(), None)
        reading = read_log(find_files([str(self.log)]), before, monitor)
        write_state(self.state, monitor, reading.files)
        self.rows, self.notes, self.n_lines = monitor.tally.rows, reading.notes, reading.n_lines
        return monitor
