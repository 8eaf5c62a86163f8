"""A third party's embedder that breaks its contract when the bundle is put together."""

import json

import pytest

import tracer_spec as ts
from tracer_spec.errors import PluginError
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
import hashlib
import numpy as np
from tracer_spec.plugin import Plugin, hookimpl

class Stateless:
    def embed(self, texts):
        digests = [hashlib.sha256(text.split()[0].encode()).digest()[:16] for text in texts]
        return np.array([list(digest) for digest in digests], np.float32) / 255

    def fingerprint(self):
        return "stateless 1"

class Listed(Stateless):
    def state(self):
        return [b"weights"]

@hookimpl
def tracer_spec_embedders():
    yield Plugin("stateless", "has no state()", lambda options: Stateless())
    yield Plugin("listed", "has a state that is a list", lambda options: Listed())
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """Install the embedders above, and return a spec that is certified in a second."""
    site = tmp_path / "site"
    put_distribution(site, "third-party", "3", {"third": "third_party_plugin"}, third_party_plugin=PLUGIN)
    monkeypatch.syspath_prepend(site)
    rows = [{"id": f"e{n}", "input": f"{'ab'[n % 2]} {n}", "teacher": "ab"[n % 2]} for n in range(400)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "version": 1,
        "name": "small",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "zoo": ["logreg"],
        "families": ["global"],
        "target": {"agreement": 0.9},
    }


@pytest.mark.parametrize(
    ("embedder", "said"),
    [
        ("stateless", "'Stateless' object has no attribute 'state'"),
        ("listed", "'list' object has no attribute 'items'"),
    ],
)
def test_an_embedder_without_a_state_is_a_fault_of_who_ships_it(spec, tmp_path, embedder, said):
    with pytest.raises(PluginError) as caught:
        ts.build(spec | {"embedder": embedder}, out=tmp_path / "out.tracer", workers=1, cache=False)
    (problem,) = caught.value.problems
    assert problem.what == f"the embedder '{embedder}' of third-party 3 failed: AttributeError: {said}"
    assert problem.hint == "this is a fault of third-party"
    assert not (tmp_path / "out.tracer").exists()
