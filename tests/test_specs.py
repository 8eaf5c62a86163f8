"""The specs of the repository: valid, and their traces as their makers make them."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").glob("*/router.yaml"))
DATA = ROOT.parent / "shared" / "data"
VARIABLES = {"BANKING77_TRACES": "x.jsonl", "CLINC150_TRACES": "x.jsonl", "LLM_TRACES": "x.jsonl"}


def script(path: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_every_spec_of_the_repository_is_valid(path):
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    plan = make_plan(load_spec(path, environ=VARIABLES), find_plugins())
    assert plan.spec.target.confidence == 0.95


@pytest.mark.parametrize("name", ["banking77", "banking77-llm", "clinc150"])
def test_the_specs_of_public_datasets_write_out_the_default_zoo(name):
    from tracer_spec.spec.model import DEFAULT_ZOO

    written = yaml.safe_load((ROOT / "specs" / name / "router.yaml").read_text(encoding="utf-8"))
    assert written["zoo"] == list(DEFAULT_ZOO)


@pytest.mark.parametrize(("name", "variable"), [("banking77", "BANKING77_TRACES"), ("clinc150", "CLINC150_TRACES")])
def test_a_spec_of_a_public_dataset_says_which_variable_is_missing(name, variable):
    env = {key: value for key, value in os.environ.items() if key != variable}
    command = [sys.executable, "-m", "tracer_spec", "validate", f"specs/{name}/router.yaml"]
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"{variable} is not set: the traces made by specs/{name}/from_" in result.stderr


def test_the_quickstarts_traces_are_what_its_script_writes():
    maker = script("specs/quickstart/make_traces.py")
    committed = (ROOT / "specs" / "quickstart" / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in committed] == maker.make_traces()


def test_the_quickstarts_traces_are_small_and_as_messy_as_real_ones():
    path = ROOT / "specs" / "quickstart" / "traces.jsonl"
    traces = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert path.stat().st_size < 300_000
    assert len({trace["id"] for trace in traces}) == 1500 < len(traces)  # some were retried
    assert [trace["timestamp"] for trace in traces if trace] == sorted(trace["timestamp"] for trace in traces)
    first_lines = {trace["teacher"].splitlines()[0] for trace in traces}
    assert {"complaint", "other", "speak_to_human"} & first_lines
    assert any("\n" in trace["teacher"] for trace in traces)


def test_the_csv_of_banking77_becomes_traces():
    file = io.StringIO('text,category\n"I lost my ""card"", help\n",lost_card\nWo ist sie? ü,card_arrival\n')
    lines = list(script("specs/banking77/from_csv.py").to_traces(file))
    assert [json.loads(line) for line in lines] == [
        {"input": 'I lost my "card", help', "teacher": "lost_card"},
        {"input": "Wo ist sie? ü", "teacher": "card_arrival"},
    ]


def test_the_splits_of_clinc150_become_traces(tmp_path):
    (tmp_path / "data_full.json").write_text(json.dumps({"train": [["hello there", "greeting"]], "val": []}))
    command = [sys.executable, str(ROOT / "specs/clinc150/from_json.py"), "data_full.json"]
    made = subprocess.run([*command, "train"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(made.stdout) == {"input": "hello there", "teacher": "greeting"}
    wrong = subprocess.run([*command, "trian"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "has no split 'trian'; it has train, val" in wrong.stderr


def test_the_labels_of_banking77_are_the_77_there_are():
    labels = (ROOT / "specs" / "banking77-llm" / "labels.txt").read_text().splitlines()
    assert len(set(labels)) == len(labels) == 77
    train = DATA / "banking77_train.jsonl"
    if not train.exists():
        pytest.skip("needs the dataset in ../shared/data")
    assert set(labels) == {json.loads(line)["teacher"] for line in train.read_text(encoding="utf-8").splitlines()}
