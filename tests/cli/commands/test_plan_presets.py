"""``plan`` over the samples of every preset: what it tells a user of records read, kept and dropped, and of the teacher."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tracer_spec.cli import main

FOLDER = Path(__file__).parents[2] / "builtin" / "formats_data"
# lm-eval says neither that a call failed nor which model answered
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl") if not path.stem.startswith("lm-eval"))
# per preset, the records of its sample that are no call of an LLM
NO_CALLS = {"otel-genai": 9, "otel-genai.events": 10, "openinference": 9, "weave": 9}
NO_CALLS |= {"braintrust": 9, "datadog": 9, "opik": 9}
NO_CALLS |= {"otel-genai.span-events": 9, "otel-genai.flattened": 9}
SPEC = """\
version: 1
name: sample
traces:
  use: jsonl
  with: {{path: {path}}}
  format: {preset}
  labels: {{normalize: [{step}]}}
embedder: {{use: lsa}}
split: {{certify: 0.01, folds: 2}}
target: {{agreement: 0.9}}
"""


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    def plan(name, *arguments):
        step = "json:intent" if ".tools" in name else "strip"
        spec = SPEC.format(path=FOLDER / f"{name}.jsonl", preset=name.partition(".")[0], step=step)
        Path("router.yaml").write_text(spec, encoding="utf-8")
        monkeypatch.setattr("sys.argv", ["tracer-spec", "plan", "router.yaml", "-q", *arguments])
        assert main() == 0
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    return plan


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_accounted_for_on_the_command_line(plan, name):
    document = json.loads(plan(name, "--json"))
    plain = name.removesuffix(".tools")
    failed = "no matching output" if plain == "otel-genai.events" else "error status"
    dropped = {} if plain == "native" else {failed: 1}
    if plain in NO_CALLS:
        dropped["not an LLM call"] = NO_CALLS[plain]
    counts = document["traces"]
    assert counts["dropped"] == dropped
    assert (counts["kept"], counts["read"]) == (8, 8 + sum(dropped.values()))
    assert counts["fit"] + counts["certify"] == 8
    # answers cut short or refused: of fit rows alone, as everything that plan tells of labels
    assert document["unknown_labels"]["unusable"] + sum(document["labels"].values()) == counts["fit"]
    changes = [warning for warning in document["warnings"] if warning.startswith("2 teacher models: ")]
    when = "" if plain in ("anthropic-batch", "promptfoo") else ", 2026-01-05"
    told = f"2 teacher models: gpt-5-mini-2025-08-07 (7{when}), gpt-5-2026-01-01 (1{when}); "
    assert [each.startswith(told) for each in changes] == ([] if plain == "otel-genai.events" else [True])


def test_the_story_tells_the_same(plan):
    story = " ".join(plan("langfuse").split())
    assert "9 read, 8 kept; dropped: 1 error status" in story
    assert re.search(
        r"2 versions of the teacher's prompt: classify@3 \(7, 2026-01-05\), classify@4 \(1, 2026-01-05\); ", story
    )


def test_a_teacher_that_is_named_leaves_the_others_out_and_says_so(plan):
    document = json.loads(plan("langfuse", "--json", "--set", "traces.teacher=gpt-5-mini-2025-08-07"))
    assert document["traces"]["dropped"] == {"other teacher model": 1, "error status": 1}
    assert not any("teacher models" in warning for warning in document["warnings"])


def test_answers_left_out_are_counted_by_what_became_of_them(plan):
    document = json.loads(plan("langfuse", "--json", "--set", "traces.labels.unanswered=drop"))
    assert document["traces"]["dropped"] == {"error status": 1, "refusal": 1, "truncated": 1}
