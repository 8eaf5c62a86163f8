"""``init`` over logs of an app's own that keep request and response under names of no preset."""

from __future__ import annotations

import json
from collections import Counter

import pytest

pytestmark = pytest.mark.usefixtures("no_curve")


def body(call, **changes):
    said = {"role": "assistant", "content": json.dumps({"topic": call.label, "sure": 0.5}), "refusal": None}
    choice = {"index": 0, "message": said, "finish_reason": "stop"} | changes
    return {"id": f"chatcmpl-{call.n}", "created": 1767323045 + call.n, "model": "m-1-2026-01-01", "choices": [choice]}


def as_text(call, asked, said):
    return {"id": f"r{call.n}", "req": json.dumps(asked), "resp": json.dumps(said)}


def as_objects(call, asked, said):
    return {"id": f"r{call.n}", "call": {"asked": asked, "said": said}}


def as_ollama(call, asked, said):
    choice = said["choices"][0]
    done = {"model": said["model"], "message": choice["message"], "done_reason": choice["finish_reason"]}
    return {"id": f"r{call.n}", "model": "mine", "q": {"model": "mine", "messages": call.asked}, "a": done}


WAYS = {
    as_text: ("from_json(resp).model", "from_json(resp)"),
    as_objects: ("call.said.model", "call.said"),
    as_ollama: ("a.model", "a"),
}


def asked(call):
    return {"model": "mine", "messages": call.asked}


@pytest.mark.parametrize("write", WAYS, ids=lambda write: write.__name__)
def test_the_model_that_answered_is_the_teacher_and_not_the_name_that_was_asked_for(init, calls, write):
    rows = [write(c, asked(c), {**body(c), "model": f"m-{c.n % 2}-2026-01-01"}) for c in calls]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["format"]["model"] == WAYS[write][0]
    assert outcome.spec["split"] == {"certify": 0.4, "mix_teachers": True}
    assert "m-0-2026-01-01" in outcome.out


def test_the_name_that_was_asked_for_is_the_teacher_where_no_response_names_one(init, calls):
    rows = [as_text(c, asked(c), {key: each for key, each in body(c).items() if key != "model"}) for c in calls]
    assert init({"log.jsonl": rows}).spec["traces"]["format"]["model"] == "from_json(req).model"


@pytest.mark.parametrize(
    ("fields", "teacher"),
    [
        (("requested_model", "model"), "model"),
        (("model", "response_model"), "response_model"),
        (("requestModel", "modelUsed"), "modelUsed"),
        (("model", "name of another kind"), "model"),
    ],
)
def test_in_a_table_the_names_of_the_columns_say_which_model_answered(init, calls, fields, teacher):
    rows = [
        {"said": call.text, "topic": call.label, fields[0]: "mine", fields[1]: f"m-{call.n % 2}-2026-01-01"}
        for call in calls
    ]
    assert init({"log.jsonl": rows}).spec["traces"]["format"]["model"] == teacher


def test_a_version_of_gemini_is_a_model_that_answered(init, calls):
    def said(call):
        content = {"role": "model", "parts": [{"text": call.label}]}
        return {"candidates": [{"content": content, "finishReason": "STOP"}], "modelVersion": f"gemini-{call.n % 2}"}

    rows = [{"q": {"model": "mine", **asked(call)}, "a": said(call)} for call in calls]
    assert init({"log.jsonl": rows}).spec["traces"]["format"]["model"] == "a.modelVersion"


def test_a_product_that_the_answer_names_is_no_teacher(init, calls):
    rows = [
        {"model": "m-1", "ask": call.text, "resp": json.dumps({"topic": call.label, "model": f"phone {call.n % 3}"})}
        for call in calls
    ]
    assert init({"log.jsonl": rows}).spec["traces"]["format"]["model"] == "model"


