"""``init`` over logs in which one model does several tasks: the largest is read, and the others are named."""

from __future__ import annotations

import json

import pytest

from tests.init.test_logs import langfuse, otlp, own_log, parts
from tests.init.test_teachers import planned

TASKS = ("Answer with the topic.", "It's `n` {x}: answer with the mood.\n" + "Moods are moods. " * 30)
MOODS = ("angry", "calm", "glad")


def several(calls, log):
    """Return records of every call under the first task, and of each second text under the other one too."""
    rows = [log(call, TASKS[0]) for call in calls]
    others = [call._replace(n=call.n + 1000, label=MOODS[call.n % 3]) for call in calls[::2]]
    return {"log.jsonl": [*rows, *(log(call, TASKS[1]) for call in others)]}


def spans(attributes):
    def log(call, prompt):
        given = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m-1",
            "gen_ai.output.messages": parts("assistant", call.label),
            **attributes(call, prompt),
        }
        inside = {"traceId": f"{call.n:032x}", "spanId": f"{call.n:016x}", "name": "chat", "status": {}}
        inside |= {"startTimeUnixNano": str(1767323045000000000 + call.n), "attributes": otlp(given)}
        return {"resourceSpans": [{"scopeSpans": [{"spans": [inside]}]}]}

    return log


def apart(call, prompt):
    return {
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": prompt}]),
        "gen_ai.input.messages": parts("user", call.text),
    }


def among(call, prompt):
    turns = [*json.loads(parts("system", prompt)), *json.loads(parts("user", call.text))]
    return {"gen_ai.input.messages": json.dumps(turns)}


def flattened(call, prompt):
    return {
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": prompt,
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": call.text,
    }


def call_turns(call, prompt):
    return [{"role": "system", "content": prompt}, {"role": "user", "content": call.text}]


def phoenix(call, prompt):
    columns = {
        "llm.model_name": "m-1",
        "llm.input_messages": json.dumps(call_turns(call, prompt)),
        "llm.output_messages": json.dumps([{"role": "assistant", "content": call.label}]),
        "openinference.span.kind": "LLM",
    }
    inside = {"traceId": f"{call.n:032x}", "spanId": f"{call.n:016x}", "status": {}, "attributes": otlp(columns)}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{**inside, "startTimeUnixNano": str(10**18 + call.n)}]}]}]}


LOGS = {
    "instructions apart": spans(apart),
    "a system message": spans(among),
    "flattened": spans(flattened),
    "phoenix": phoenix,
    "langfuse": lambda call, prompt: langfuse(call, json.dumps(call_turns(call, prompt))),
    "own": lambda call, prompt: {**own_log(call), "request": {"model": "m-1", "messages": call_turns(call, prompt)}},
}


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_the_task_with_most_calls_is_read_and_the_others_are_named(log, init, all_found, calls, tmp_path, capsys):
    outcome = init(several(calls, log))
    all_found(outcome)
    text = (tmp_path / "app" / "router.yaml").read_text()
    told = (
        "2 system prompts, whose answers differ: 'where' keeps 'Answer with the topic.' (72), and leaves out 'It's `n` {x}: "
        "answer with the mood. Moods are moods. Moods …' (36)"
    )
    assert told in " ".join(text.replace("\n  # ", " ").split())
    assert told in outcome.out
    code, document = planned(tmp_path, capsys)
    assert code == 0
    assert document["traces"]["dropped"] == {"excluded by where": 36}
    assert not any("system prompts" in each for each in document["warnings"])


def test_the_other_task_may_answer_freely(init, all_found, calls):
    def log(call, prompt):
        text = call.label if prompt == TASKS[0] else f"I am sorry to hear that about {call.n}, dear customer {call.n}."
        return LOGS["a system message"](call._replace(label=text), prompt)

    all_found(init(several(calls, log)))


def test_more_calls_without_a_system_prompt_that_answer_freely_are_left_out(init, all_found, calls):
    judged = '{{"score": {n}, "reasoning": "dear customer {n}, I am sorry to hear that about {n}"}}'
    others = [call._replace(n=call.n + 1000 * k) for k in (1, 2) for call in calls]
    free = [LOGS["flattened"](call._replace(label=judged.format(n=call.n)), "") for call in others]
    outcome = init({"log.jsonl": [*(LOGS["flattened"](call, TASKS[0]) for call in calls), *free]})
    all_found(outcome)
    assert "'where' keeps 'Answer with the topic.' (72), and leaves out none (144)" in outcome.out


def test_the_router_behind_a_chat_api_takes_the_calls_of_the_task_that_is_kept(init, calls):
    outcome = init(several(calls, LOGS["own"]))
    assert TASKS[0] in outcome.spec["serve"]["match"]


def test_prompts_whose_answers_are_the_same_labels_are_versions_and_stay_with_a_warning(init, calls, tmp_path, capsys):
    rows = [LOGS["a system message"](call, f"Answer with the topic, version {call.n // 36}.") for call in calls]
    outcome = init({"log.jsonl": rows})
    assert outcome.spec["traces"]["format"] == "otel-genai"
    assert len(outcome.texts) == 72
    code, document = planned(tmp_path, capsys)
    assert code == 0
    (said,) = [each for each in document["warnings"] if "system prompts" in each]
    assert said == (
        "2 system prompts: 'Answer with the topic, version 0.' (36), 'Answer with the topic, version 1.' (36); a certificate "
        "speaks of one teacher with one task: where these are several, keep one with 'traces.format.where', as 'init' writes it"
    )
    assert said in outcome.out


def test_a_prompt_that_differs_in_each_call_is_no_task(init, calls, tmp_path, capsys):
    rows = [LOGS["a system message"](call, f"Answer with the topic. It is {call.time}.") for call in calls]
    assert init({"log.jsonl": rows}).spec["traces"]["format"] == "otel-genai"
    _, document = planned(tmp_path, capsys)
    assert not any("system prompts" in each for each in document["warnings"])
