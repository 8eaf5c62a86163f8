"""One certificate, one teacher: which names in a log are one, and what to write where there are several."""

from __future__ import annotations

import json

import pytest

from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.errors import DataError
from tracer_spec.flow.prepare import read_traces
from tracer_spec.flow.traces.collect import collect
from tracer_spec.flow.traces.sampling import sampled
from tracer_spec.flow.traces.splits import split as split_rows
from tracer_spec.flow.traces.teachers import newest_alone, refuse_mixed, teachers_of
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Record
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.text_steps.labels import LabelCleaner

NATIVE = PRESETS["native"]


def rows(*models, versions=None, timed=True):
    return [
        {
            "id": str(number),
            "input": f"text {number}",
            "teacher": "a",
            "timestamp": 1.79e9 + 86_400 * number if timed else None,
            "metadata": {"model": model, "prompt_version": versions[number] if versions else None},
        }
        for number, model in enumerate(models)
    ]


def read(records, where=None):
    return collect([Record("a", each) for each in records], compile_format(NATIVE, where).traces, LabelCleaner())


def refusal(traces):
    with pytest.raises(DataError) as caught:
        refuse_mixed(traces, [NATIVE.model], [NATIVE.version])
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    "names",
    [
        ("m", "m"),
        (None, None),
        ("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("m@20250101", "m"),
    ],
)
def test_these_are_one_teacher(names):
    refuse_mixed(read(rows(*names)), [NATIVE.model], [NATIVE.version])


@pytest.mark.parametrize(
    "names",
    [
        ("m-1", "m-2"),
        ("m", None),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"),
        ("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"),  # which of them the bare name was, nobody knows
        ("gpt-4o", "gpt-4o-mini"),
    ],
)
def test_these_are_several(names):
    assert "teachers, by the model: " in refusal(read(rows(*names))).what


def test_the_error_counts_them_and_each_remedy_can_be_pasted():
    problem = refusal(read(rows("m-1", "m-1", "m-2", None)))
    assert problem.what == (
        "the certify rows have 3 teachers, by the model: m-1 (2, 2026-09-21 to 2026-09-22), m-2 (1, 2026-09-23), "
        "unnamed (1, 2026-09-24); a certificate speaks of one teacher, unchanged"
    )
    assert problem.hint == (
        "beside the other keys of split, certify on the newest alone: 'split: {certify_where: \"!(metadata.model)\"}'; or, "
        "where requests go to any of them now, on all: 'split: {mix_teachers: true}'"
    )


def test_versions_of_the_prompt_are_teachers_too():
    problem = refusal(read(rows("m", "m", versions=["1", "2"])))
    assert "2 teachers, by the version of the prompt: 1 (1, 2026-09-21), 2 (1, 2026-09-22)" in problem.what
    assert "metadata.prompt_version" in problem.hint


@pytest.mark.parametrize("newest", ["m-2", "it's", 'a "b"', "back\\slash", "ünïcode", "a`b", "line\nbreak", "2", None])
def test_the_condition_keeps_the_newest_and_no_other(newest):
    records = rows("m-1", "m-1", newest)
    (models, _) = teachers_of(read(records))
    condition = newest_alone(models, [NATIVE.model])
    traces = read(records, where=condition)
    assert sampled(traces.sampling, traces.times).tolist() == [False, False, True]


@pytest.mark.parametrize("newest", [2, 2.5, "2"])
def test_the_condition_keeps_the_newest_version_of_a_prompt_that_is_a_number_too(newest):
    records = rows("m", "m", "m", versions=[1, 1, newest])
    (_, versions) = teachers_of(read(records))
    traces = read(records, where=newest_alone(versions, [NATIVE.version]))
    assert sampled(traces.sampling, traces.times).tolist() == [False, False, True]


def test_the_newest_is_that_of_the_last_time_or_else_of_the_last_record():
    timed = rows("m-1", "m-2")
    timed[0]["timestamp"], timed[1]["timestamp"] = timed[1]["timestamp"], timed[0]["timestamp"]
    assert teachers_of(read(timed))[0].newest == ("m-1",)
    assert teachers_of(read(rows("m-1", "m-2", timed=False)))[0].newest == ("m-2",)


