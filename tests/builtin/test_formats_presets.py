"""Every preset reads its samples to the rows that a native file with the same content gives."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builtin.formats_data import write
from tests.json_values import paths
from tracer_spec.builtin.formats import PRESETS, compile_format, find_format
from tracer_spec.builtin.formats.format import PARTS, RULES
from tracer_spec.builtin.sources.delimited import Csv, CsvOptions
from tracer_spec.builtin.sources.json_document import JsonDocuments, JsonOptions
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.builtin.sources.parquet import Parquet, ParquetOptions
from tracer_spec.errors import SpecError
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.text_steps.labels import LabelCleaner

FOLDER = Path(__file__).parent / "formats_data"


# lm-eval says neither that a call failed nor how an answer ended
NAMES = [name for name in write.SAMPLES if name not in ("native", "lm-eval")]
ENDINGS = ["", ".tools"]

# what a vendor's records do not hold
WITHOUT_TRUTH = set(NAMES) - {"mlflow", "promptfoo", "braintrust", "inspect"}
WITHOUT_TIME = {"anthropic-batch", "promptfoo"}
WITHOUT_MODEL = {"otel-genai.events"}
WITHOUT_VERSION = {name for name in NAMES if name.startswith("otel-genai.")} | {
    "openai-batch",
    "openai-batch.responses",
    "anthropic-batch",
    "weave",
    *("openai-responses", "bedrock", "vertex", "databricks", "datadog", "chat"),
}
# what is dropped beside the one call that failed
ALSO_DROPPED = {
    "otel-genai": {"not an LLM call": 9},
    "otel-genai.events": {"not an LLM call": 10},
    "otel-genai.span-events": {"not an LLM call": 9},
    "otel-genai.flattened": {"not an LLM call": 9},
    "openinference": {"not an LLM call": 9},
    "weave": {"not an LLM call": 9},
    **{name: {"not an LLM call": 9} for name in ("braintrust", "datadog", "opik")},
}


def gather(records, wanted, *, structured=False, **settings):
    cleaner = LabelCleaner(["json:intent"] if structured else ["strip"])
    return collect(records, compile_format(find_format(wanted)).traces, cleaner, on_error="fail", **settings)


def read(name, ending="", wanted=None, **settings):
    records = JsonLines(JsonLinesOptions(path=str(FOLDER / f"{name}{ending}.jsonl"))).records()
    return gather(records, wanted or name.split(".")[0], structured=bool(ending), **settings)


def same_rows(left, right, *parts):
    for part in parts or ("texts", "labels", "ids"):
        assert getattr(left, part) == getattr(right, part), part


def test_the_samples_are_those_that_the_writer_writes():
    written = dict(write.files())
    assert set(FOLDER.glob("*.jsonl")) == set(written)
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, "run: python tests/builtin/formats_data/write.py"


def test_every_preset_has_a_sample():
    assert {name.split(".")[0] for name in write.SAMPLES} == set(PRESETS) - {"decisions"}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_reads_the_rows_of_a_native_file_with_the_same_content(name, ending):
    got, wanted = read(name, ending), read("native", ending)
    same_rows(got, wanted, "texts", "labels")
    # MLflow's ids of spans are unique within a trace only
    ids = {"mlflow": "tr-{0}/{0}", "inspect": "run/{0}/1"}.get(name, "{0}")
    assert got.ids == tuple(ids.format(event) for event in wanted.ids)
    assert got.truths == ((None,) * 8 if name in WITHOUT_TRUTH else wanted.truths)
    np.testing.assert_array_equal(got.times, np.full(8, np.nan) if name in WITHOUT_TIME else wanted.times)
    assert got.accounting.models == ({} if name in WITHOUT_MODEL else wanted.accounting.models)
    assert got.accounting.versions == ({} if name in WITHOUT_VERSION else wanted.accounting.versions)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_trace_and_what_is_no_label_is_counted_by_reason(name):
    accounting = read(name).accounting
    failed = "no matching output" if name == "otel-genai.events" else "error status"
    assert dict(accounting.dropped) == {failed: 1, **ALSO_DROPPED.get(name, {})}
    assert dict(accounting.unusable) == {"truncated": 1, "refusal": 1}
    assert accounting.read == accounting.kept + sum(accounting.dropped.values())


@pytest.mark.parametrize("name", NAMES)
def test_answers_cut_short_or_refused_are_left_out_where_the_spec_says_so(name):
    traces = read(name, unanswered="drop")
    assert traces.labels == tuple(call.label for call in write.CALLS)
    assert traces.accounting.dropped["truncated"] == traces.accounting.dropped["refusal"] == 1
    assert (
        "2 answers cut short or refused and left out: the certificate speaks of inputs that the teacher answers"
        in traces.accounting.notes
    )


def test_a_teacher_that_changes_its_model_or_its_prompt_is_pointed_out_with_counts():
    notes = read("langfuse").accounting.notes
    assert notes == (
        "2 teacher models: gpt-5-mini-2025-08-07 (7, 2026-01-05), gpt-5-2026-01-01 (1, 2026-01-05); a certificate "
        "speaks of one teacher, unchanged: keep one model with 'traces.teacher'",
        "2 versions of the teacher's prompt: classify@3 (7, 2026-01-05), classify@4 (1, 2026-01-05); a certificate "
        "speaks of one teacher, unchanged: keep one version with 'traces.format.where'",
    )


def test_other_teachers_are_dropped_under_that_name():
    traces = read("langfuse", teachers=("gpt-5-2026-01-01",))
    assert traces.labels == ("greeting",)
    assert dict(traces.accounting.dropped) == {"other teacher model": 7, "error status": 1}
    assert traces.accounting.notes == ()


# --- over any source ---


def flat(name):
    """A vendor's records as rows of a table: what is no scalar as JSON in a string."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [
        {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in record.items()}
        for record in records
    ]


