"""Calls of one teacher, to be written down in any log's way; and ``init`` over such a log, read back by the spec it writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import yaml

SAYINGS = {
    "delivery": "where is parcel {n}, it should be here",
    "invoice": "the invoice {n} has the wrong amount",
    "login": "I cannot sign in since {n} o'clock",
    "praise": "thank you, your shop is number {n} for me",
}


class Call(NamedTuple):
    """One call of the teacher."""

    n: int
    text: str
    label: str

    @property
    def time(self) -> str:
        return f"2026-03-{1 + self.n // 24:02}T{self.n % 24:02}:30:00Z"

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [{"role": "system", "content": "Answer with the topic."}, {"role": "user", "content": self.text}]


@dataclass(frozen=True)
class Outcome:
    """What a call of ``init`` left behind."""

    code: int
    out: str
    err: str
    spec: Any
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    accounting: Any


@pytest.fixture
def calls() -> tuple[Call, ...]:
    said = list(SAYINGS.items())
    return tuple(Call(n, said[n % 4][1].format(n=n), said[n % 4][0]) for n in range(72))


@pytest.fixture
def init(tmp_path, monkeypatch, capsys) -> Callable[..., Outcome]:
    """Return a function that writes files, calls ``init`` on the first of them, and reads the traces by its spec."""
    from tracer_spec.cli import main
    from tracer_spec.flow.prepare import part, read_traces
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    def init(files: Mapping[str, Any], *arguments: str) -> Outcome:
        monkeypatch.chdir(tmp_path)
        for name, content in files.items():
            (tmp_path / name).write_bytes(as_bytes(content))
        traces = [] if "--traces" in arguments else ["--traces", next(iter(files))]
        code = main(["init", "app", "--yes", *traces, *arguments])
        captured = capsys.readouterr()
        path = tmp_path / "app" / "router.yaml"
        if not path.exists():
            return Outcome(code, captured.out, captured.err, None, (), (), None)
        plan = make_plan(load_spec(path), find_plugins())
        kept = read_traces(plan)
        part(kept, plan.spec.split)
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Outcome(code, captured.out, captured.err, spec, kept.texts, kept.labels, kept.accounting)

    return init


@pytest.fixture
def no_curve(monkeypatch) -> None:
    """Let ``init`` choose the first target by the counts alone, as for many traces.

    The curve takes longer than all else, and comes to the same however these calls are written down. Tests of what stands in
    its way leave it: of answers that are none, of several teachers, of two tasks.
    """
    monkeypatch.setattr("tracer_spec.init.likely_target._MOST_TRACES", 0)


def as_bytes(content: Any) -> bytes:
    """Return a file's bytes: a list is written as JSON Lines, an object as one document."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode("utf-8")
    rows = content if isinstance(content, list) else [content]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")


@pytest.fixture
def all_found(calls) -> Callable[[Outcome], None]:
    """Return a check that every call was read, text and label, once."""

    def check(outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.err
        assert Counter(zip(outcome.texts, outcome.labels, strict=True)) == Counter((c.text, c.label) for c in calls)

    return check
