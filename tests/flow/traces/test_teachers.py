"""One certificate, one teacher: which names in a log are one, and what to write where there are several."""

from __future__ import annotations

import pytest

from tracer_spec.builtin.formats import PRESETS, compile_format
from tracer_spec.errors import DataError
from tracer_spec.flow.traces.collect import collect
from tracer_spec.flow.traces.sampling import sampled
from tracer_spec.flow.traces.teachers import newest_alone, refuse_mixed, teachers_of
from tracer_spec.plugin import Record
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


@pytest.mark.parametrize("newest", ["m-2", "it's", 'a "b"', "back\\slash", "ünïcode", "a`b", "line\nbreak", None])
def test_the_condition_keeps_the_newest_and_no_other(newest):
    records = rows("m-1", "m-1", newest)
    (models, _) = teachers_of(read(records))
    condition = newest_alone(models, [NATIVE.model])
    traces = read(records, where=condition)
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
