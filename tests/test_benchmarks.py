"""The benchmarks' own arithmetic, without the minutes that measuring takes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

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
