"""Audited rows made by hand, and a world with planted faults, audited after a real training."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from tests.flow.trace_sets import trace_set
from tracer_spec.flow.audit.decisions import Decisions, Tried
from tracer_spec.flow.audit.document import audit, audited_rows
from tracer_spec.flow.audit.rows import AuditedRows
from tracer_spec.flow.certifying.pareto import propose
from tracer_spec.flow.prepare import part, prepare, read_traces
from tracer_spec.flow.prepared import Parted, sealed_accounting
from tracer_spec.flow.train import train
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Fence, Model, Stage
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

LABELS = ("card", "loan", "app")


def by_hand(n=40, **columns):
    """Make n rows of random answers, one stage, with the columns given in place of random ones."""
    chance = np.random.default_rng(0)
    labels = columns.pop("labels", LABELS)
    guards = columns.pop("guards", {})
    y = np.asarray(columns.pop("y", chance.integers(len(labels), size=n)), np.int64)
    n = len(y)
    handled = np.asarray(columns.pop("handled", chance.uniform(size=n) < 0.6), bool)
    predicted = np.asarray(columns.pop("predicted", chance.integers(len(labels), size=n)), np.int64)
    scores = np.asarray(columns.pop("scores", chance.uniform(size=n)), np.float32)
    stages = np.asarray(columns.pop("stages", np.where(handled, 0, -1)), np.int64)
    stage = Stage(Model("s", b""), Model("logistic", b""), 0.5, tuple(Fence(Model(name, b""), 1.0) for name in guards))
    tried = tuple(
        Tried(
            stage=stage,
            reached=(stages < 0) | (stages >= position),
            scores=scores,
            agrees=predicted == y,
            sure=np.asarray(columns.pop("sure", np.ones(n)), bool),
            allowed=np.ones(n, bool),
            near=tuple(np.asarray(near, bool) for near in guards.values()),
        )
        for position in range(max(0, *stages) + 1)
    )
    reasons = np.where(handled, 0, 1)
    columns = {
        "X": chance.normal(size=(n, 5)).astype(np.float32),
        "folds": np.zeros(n, np.int64),
        "answers": tuple(labels[number] if number >= 0 else "made up" for number in y),
        "texts": tuple(f"request {row}" for row in range(n)),
        "times": np.full(n, np.nan),
        "tells_text": False,
    } | columns
    fit = FitRows(columns["X"], y, columns["folds"], len(labels))
    traces = trace_set(columns["texts"], columns["answers"], times=columns["times"], rows=np.arange(n) + 100)
    decided = Decisions(handled, predicted, scores, predicted == y, stages, reasons, tried)
    return AuditedRows(fit, traces, labels, decided, columns["tells_text"], seed=0)


@pytest.fixture(name="by_hand", scope="session")
def fixture_by_hand():
    return by_hand


@dataclass
class Trained:
    plan: object
    prepared: object
    workshop: object
    chains: object

    def policy(self, family, coverage):
        """Return the policy of a family whose coverage is nearest; of cascades, one that has both its stages."""
        candidates = [each for chain in self.chains if chain.family == family for each in chain.candidates]
        most = max(len(each.policy) for each in candidates)
        candidates = [each for each in candidates if len(each.policy) == most]
        return min(candidates, key=lambda each: abs(each.coverage - coverage)).policy

    def rows(self, policy, *, tells_text=False):
        return audited_rows(self.prepared, self.workshop, policy, tells_text=tells_text, seed=self.plan.spec.seed)

    def audit(self, policy, *, tells_text=False):
        rows = self.rows(policy, tells_text=tells_text)
        return audit(rows, sealed_accounting(self.prepared), self.plan.spec.cost)


def trained(spec):
    plan = make_plan(load_spec(spec), find_plugins())
    traces = read_traces(plan)
    prepared = prepare(plan, Parted.of(traces, part(traces, plan.spec.split)))
    workshop = train(plan, prepared.fit, prepared.denied, workers=1)
    return Trained(plan, prepared, workshop, propose(plan.families, workshop))


@pytest.fixture(name="trained", scope="session")
def fixture_trained():
    return trained


SURE = ("card", "loan", "app")
N_PLAIN, N_FOG, N_FLIPPED, N_ALIEN, N_RAMBLING = 900, 120, 24, 40, 120
AUTUMN = 1_756_684_800  # 2025-09-01, UTC
_DAY = 86_400


def planted():
    """Write traces of three labels that lie apart, and plant what an audit must find.

    - ``fog``: a label given to requests like those of the others;
    - ``flipped``: near-duplicates of plain requests, under another label;
    - ``alien``: far from everything, under a label that the teacher made up;
    - ``rambling``: long requests, late ones all, to which the teacher gives any label.
    """
    chance = np.random.default_rng(7)
    centres = 4 * np.eye(3, 32)
    rows = []

    def add(kind, label, vector, *, words=6, day=None):
        text = " ".join(f"w{word}" for word in [len(rows), *chance.integers(10_000, size=words)])
        time = AUTUMN + _DAY * (chance.integers(20) if day is None else day) + 60 * len(rows)
        rows.append(
            {
                "id": f"{kind}-{len(rows)}",
                "input": f"{kind} {text}",
                "teacher": label,
                "vector": np.asarray(vector, float).round(6).tolist(),
                "time": int(time),
            }
        )

    def near(centre):
        return centres[centre] + chance.normal(size=32)

    for _ in range(N_PLAIN):
        which = chance.integers(3)
        add("plain", SURE[which], near(which))
    for row, which in enumerate(chance.integers(3, size=N_FLIPPED)):
        add("flipped", SURE[(which + 1) % 3], np.add(rows[row]["vector"], 0.01 * chance.normal(size=32)))
        rows[-1] |= {"copied": f"plain-{row}", "teacher": SURE[(SURE.index(rows[row]["teacher"]) + 1) % 3]}
    for _ in range(N_FOG):
        add("fog", "fog", near(chance.integers(3)))
    for _ in range(N_ALIEN):
        add("alien", f"no idea, {len(rows)}", 400 * chance.normal(size=32))
    for _ in range(N_RAMBLING):
        add("rambling", SURE[chance.integers(3)], near(chance.integers(3)), words=40, day=30)
    return rows


@pytest.fixture(scope="session")
def traces():
    return planted()


@pytest.fixture(scope="session")
def world(tmp_path_factory, traces):
    """Train on the planted world: a guard, a denied label, single stages and cascades."""
    path = tmp_path_factory.mktemp("planted") / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in traces))
    return trained(
        {
            "version": 1,
            "name": "planted",
            "traces": {
                "use": "jsonl",
                "with": {"path": str(path)},
                "format": {"text": "input", "label": "teacher", "id": "id", "time": "time"},
                "labels": {"allowed": [*SURE, "fog"]},
            },
            "embedder": {"use": "precomputed", "with": {"column": "vector"}},
            "zoo": ["logreg"],
            "scale": False,
            "guards": [{"use": "prototypes", "with": {"quantile": 0.98}}],
            "defer_labels": ["app"],
            "target": {"agreement": 0.5},
            "cost": {"teacher_usd_per_1k": 2.5, "requests_per_day": 800},
        }
    )
