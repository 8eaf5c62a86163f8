"""The table "which file do I have?": every row is a spec that loads, every preset is in it, and its maps read such records."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tracer_spec.builtin.formats import PRESETS, compile_format, find_format
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Record
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

PAGE = (Path(__file__).parents[2] / "docs" / "traces.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Which file do I have?")[2].partition("\n## ")[0]
ROWS = [
    (seen, yaml.safe_load(lines.replace("`", "").replace("<br>", "\n")))
    for seen, lines in re.findall(r"^\| (.+) \| (`use: .+) \|$", SECTION, re.MULTILINE)
]


def said(role, content):
    return {"role": role, "content": content}


ASKED, ANSWERED = said("user", "where is it?"), said("assistant", "delivery")
CHOICES = [{"index": 0, "message": ANSWERED, "finish_reason": "stop"}]
RECORDS = {
    "a table": {"Customer message": "where is it?", "category": "delivery"},
    "a page of an API": {"data": [{"input": "where is it?", "teacher": "delivery"}]},
    "a file for fine-tuning": {"messages": [said("system", "Sort."), ASKED, ANSWERED]},
    "a log of your own": {"request": {"messages": [ASKED]}, "response": {"choices": CHOICES}},
    "Langfuse: the button": {
        "trace": {},
        "observations": [{"type": "GENERATION", "input": [ASKED], "output": ANSWERED}],
    },
    "Braintrust": {"input": [ASKED], "output": CHOICES, "span_attributes": {"type": "llm"}},
    "Inspect": {"samples": [{"id": 1, "input": "where is it?", "target": "x", "output": {"choices": CHOICES}}]},
}


@pytest.mark.parametrize("traces", [traces for _, traces in ROWS], ids=[seen[:30] for seen, _ in ROWS])
def test_every_row_is_the_traces_of_a_spec(traces):
    assert list(traces) == ["use", "with", "format"]
    spec = {"version": 1, "name": "x", "traces": traces, "embedder": "lsa", "target": {"agreement": 0.9}}
    assert make_plan(load_spec(spec), find_plugins()).reader()


def test_every_preset_is_in_it():
    named = {f if isinstance(f, str) else f.get("preset") for f in (traces["format"] for _, traces in ROWS)}
    assert set(PRESETS) <= named


@pytest.mark.parametrize("start", RECORDS)
def test_the_maps_read_what_they_are_for(start):
    (written,) = [traces["format"] for seen, traces in ROWS if seen.startswith(start)]
    ((_, raw),) = compile_format(find_format(written)).traces([Record("f:1", RECORDS[start])])
    assert (raw.reason, raw.text, raw.label) == ("", "where is it?", "delivery")
