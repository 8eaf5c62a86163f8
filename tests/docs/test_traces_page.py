"""What the page about traces says is so: its example runs, its presets are the code's, its tables are complete."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tracer_spec.builtin import tracer_spec_sources
from tracer_spec.builtin.formats import PRESETS, compile_format, find_format
from tracer_spec.builtin.formats.format import PARTS, RULES
from tracer_spec.expressions.functions import FUNCTIONS
from tracer_spec.flow.prepare import read_traces
from tracer_spec.flow.traces.accounting import BAD, REASONS
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Record
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.text_steps.labels import FLAWS
from tracer_spec.text_steps.language import STEPS

PAGE = (Path(__file__).parents[2] / "docs" / "traces.md").read_text(encoding="utf-8")
SAMPLES = Path(__file__).parents[1] / "builtin" / "formats_data"


def section(title):
    return re.split(r"^## ", PAGE.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text):
    """The first cell of every row of the tables, without its marks."""
    return [cell.strip("`") for cell in re.findall(r"^\| `?([^|]*?)`? \|", text, re.MULTILINE)]


def blocks(text):
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize(
    ("name", "block"), list(zip(PRESETS, blocks(section("Presets")), strict=True)), ids=list(PRESETS)
)
def test_a_preset_copied_from_the_page_is_the_preset(name, block):
    shown = find_format(block["format"])
    folded = {part: _unfolded(getattr(PRESETS[name], part)) for part in PARTS}
    assert {part: _unfolded(getattr(shown, part)) for part in PARTS} == folded
    assert compile_format(shown)


def _unfolded(value):
    """White space means nothing to JMESPath, but inside quotes, where there is single spaces alone."""
    return " ".join(value.split()) if isinstance(value, str) else value


def test_the_first_example_is_a_spec_that_reads_its_traces(tmp_path):
    spec = PAGE.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "router.yaml").write_text(spec, encoding="utf-8")
    exports = tmp_path / "exports" / "observations_v2"
    exports.mkdir(parents=True)
    shutil.copy(SAMPLES / "langfuse.tools.jsonl", exports / "day.jsonl.gz")
    plan = make_plan(load_spec(tmp_path / "router.yaml"), find_plugins())
    traces = read_traces(plan)
    assert traces.labels == ("card_arrival", "transfer_pending", "double_charge", "refund", "top_up", "", "")
    assert dict(traces.accounting.dropped) == {"other teacher model": 1, "error status": 1}
    staging = {"id": "1", "type": "GENERATION", "environment": "staging", "prompt_name": "classify"}
    assert [raw.reason for _, raw in plan.reader().traces([Record("a:1", staging)])] == ["test traffic"]


def test_the_other_examples_are_formats():
    over, own, joined = blocks(section("Formats"))
    changed = find_format(over["format"])
    assert changed.skip.keys() == (PRESETS["litellm"].skip.keys() | {"cached"}) - {"redacted"}
    assert replace(changed, skip={}, text=None, truth=None) == replace(
        PRESETS["litellm"], skip={}, text=None, truth=None
    )
    answer = {"choices": [{"message": {"content": "lost"}, "finish_reason": "length"}]}
    record = {"request": {"messages": [{"role": "user", "content": "where?"}]}, "response": answer}
    (raw,) = compile_format(find_format(own["format"])).read(record)
    assert (raw.text, raw.label, raw.unanswered) == ("where?", "lost", "truncated")
    data = [{"request_id": 1, "prompt": "where?"}, {"request_id": 1, "completion": "lost"}]
    read = compile_format(find_format(joined["format"])).traces
    assert [(raw.text, raw.label) for _, raw in read(Record("a", each) for each in data)] == [("where?", "lost")]


def test_a_humans_label_is_found_as_the_page_says():
    langsmith, otel, joined = blocks(section("Ground truth"))

    def truths(block, **parts):
        record = json.loads(
            (SAMPLES / f"{block['format']['preset']}.jsonl").read_text(encoding="utf-8").splitlines()[0]
        )
        spans = record["resourceSpans"][0]["scopeSpans"][0]["spans"] if "resourceSpans" in record else [record]
        spans[0] |= parts
        return [raw.truth for raw in compile_format(find_format(block["format"])).read(record) if not raw.reason]

    stats = {"intent": {"n": 1, "avg": None, "values": {"refund": 1}}, "helpful": {"n": 1, "avg": 4, "values": {}}}
    assert truths(langsmith, feedback_stats=stats) == ["refund"]
    assert truths(langsmith, feedback_stats=json.dumps(stats)) == ["refund"]
    assert truths(langsmith) == truths(langsmith, feedback_stats={"helpful": {"n": 1}}) == [None]

    def event(name, label):
        pairs = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.label": label}
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]
        return {"name": "gen_ai.evaluation.result", "attributes": attributes}

    assert truths(otel, events=[event("relevance", "pass"), event("human_label", "refund")])[0] == "refund"
    assert truths(otel, events=[event("relevance", "pass")])[0] is None
    assert truths(otel)[0] is None
    assert find_format(joined["traces"]["format"]).truth == "truth"


def test_every_source_and_option_is_on_the_page():
    table = re.findall(r"^\| `(\w+)` \| (.*?) \|", section("Sources"), re.MULTILINE)
    assert {name: re.findall(r"`(\w+)`", options) for name, options in table} == {
        plugin.name: list(plugin.options.model_fields) for plugin in tracer_spec_sources()
    }


def test_every_part_function_step_and_reason_is_on_the_page():
    assert set(rows(section("Formats"))) >= {*PARTS, *(f"{name}(x)" for name in FUNCTIONS)}
    assert all(f"`{step}`" in section("Labels") for step in STEPS)
    assert all(f"`{flaw}`" in section("Labels") for flaw in FLAWS)
    told = rows(section("Dropped records"))
    assert [reason for reason in told if reason in REASONS] == list(REASONS)


def test_every_reason_of_a_preset_is_named_outside_its_expressions():
    reasons = {reason for preset in PRESETS.values() for rules in RULES for reason in getattr(preset, rules)}
    prose = re.sub(r"```yaml\n.*?```", "", PAGE, flags=re.DOTALL)
    assert reasons - {"redacted"} <= {reason for reason in reasons if f"`{reason}`" in prose}


def test_what_the_page_says_stops_a_build_does():
    table = re.findall(r"^\| `([^`]+)` \| .* \| (stops|goes on) \|", section("Dropped records"), re.MULTILINE)
    assert {reason for reason, then in table if then == "stops"} == BAD