def test_teachers_follow_each_other_or_answer_side_by_side():
    assert teachers_of(read(rows("m-1", "m-1", "m-2")))[0].follow_each_other
    assert not teachers_of(read(rows("m-1", "m-2", "m-1")))[0].follow_each_other
    assert not teachers_of(read(rows("m-1", "m-2", timed=False)))[0].follow_each_other


@pytest.mark.parametrize("n_sources", [1, 2])
@pytest.mark.parametrize(
    ("split", "told"),
    [
        ({}, "a certificate speaks of one teacher, unchanged: keep one model with 'traces.teacher'"),
        ({"mix_teachers": True}, "'split.mix_teachers' takes them for one"),
        (
            {"certify_where": "metadata.model == 'm-2'"},
            "those that 'split.certify_where' lets certify are one",
        ),
    ],
)
def test_what_the_spec_settles_is_not_asked_for_again(tmp_path, split, told, n_sources):
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows(*["m-1", "m-2"] * 5, versions="12" * 5))))
    sources = [{"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}}] * n_sources
    spec = {
        "version": 1,
        "name": "x",
        "traces": sources if n_sources > 1 else sources[0],
        "embedder": "lsa",
        "split": split,
    }
    plan = make_plan(load_spec({**spec, "target": {"agreement": 0.9}}, environ={}), find_plugins())
    models, versions = read_traces(plan).accounting.notes[:2]
    assert models.startswith("2 teacher models: m-1 (5, 2026-09-21 to 2026-09-29), m-2 (5, ")
    assert models.endswith(f"; {told}")
    assert versions.startswith("2 versions of the teacher's prompt: ")
    assert versions.endswith(told.replace("model", "version").replace("traces.teacher", "traces.format.where"))


STORY = {"handled": True, "audit": True, "audit_rate": 0.02, "served": "teacher"}


def logged(*models):
    """Return lines of a deployment's log, all of them audited."""
    return [
        {
            "id": str(number),
            "time": 1.79e9 + 86_400 * number,
            "input": f"text {number}",
            "teacher_raw": "a",
            "model": model,
            "router": STORY,
        }
        for number, model in enumerate(models)
    ]


def test_audited_rows_that_a_condition_keeps_from_certifying_are_told_with_numbers():
    log, where = PRESETS["decisions"], "model == 'm-2025-08-07'"

    def notes(*models):
        records = [Record("a", each) for each in logged(*models)]
        traces = collect(records, compile_format(log, where).traces, LabelCleaner(), settled="it is settled")
        return [note for note in traces.accounting.notes if "certify_where" in note]

    assert notes("m-2025-08-07") == []
    assert notes("m", "m", "m-2025-08-07") == [
        "2 audited rows train and do not certify, since 'split.certify_where' does not hold of them: m (2, 2026-09-21 to "
        "2026-09-22); where 'm' is 'm-2025-08-07' by the name without its date, let the condition hold of both, and log the "
        "name that the response says"
    ]
    assert notes("other", "m-2025-08-07") == [
        "1 audited row trains and does not certify, since 'split.certify_where' does not hold of it: other (1, 2026-09-21)"
    ]


def test_what_no_coin_chose_is_told_only_where_there_was_a_coin():
    by_condition = read(rows("m-1", "m-1", *["m-2"] * 30), "metadata.model == 'm-2'")
    assert split_rows(by_condition, certify=0.4, strategy="random").notes == ()
    log = [*logged(*["m"] * 30), {**logged("m")[0], "id": "x", "router": {**STORY, "handled": False, "audit": False}}]
    audited = collect([Record("a", each) for each in log], compile_format(PRESETS["decisions"]).traces, LabelCleaner())
    assert "rows that chance did not choose for the teacher train, and do not certify" in (
        split_rows(audited, certify=0.4, strategy="random").notes
    )
