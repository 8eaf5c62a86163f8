"""The benchmarks' own arithmetic, without the minutes that measuring takes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "runtime.py"


@pytest.fixture(scope="module")
def runtime():
    spec = importlib.util.spec_from_file_location("benchmark_of_the_runtime", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def peer_python(tmp_path):
    """An interpreter whose peer answers every verb at once."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'decision_us': 9.0, 'artifact_mb': 1.5, 'cpu_s': 3.0})}'\n")
    program.chmod(0o755)
    return str(program)


def test_the_peers_training_is_taken_from_the_file_it_was_written_to_and_from_the_whole_report(
    runtime, peer_python, tmp_path
):
    training, report = tmp_path / "peer.json", tmp_path / "report.json"
    first = runtime.measure_peer(peer_python, tmp_path, training)
    (tmp_path / "peer").mkdir()
    report.write_text(json.dumps({"machine": {}, "ours": {}, "peer": first, "rows": []}))
    for recorded in (training, report):
        again = runtime.measure_peer(peer_python, tmp_path, recorded)["fit"]
        assert again == first["fit"] | {"recorded": True}


def test_a_report_of_a_run_without_the_peer_is_refused_by_name(runtime, tmp_path):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"ours": {}, "peer": None, "rows": []}))
    with pytest.raises(SystemExit, match=r"report\.json holds no training of the peer"):
        runtime.recorded_training(report)


@pytest.fixture(scope="module")
def statistics():
    spec = importlib.util.spec_from_file_location("guard_statistics", SCRIPT.with_name("guard_statistics.py"))
    module = importlib.util.module_from_spec(spec)
    # a dataclass looks its module up by name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_a_gate_that_tells_all_apart_handles_nothing_out_of_scope_and_one_that_tells_nothing_changes_nothing(
    statistics,
):
    rows, far = np.linspace(0, 1, 101), np.linspace(2, 3, 101)
    score = statistics.Scored(rows, rows, rows)
    apart, alike = statistics.Scored(rows, rows, far), statistics.Scored(rows, 0 * rows, 0 * rows)
    assert statistics.handled(score.inside, score.outside, 0.9) == pytest.approx(0.9, abs=0.011)
    assert statistics.gated(score, apart, 0.9) == 0
    assert statistics.gated(score, alike, 0.9) == pytest.approx(0.9, abs=0.011)
    assert statistics.paired(score, apart).outside.max() < 1


def test_a_text_of_known_terms_loses_less_energy_than_one_of_unknown_words(statistics):
    from tracer_spec.builtin.embedders.lsa import LsaLearner, LsaOptions

    texts = [f"{verb} my {thing}" for verb in ("block", "renew", "cancel") for thing in ("card", "account", "order")]
    knowledge = statistics.Knowledge(LsaLearner(LsaOptions(dim=8)).fit(texts, seed=0), texts)
    lost = knowledge.lost_energy(["block my card", "block my xylophone", "quixotic xylophone", ""])
    assert 0 <= lost[0] < lost[1] < lost[2]
    assert lost[3] == 1
    assert knowledge.unknown_words(["block my xylophone", "card"]).tolist() == [pytest.approx(1 / 3), 0]


@pytest.fixture(scope="module")
def surrogates():
    sys.path.insert(0, str(SCRIPT.parent))
    yield importlib.import_module("surrogates")
    sys.path.remove(str(SCRIPT.parent))
    for name in ("surrogates", "surrogate_ways"):
        del sys.modules[name]


def test_the_best_possible_coverage_is_that_of_the_best_threshold_of_all(surrogates):
    rng = np.random.default_rng(0)
    accept, agrees = rng.permutation(200) / 200, rng.uniform(size=200) < 0.9
    kept = [accept >= threshold for threshold in accept]
    enough = [each.mean() for each in kept if agrees[each].mean() >= 0.95]
    assert surrogates.best_coverage(accept, agrees, 0.95) == pytest.approx(max(enough, default=0))
    assert surrogates.best_coverage(accept, np.zeros(200, bool), 0.95) == 0


def test_scaling_takes_back_temperatures_and_biases_that_were_put_on_the_scores(surrogates):
    from surrogate_ways import Said, biased, log_loss, softmax, tempered

    rng = np.random.default_rng(0)
    Z = rng.normal(size=(4000, 4))
    y = np.array([rng.choice(4, p=p) for p in softmax(Z)])
    folds = np.arange(4000) % 4
    bias = np.array([0, 1, -1, 0])
    sharp, shifted, both = softmax(2.5 * Z), softmax(Z + bias), softmax(2.5 * Z + bias)
    truth = log_loss(softmax(Z), y)
    for scores, scaled in (
        (sharp, tempered(Said(sharp, sharp), y, folds, by_label=False)),
        (shifted, biased(Said(shifted, shifted), y, folds)),
        (shifted, biased(Said(shifted, shifted), y, folds, n_factors=0)),
        (both, biased(Said(both, both), y, folds, n_factors=1)),
    ):
        assert log_loss(scores, y) > truth + 0.02
        assert log_loss(scaled.fit, y) == pytest.approx(truth, abs=0.01)
        assert log_loss(scaled.test, y) == pytest.approx(truth, abs=0.01)