@pytest.mark.parametrize("name", ["langfuse", "langsmith", "litellm", "helicone", "weave"])
def test_a_preset_reads_csv_and_parquet_with_json_in_their_columns(name, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = flat(name)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    same_rows(gather(Csv(CsvOptions(path=str(tmp_path / "t.csv"))).records(), name), read("native"))
    same_rows(gather(Parquet(ParquetOptions(path=str(tmp_path / "t.parquet"))).records(), name), read("native"))


def test_nested_columns_of_parquet_are_read_as_objects(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [json.loads(line) for line in (FOLDER / "openinference.rows.jsonl").read_text(encoding="utf-8").splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "spans.parquet")
    same_rows(
        gather(Parquet(ParquetOptions(path=str(tmp_path / "spans.parquet"))).records(), "openinference"), read("native")
    )


def test_promptfoos_json_document_is_read_with_the_source_of_that_name(tmp_path):
    lines = (FOLDER / "promptfoo.jsonl").read_text(encoding="utf-8").splitlines()
    document = {"evalId": "eval-1", "results": {"version": 3, "results": [json.loads(line) for line in lines]}}
    (tmp_path / "results.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    records = JsonDocuments(JsonOptions(path=str(tmp_path / "results.json"))).records()
    same_rows(gather(records, "promptfoo"), read("native"))


# --- batches ---


def batch(name):
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["openai-batch", "openai-batch.responses", "anthropic-batch"])
@pytest.mark.parametrize("order", ["outputs first", "reversed", "inputs first"])
def test_a_batch_is_joined_whatever_the_order_of_its_files(name, order):
    halves = batch(name)
    asked, answered = halves[::2], halves[1::2]
    data = {"outputs first": answered + asked, "reversed": halves[::-1], "inputs first": asked + answered[::-1]}[order]
    traces = gather([Record(f"b:{line}", each) for line, each in enumerate(data)], name.split(".")[0])
    rows = sorted(zip(traces.ids, traces.texts, traces.labels, strict=True))
    wanted = read("native")
    assert rows == sorted(zip(wanted.ids, wanted.texts, wanted.labels, strict=True))


def test_requests_of_anthropic_are_read_as_they_were_sent_too():
    halves = batch("anthropic-batch")
    data = [{"requests": halves[::2]}, *halves[1::2]]
    traces = gather([Record(f"b:{line}", each) for line, each in enumerate(data)], "anthropic-batch")
    same_rows(traces, read("native"))


def test_halves_without_their_other_half_are_counted_and_pointed_out():
    halves = batch("openai-batch")
    data = [*halves[:6], halves[6], halves[9]]
    accounting = gather([Record(f"b:{line}", each) for line, each in enumerate(data)], "openai-batch").accounting
    assert dict(accounting.dropped) == {"no matching input": 1, "no matching output": 1}
    assert accounting.examples == {"no matching input": ("b:7",), "no matching output": ("b:6",)}
    assert accounting.notes == (
        "1 answer without question: are all files read?",
        "1 question without answer: are all files read?",
    )
    assert (accounting.read, accounting.kept) == (5, 3)


def test_an_id_that_two_batches_use_joins_nothing():
    first, second = batch("openai-batch")[:2], batch("openai-batch")[2:4]
    again = [{**half, "custom_id": first[0]["custom_id"]} for half in second]
    other = batch("openai-batch")[4:6]
    data = [*first, *again, *other, *other]
    accounting = gather([Record(f"b:{line}", each) for line, each in enumerate(data)], "openai-batch").accounting
    # the same lines twice are copies; other lines under one id are another batch's
    assert dict(accounting.dropped) == {"duplicate id": 2, "custom_id used twice": 1}
    assert accounting.kept == 1


# --- rules of single vendors ---


def one(name, changes, wanted=None):
    """The raw trace of the first sample record, with changes."""
    record = json.loads((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[0]) | changes
    (raw,) = compile_format(find_format(wanted or name)).read(record)
    return raw


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("langfuse", {"type": "SPAN"}, "not an LLM call"),
        ("langsmith", {"run_type": "chain"}, "not an LLM call"),
        ("litellm", {"call_type": "aembedding"}, "not an LLM call"),
        ("litellm", {"messages": [{"role": "user", "content": "redacted-by-litellm"}]}, "redacted"),
        ("litellm", {"response": {"text": "redacted-by-litellm"}}, "redacted"),
        ("helicone", {"response_status": "429"}, "error status"),
        ("helicone", {"response_status": "200"}, ""),
        ("promptfoo", {"response": None, "error": "timeout", "failureReason": 2}, "error status"),
        ("promptfoo", {"success": False, "error": "Expected x", "failureReason": 1}, ""),
    ],
)
def test_a_rule_of_a_vendor(name, changes, reason):
    assert one(name, changes).reason == reason


def test_a_cached_answer_is_a_trace_unless_the_spec_says_otherwise():
    # a request that is repeated is traffic; whoever has the cache before the router takes it out
    assert one("litellm", {"cache_hit": True}).reason == ""
    wanted = {"preset": "litellm", "skip": {"cached": "cache_hit"}}
    assert one("litellm", {"cache_hit": True}, wanted).reason == "cached"


def test_a_field_that_is_plain_text_or_json_is_read_as_what_it_is():
    texts = ["where is my card?", "42", '{"amount": 3}', "null"]
    langfuse = [one("langfuse", {"input": json.dumps([{"role": "user", "content": text}])}).text for text in texts]
    assert langfuse == texts
    assert one("langfuse", {"input": "42"}).text == "42"
    assert one("langfuse", {"output": "refund"}).label == "refund"
    assert one("langfuse", {"output": '{"intent": "refund"}'}).label == {"intent": "refund"}
    assert one("langfuse", {"output": '{"role": "assistant", "content": ""}'}).label == ""
    assert one("langfuse", {"output": None}).label is None


# --- overriding ---


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_systems_prompt_is_read_where_the_records_hold_it(path):
    preset = PRESETS[path.name.split(".")[0]]
    lines = path.read_text().splitlines()
    held = {"Answer with the customer's intent, one word." in line for line in lines if "user" in line}
    raws = compile_format(preset).traces(Record("", json.loads(line), "") for line in lines)
    read = {raw.instructions for _, raw in raws if not raw.reason} - {None}
    is_read = True in held and preset.instructions is not None and "events" not in path.name.split(".")[1:2]
    assert read == ({"Answer with the customer's intent, one word."} if is_read else set())


def test_a_preset_is_overridden_key_by_key():
    wanted = find_format({"preset": "promptfoo", "text": "vars.ticket", "truth": None, "where": "testIdx > `2`"})
    preset = PRESETS["promptfoo"]
    assert wanted == replace(preset, text="vars.ticket", truth=None, where="testIdx > `2`")
    assert find_format({"preset": "promptfoo"}) == preset


def test_a_rule_is_added_replaced_or_taken_out_by_its_reason():
    rules = PRESETS["litellm"].skip
    wanted = find_format({"preset": "litellm", "skip": {"redacted": None, "cached": "cache_hit"}})
    assert wanted.skip == {**{key: rules[key] for key in rules if key != "redacted"}, "cached": "cache_hit"}
    assert find_format({"preset": "litellm", "skip": None}).skip == {}
    assert find_format({"preset": "litellm", "unanswered": {"truncated": None}}).unanswered.keys() == {
        "refusal",
        "nothing answered",
    }
    traces = read("litellm", wanted={"preset": "litellm", "unanswered": {"truncated": None}})
    assert traces.labels[6] == "card_arr"


def test_a_join_is_overridden_key_by_key_and_may_be_written_out():
    data = [{"t": 1, "q": "where?"}, {"t": 1, "a": "lost"}, {"t": 2, "q": "who?"}]
    wanted = {
        "join": {"key": "t", "input": "q", "output": "a"},
        "text": "inputs[0].q",
        "label": "outputs[0].a",
    }
    traces = gather([Record(f"l:{line}", each) for line, each in enumerate(data)], wanted)
    assert (traces.texts, traces.labels) == (("where?",), ("lost",))
    changed = find_format({"preset": "openai-batch", "join": {"key": "request_id"}}).join
    assert changed == replace(PRESETS["openai-batch"].join, key="request_id")
    with pytest.raises(SpecError, match="the join has no input"):
        find_format({"label": "a", "join": {"key": "t"}})


def test_a_preset_that_does_not_exist_is_told_at_its_key():
    with pytest.raises(SpecError) as caught:
        find_format({"preset": "langfus"})
    (problem,) = caught.value.problems
    assert (problem.address, problem.hint) == ("traces.format.preset", "did you mean 'langfuse'?")


# --- whatever comes ---

KEYS = sorted(
    {"id", "role", "content", "type", "text", "parts", "key", "value", "stringValue", "user", "assistant", "tool_calls"}
    | {"message", "finish_reason", "arguments", "function", "status", "code", "name", "$record", "a.b", "0", "1"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**22)
    | st.floats()
    | st.sampled_from(["", "user", "chat", "LLM", "CHAT_MODEL", "[1]", '{"a": 1}', "gen_ai.choice", "\ud800", "length"])
    | st.text(max_size=4)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def put(value, path, garbage):
    """The value with garbage at one place."""
    if not path:
        return garbage
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], garbage)
    return copy


