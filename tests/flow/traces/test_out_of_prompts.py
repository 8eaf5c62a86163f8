"""Fresh traces are taken out of their prompts, unless next to none of them stands in one."""

import pytest

from tracer_spec.builtin.formats import compile_format, find_format
from tracer_spec.flow.traces.collect import collect
from tracer_spec.flow.traces.out_of_prompts import out_of_prompts
from tracer_spec.plugin import Record
from tracer_spec.text_steps.labels import LabelCleaner

READ = compile_format(find_format("native")).traces


def logged(texts):
    data = [{"input": text, "teacher": "a", "embedding": [1.0]} for text in texts]
    records = [Record(f"t.jsonl:{line}", each) for line, each in enumerate(data, 1)]
    return collect(records, READ, LabelCleaner(), need_text=False, need_vector=True)


@pytest.mark.parametrize(
    ("n_prompts", "n_others", "kept"), [(10, 0, 10), (10, 10, 10), (5, 95, 5), (4, 96, 100), (0, 100, 100)]
)
def test_texts_that_do_not_match_are_left_out_unless_texts_stand_alone(n_prompts, n_others, kept):
    texts = [f"Text: {n}" for n in range(n_prompts)] + [f"other {n}" for n in range(n_others)]
    found, at = out_of_prompts(logged(texts), ["after:Text: "])
    assert at.tolist() == list(range(kept))
    assert found.texts == tuple(text.removeprefix("Text: ") for text in texts[:kept])


def test_traces_without_a_text_have_nothing_to_match_and_without_steps_nothing_changes():
    traces = logged(["Text: a", None, "b"])
    found, at = out_of_prompts(traces, ["after:Text: "])
    assert (found.texts, at.tolist()) == (("a", ""), [0, 1])
    assert out_of_prompts(traces, [])[0] is traces
