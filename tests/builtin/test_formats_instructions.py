"""The system's prompt of a log that a spec's own map reads: it tells several tasks apart there too."""

import pytest

from tracer_spec.builtin.formats import compile_format, find_format
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.text_steps.labels import LabelCleaner


def chat(n, prompt):
    turns = [{"role": "system", "content": prompt}, {"role": "user", "content": f"text {n}"}]
    return {"log": {"body": {"messages": turns}}, "answer": "a", "task": prompt}


RECORDS = [chat(n, "Name the topic." if n % 3 else "Name the mood.") for n in range(60)]
ASIDE = [
    {"system": "Name it." if n % 2 else "Spell it.", "messages": [{"content": f"{n}"}], "answer": "a"}
    for n in range(60)
]


def read(records, written, certify_where=None):
    reader = compile_format(find_format(written), certify_where)
    return collect([Record(f"a:{n}", each) for n, each in enumerate(records)], reader.traces, LabelCleaner()).accounting


@pytest.mark.parametrize(
    ("text", "records", "said"),
    [
        ("asked(log.body)", RECORDS, "2 system prompts: 'Name the topic.' (40), 'Name the mood.' (20);"),
        ("log | asked(body)", RECORDS, "2 system prompts: 'Name the topic.' (40), 'Name the mood.' (20);"),
        ("log.body.messages[-1].content", RECORDS, "2 system prompts: 'Name the topic.' (40), 'Name the mood.' (20);"),
        (
            "not_null(asked(log.body), log.text)",
            RECORDS,
            "2 system prompts: 'Name the topic.' (40), 'Name the mood.' (20);",
        ),
        ("messages[0].content", ASIDE, "2 system prompts: 'Name it.' (30), 'Spell it.' (30);"),
    ],
)
def test_a_map_of_ones_own_tells_several_system_prompts(text, records, said):
    notes = read(records, {"text": text, "label": "answer"}).notes
    assert [each for each in notes if each.startswith(said)]


def test_a_column_called_system_beside_a_plain_text_is_no_prompt():
    records = [{"text": f"text {n}", "system": "ios" if n % 2 else "android", "answer": "a"} for n in range(60)]
    assert not any("system prompts" in each for each in read(records, {"text": "text", "label": "answer"}).notes)


@pytest.mark.parametrize("more", [{}, {"preset": "native"}])
def test_what_certifies_is_of_one_task_where_certify_where_keeps_one(more):
    written = {"text": "asked(log.body)", "label": "answer", **more}
    kept = read(RECORDS, written, "task == 'Name the topic.'")
    assert (kept.kept, [each for each in kept.notes if "system prompts" in each]) == (60, [])
    assert any("system prompts" in each for each in read(RECORDS, written, "task != 'another'").notes)


def test_a_text_that_is_no_jmespath_is_told_at_its_own_place():
    from tracer_spec.errors import SpecError

    with pytest.raises(SpecError) as caught:
        compile_format(find_format({"text": "asked(log.", "label": "answer"}))
    assert caught.value.problems[0].address == "traces.format.text"