REAL = {
    name: [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    for name in write.SAMPLES
}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", list(REAL))
def test_a_sample_with_garbage_in_it_is_kept_or_counted_and_never_raises(name, data):
    """One place of each of a few records is replaced: the shapes that a preset knows, gone wrong."""
    records = []
    for record in data.draw(st.lists(st.sampled_from(REAL[name]), max_size=4)):
        path = data.draw(st.sampled_from(list(paths(record))))
        spoilt = put(record, path, data.draw(JSON))
        records.append(spoilt if isinstance(spoilt, dict) else {"garbage": spoilt})
    check(name.split(".")[0], records)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), max_size=4))
@pytest.mark.parametrize("name", list(PRESETS))
def test_garbage_is_kept_or_counted_and_never_raises(name, records):
    check(name, records)


def check(name, records):
    reader = compile_format(PRESETS[name])
    placed = [*(Record(f"g:{line}", each) for line, each in enumerate(records)), Record("g:x", {}, "invalid JSON")]
    raws = list(reader.traces(placed))
    assert len(raws) >= 1
    assert raws.count(next(raw for raw in raws if raw[0] == "g:x")) == 1
    good = Record("good:1", {"text": "a", "label": "b"})
    native = compile_format(find_format({"text": "text", "label": "label"})).traces
    traces = collect(
        [good], lambda given: [*native(given), *reader.traces(placed)], LabelCleaner(["strip"]), on_error="drop"
    )
    accounting = traces.accounting
    assert accounting.read == len(raws) + 1 == accounting.kept + sum(accounting.dropped.values())
    assert traces.labels[0] == "b"
    assert len(traces.digest) == 64


def test_every_part_of_a_preset_is_an_expression_and_every_rule_has_a_reason():
    for preset in PRESETS.values():
        assert preset.summary
        for part in set(PARTS) - {"join", *RULES}:
            assert isinstance(getattr(preset, part), str | None)
        assert all(reason and rule for rules in RULES for reason, rule in getattr(preset, rules).items())