@pytest.mark.parametrize("write", WAYS, ids=lambda write: write.__name__)
def test_what_was_refused_or_cut_short_counts_against_agreement(init, calls, write):
    def answered(call):
        nothing = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        if call.n % 12 == 5:
            return body(call, message=nothing, finish_reason="content_filter")
        return body(call, finish_reason="length") if call.n % 12 == 7 else body(call)

    outcome = init({"log.jsonl": [write(call, asked(call), answered(call)) for call in calls]})
    assert outcome.code == 0, outcome.err
    place = WAYS[write][1]
    rules = {
        "truncated": f"truncated({place})",
        "refusal": f"refused({place})",
        "nothing answered": f"said_nothing({place})",
    }
    assert outcome.spec["traces"]["format"]["unanswered"] == rules
    assert len(outcome.texts) == len(calls)
    assert outcome.accounting.unusable == {"refusal": 6, "truncated": 6}
    assert not outcome.accounting.dropped


FAILURES = {
    "an error": lambda call: {"error": {"message": "rate limit", "code": 429}},
    "a refusal": lambda call: body(call, message={"content": None, "refusal": "no"}, finish_reason="stop"),
    "an answer that is cut short": lambda call: body(
        call, message={"role": "assistant", "content": '{"topic": "bill'}, finish_reason="length"
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_id_is_found_where_a_call_was_made_again_after(failure, init, calls):
    def rows():
        for call in calls:
            if call.n % 12 == 5:
                yield as_text(call, asked(call), FAILURES[failure](call))
            yield as_text(call, asked(call), body(call))

    outcome = init({"log.jsonl": list(rows())})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["format"]["id"] == "id"
    assert len(set(outcome.texts)) == len(outcome.texts) == len(calls)


def test_an_id_under_which_other_things_are_asked_is_none_though_some_had_no_answer(init, calls):
    def rows():
        for call in calls:
            yield as_text(call._replace(n=call.n // 12 * 12 if call.n % 12 == 5 else call.n), asked(call), body(call))

    assert init({"log.jsonl": list(rows())}).spec["traces"]["format"]["id"] == "from_json(resp).id"


def test_a_key_inside_the_answer_that_gives_its_labels_is_no_other_field(init, calls):
    def answered(call):
        said = json.dumps({"topic": call.label, "sure": 0.5})
        fenced = f"```json\n{said}\n```" if call.n % 6 == 0 else said
        return body(call, message={"role": "assistant", "content": fenced})

    rows = [as_text(call, asked(call), answered(call)) for call in calls]
    outcome = init({"log.jsonl": rows})
    assert outcome.spec["traces"]["format"]["label"] == "answered(from_json(resp))"
    assert "label?" not in outcome.out
    for row, call in zip(rows, calls, strict=True):
        row["verdict"] = call.label[::-1]
    assert "label?" in init({"log.jsonl": rows}, "--force").out


def test_spellings_of_labels_in_json_are_one_label(init, calls):
    said = {"delivery": "Parcel Delivery", "invoice": "wrong_invoice", "login": "no_login", "praise": "much_praise"}
    rows = [
        as_text(call, asked(call), body(call._replace(label=said[call.label] if call.n != 4 else "parcel_delivery")))
        for call in calls
    ]
    outcome = init({"log.jsonl": rows})
    assert outcome.spec["traces"]["labels"]["normalize"] == ["json:topic", "casefold", "join:_"]
    assert Counter(outcome.labels) == dict.fromkeys(said.values(), 18)  # the commonest spelling of each
    assert outcome.spec["traces"]["labels"]["aliases"] == {"parcel_delivery": "Parcel Delivery"}
    assert "made up?" not in outcome.out


def test_an_answer_in_json_is_taken_whole_though_its_labels_are_spelled_in_several_ways(init, calls):
    rows = [
        {"q": c.text, "a": json.dumps({"topic": c.label if c.n % 5 else c.label.title(), "id": c.n, "sure": c.n / 72})}
        for c in calls
    ]
    outcome = init({"log.jsonl": rows})
    assert outcome.spec["traces"]["format"]["label"] == "a"
    assert outcome.spec["traces"]["labels"]["normalize"] == ["json:topic", "casefold"]
