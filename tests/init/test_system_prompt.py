"""``init`` over a chat log tells the classifier's calls by their system prompt."""

from __future__ import annotations

import pytest

from tests.init.test_logs import completion, own_log
from tracer_spec.expressions.travelling import compile_travelling
from tracer_spec.init.attempt import Layout
from tracer_spec.init.system_prompt import match_of
from tracer_spec.plugin import Record

pytestmark = pytest.mark.usefixtures("no_curve")


TURN = {"role": "user", "content": "where is my parcel?"}
OTHER = {"messages": [{"role": "system", "content": "Write a friendly reply."}, TURN]}


def bodies(prompt: str) -> list[dict]:
    """Return requests of three APIs with one system prompt."""
    return [
        {"messages": [{"role": "system", "content": prompt}, TURN]},
        {"system": [{"type": "text", "text": prompt}], "messages": [TURN]},
        {"instructions": prompt, "input": [TURN]},
    ]


def test_the_shared_system_prompt_of_a_chat_log_is_the_match_of_the_spec(init, all_found, calls):
    outcome = init({"log.jsonl": [own_log(call) for call in calls]})
    all_found(outcome)
    matches = compile_travelling(outcome.spec["serve"]["match"])
    assert all(matches({"messages": call.asked}) is True for call in calls)
    assert matches(OTHER) is False
    assert matches({"messages": [TURN]}) is False


def test_calls_of_several_system_prompts_leave_the_match_to_the_user(init, all_found, calls):
    def log(call):
        asked = [{"role": "system", "content": f"Answer with the topic. It is {call.time}."}, call.asked[1]]
        return {"ts": call.time, "request": {"model": "m-1", "messages": asked}, "response": completion(call)}

    outcome = init({"log.jsonl": [log(call) for call in calls]})
    all_found(outcome)
    assert "serve" not in outcome.spec


@pytest.mark.parametrize(
    "prompt",
    [
        "Classify the message.",
        "It's one of: 'a', `b`, \\c\\",
        "Classify.\n\n${HOME} stays as it is",
        "Labels:\n" + "\n".join(f"- it's label {number}" for number in range(500)),
        "ends with \\",
    ],
)
def test_any_prompt_is_told_from_others_and_read_in_each_api(prompt):
    asked = bodies(prompt)
    records = [Record("", {"request": body, "response": {}}, "") for body in asked]
    match = match_of(Layout("chat", ()), records)
    matches = compile_travelling(match)
    assert [matches(body) for body in asked] == [True] * 3
    assert [matches(body) for body in bodies(f"{prompt} And be friendly.")] == [False] * 3
    assert len(match) < 700


def test_a_log_without_a_system_prompt_and_one_of_another_layout_have_no_match():
    records = [Record("", {"messages": [{"role": "user", "content": f"text {n}"}]}, "") for n in range(3)]
    assert match_of(Layout("chat", ()), records) == ""
    assert match_of(Layout("native", ()), [Record("", body, "") for body in bodies("Classify.")]) == ""
