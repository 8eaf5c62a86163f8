"""``init`` over files of no vendor: tables, JSON of one's own, files that hold too little."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace

import pytest

pytestmark = pytest.mark.usefixtures("no_curve")


def table(header, rows):
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


HEADERS = {
    "german": ("Kennung", "Nachricht", "Kategorie"),
    "chinese": ("编号", "消息", "类别"),
    "letters": ("x", "y", "z"),
}


@pytest.mark.parametrize("language", HEADERS)
def test_values_tell_text_and_label_where_the_headers_say_nothing(init, all_found, calls, language):
    rows = [(f"k{call.n}", call.text, call.label) for call in calls]
    all_found(init({"tabelle.csv": table(HEADERS[language], rows)}))


def test_a_table_without_headers_is_refused_before_a_row_names_its_columns(init, calls):
    outcome = init({"t.csv": table((calls[0].text, calls[0].label), [(c.text, c.label) for c in calls[1:]])})
    assert (outcome.code, outcome.spec) == (1, None)
    assert outcome.err.startswith("t.csv\n  the first line is a row of the table, not its headers\n")
    assert "'traces: {use: csv, with: {path: t.csv, header: [column_1, column_2]}}'" in outcome.err
    assert calls[0].text not in outcome.err
    rows = "".join(f"{n}\t{call.text}\t{call.label}\n" for n, call in enumerate(calls))
    outcome = init({"t.tsv": rows})
    assert '{path: t.tsv, delimiter: "\\t", header: [column_1, column_2, column_3]}' in outcome.err


def test_texts_in_a_script_without_spaces_are_texts(init, calls):
    said = {
        "delivery": "我的包裹{}还没有送到",
        "invoice": "第{}号发票金额不对",
        "login": "我从{}点开始无法登录",
        "praise": "谢谢你们的好服务{}",
    }
    rows = [{"内容": said[call.label].format(call.n), "标签": call.label} for call in calls]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["format"] == {"text": '"内容"', "label": '"标签"'}


def test_a_constant_or_lopsided_column_is_no_label(init, all_found, calls):
    rows = [
        {"said": call.text, "environment": "default", "region": "eu" if call.n % 9 else "us", "topic": call.label}
        for call in calls
    ]
    all_found(init({"log.jsonl": rows}))


def test_columns_that_could_both_be_the_label_stop_it_until_one_is_named(init, calls):
    rows = [{"said": call.text, "p": call.label, "q": call.label[::-1]} for call in calls]
    outcome = init({"log.jsonl": rows})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "p and q could each be the LLM's answer" in outcome.err
    assert "hint: say which it is: --label p, or --label q" in outcome.err
    named = init({"log.jsonl": rows}, "--label", "q")
    assert named.code == 0, named.err
    assert set(named.labels) == {call.label[::-1] for call in calls}


def test_model_time_group_and_a_humans_label_are_mapped_beside_keys_of_native(init, calls):
    rows = [
        {"input": call.text, "teacher": call.label, "model": "m-1", "created": call.time, "customer_id": f"c{call.n % 9}",
         "human": call.label if call.n % 3 else "praise", "key": f"r{call.n}"}
        for call in calls
    ]  # fmt: skip
    outcome = init({"log.jsonl": rows})
    assert outcome.spec["traces"]["format"] == {
        "preset": "native",
        "id": "key",
        "time": "created",
        "truth": "human",
        "model": "model",
        "group": "customer_id",
    }
    assert outcome.accounting.models == {"m-1": 72}


def test_ids_that_come_again_are_ids_of_calls_only_where_text_and_answer_do_too(init, calls):
    twice = [{"q": c.text, "a": c.label, "request_id": f"r{c.n}"} for c in calls for _ in range(1 + c.n % 2)]
    retried = init({"log.jsonl": twice})
    assert retried.spec["traces"]["format"]["id"] == "request_id"
    assert (len(retried.texts), retried.accounting.dropped) == (72, {"duplicate id": 36})
    tickets = [{"q": c.text, "a": c.label, "ticket_id": f"r{c.n - c.n % 2}"} for c in calls]
    assert "id" not in init({"log.jsonl": tickets}, "--force").spec["traces"]["format"]
    customers = [{"q": c.text, "a": c.label, "customer_id": f"r{c.n}"} for c in calls]
    assert "id" not in init({"log.jsonl": customers}, "--force").spec["traces"]["format"]


def test_whole_numbers_as_labels_are_no_times(init, calls):
    outcome = init({"log.jsonl": [{"text": c.text, "target": c.n % 4, "pred": (c.n + 1) % 4} for c in calls]})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["format"] == {"text": "text", "label": "pred", "truth": "target"}


def test_a_change_of_the_teacher_is_told_of(init, calls):
    rows = [{"input": c.text, "teacher": c.label, "model": "old" if c.n < 30 else "new"} for c in calls]
    outcome = init({"log.jsonl": rows})
    assert "2 teacher models: new (42), old (30)" in outcome.out


def test_subject_and_body_are_read_together(init, calls):
    rows = [
        {"mail": {"subject": f"about {call.label} and more {call.n}", "body": call.text}, "label": call.label}
        for call in calls
    ]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert outcome.texts[0] == f"about {calls[0].label} and more 0 {calls[0].text}"


def test_a_label_in_a_list_of_one_is_taken_out_of_it(init, all_found, calls):
    all_found(init({"log.jsonl": [{"input": call.text, "labels": [call.label]} for call in calls]}))


def test_json_inside_a_column_is_looked_into(init, all_found, calls):
    rows = [(call.n, json.dumps({"question": call.text, "answer": {"topic": call.label}})) for call in calls]
    all_found(init({"log.csv": table(("n", "payload"), rows)}))


def test_a_log_sorted_by_label_is_sampled_to_its_end(init, calls):
    rows = [{"q": f"{call.text} {n}", "a": call.label} for call in calls[:4] for n in range(600)]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert len(set(outcome.labels)) == 4


def test_lists_of_labels_and_objects_of_scores_are_refused_in_a_sentence(init, calls):
    several = init({"a.jsonl": [{"input": c.text, "teacher": json.dumps({"labels": [c.label, "x"]})} for c in calls]})
    assert (several.code, several.spec) == (1, None)
    assert "the answers are lists of labels at 'labels'; a router gives one label" in several.err
    scores = [{"input": c.text, "teacher": json.dumps({"login": c.n % 7, "praise": c.n % 5}, indent=1)} for c in calls]
    refused = init({"a.jsonl": scores})
    assert (refused.code, refused.spec) == (1, None)
    assert "a number under each key, and no label; keys: login (numbers), praise (numbers)" in refused.err
    assert "hint: write the label into a field of its own" in refused.err


ANSWERS = {
    "thought": lambda call: f"<think>\nCould be {call.n} things.\n</think>\n\n{call.label}",
    "prose": lambda call: f"Here is the JSON: {json.dumps({'topic': call.label})}",
    "python": lambda call: str({"topic": call.label, "sure": True}),
    "prefix": lambda call: f"Label: {call.label}",
    "capitals": lambda call: call.label.title() if call.n % 3 else call.label,
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_become_labels(init, all_found, calls, kind):
    outcome = init({"log.jsonl": [{"input": c.text, "teacher": ANSWERS[kind](c)} for c in calls]})
    if kind == "capitals":  # of each label the commonest spelling
        assert {*outcome.labels} == {call.label.title() for call in calls}
        outcome = replace(outcome, labels=tuple(map(str.lower, outcome.labels)))
    all_found(outcome)


def test_keys_that_could_both_be_the_label_are_told(init, calls):
    said = [{"p": c.label.title() if c.n % 3 else c.label, "q": "xyZXyz"[c.n % 6], "why": c.text} for c in calls]
    rows = [{"input": c.text, "teacher": json.dumps(answer)} for c, answer in zip(calls, said, strict=True)]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0
    assert "json:q; could be json:p as well" in outcome.out or "json:p; could be json:q as well" in outcome.out


def test_whole_numbers_are_labels(init, calls):
    rows = [{"input": call.text, "teacher": json.dumps({"label": call.n % 4})} for call in calls]
    assert set(init({"log.jsonl": rows}).labels) == {"0", "1", "2", "3"}


def test_answers_that_say_none_are_told_of(init, calls):
    outcome = init({"log.jsonl": [{"input": c.text, "teacher": c.label if c.n % 4 else "None"} for c in calls]})
    assert outcome.code == 0
    assert "None" not in outcome.labels
    assert "(label is None or null)" in outcome.out


def test_what_a_layout_leaves_out_is_told(init, calls):
    old, new = ("q", "a"), ("question", "answer")
    rows = [dict(zip(new if c.n % 3 else old, (c.text, c.label), strict=True)) for c in calls]
    outcome = init({"log.jsonl": rows})
    assert (outcome.code, len(outcome.texts)) == (0, 48)
    assert "left out  no text 24\n" in outcome.out


def test_a_rare_label_of_two_is_no_invention(init, calls):
    rows = [
        {"message": f"{call.text} {n}", "is_spam": "spam" if call.n % 30 == 7 else "ham"}
        for n in range(2)
        for call in calls
    ]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert "made up" not in outcome.out


def test_turns_of_no_known_chat_are_not_read_as_one_text(init, calls):
    def record(call):
        turns = [{"speaker": "customer", "text": call.text}, {"speaker": "clerk", "text": "Hello!"}]
        return {"turns": turns, "topic": call.label}

    outcome = init({"log.jsonl": [record(call) for call in calls]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "turns: a list, 2 objects on average" in outcome.err


def pretty(rows):
    return "".join(json.dumps(row, indent=2) + "\n" for row in rows)


FILES = {
    "pretty.json": pretty,
    "list.json": lambda rows: json.dumps(rows),
    "lines.json": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "nan.jsonl": lambda rows: "".join(json.dumps({**row, "score": float("nan")}) + "\n" for row in rows),
    "log.jsonl.gz": lambda rows: gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()),
    "table.tsv": lambda rows: "input\tteacher\n" + "".join(f"{r['input']}\t{r['teacher']}\n" for r in rows),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_kind_are_read(init, all_found, calls, name):
    all_found(init({name: FILES[name]([{"input": call.text, "teacher": call.label} for call in calls])}))


def test_a_file_at_an_address_is_read_and_named_as_it_is(init, all_found, calls, tmp_path):
    pytest.importorskip("fsspec")
    rows = [{"input": call.text, "teacher": call.label} for call in calls]
    outcome = init({"log.jsonl": rows}, "--traces", f"file://{tmp_path}/*.jsonl")
    all_found(outcome)
    assert outcome.spec["traces"]["with"]["path"] == f"file://{tmp_path}/*.jsonl"


def test_files_of_several_kinds_are_refused(init, calls):
    rows = [{"input": call.text, "teacher": call.label} for call in calls]
    files = {"a.csv": "input,teacher\nx,y\n", "b.jsonl": rows}
    outcome = init(files, "--traces", "a.csv", "--traces", "b.jsonl")
    assert (outcome.code, outcome.err) == (
        1,
        "b.jsonl\n  is read by jsonl, and a.csv by csv; one source reads files of one kind\n"
        "  hint: name files of one kind; a spec may list several sources under 'traces'\n",
    )


def test_a_file_of_one_label_is_refused(init, calls):
    outcome = init({"log.jsonl": [{"input": call.text, "teacher": "login"} for call in calls]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "72 traces read as the format native: all 72 answers are the same" in outcome.err


def test_five_rows_are_refused_as_plan_would(init, calls):
    outcome = init({"log.jsonl": [{"input": call.text, "teacher": call.label} for call in calls[:5]]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "5 traces found, read as the format native: too few rows to fit on" in outcome.err
    assert "hint: collect more traces" in outcome.err
    outcome = init({"log.jsonl": [{"id": "one", "input": call.text, "teacher": call.label} for call in calls]})
    assert "1 trace found" in outcome.err
    assert f"{len(calls) - 1} of {len(calls)} records were left out: duplicate id" in outcome.err
    assert "collect more" not in outcome.err


def test_answers_that_never_repeat_are_refused_unless_they_are_named(init, calls):
    rows = [{"input": call.text, "teacher": f"I would say that {call.text}"} for call in calls]
    outcome = init({"log.jsonl": rows})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "different answers in" in outcome.err


def test_the_users_first_words_are_the_text_where_the_last_message_only_asks_for_the_label(init, all_found, calls):
    def record(call):
        first = {"role": "user", "content": call.text}
        last = {"role": "user", "content": "Now give only the label."}
        asked = [first, {"role": "assistant", "content": "Hm."}, last]
        said = {"role": "assistant", "content": call.label}
        return {"request": {"model": "m-1", "messages": asked}, "response": {"choices": [{"message": said}]}}

    all_found(init({"log.jsonl": [record(call) for call in calls]}))


def test_texts_that_are_all_equal_are_refused(init, calls):
    outcome = init({"log.jsonl": [{"input": "the same", "teacher": call.label} for call in calls]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "72 traces read as the format native: nearly all texts are one text" in outcome.err


def test_answers_that_never_repeat_beside_a_field_of_few_values_name_that_field(init, all_found, calls):
    rows = [{"input": c.text, "output": f"Dear customer, about {c.text}", "meta": {"intent": c.label}} for c in calls]
    outcome = init({"log.jsonl": rows})
    assert (outcome.code, outcome.spec) == (1, None)
    assert "hint: where another field is the answer: --label meta.intent" in outcome.err
    all_found(init({"log.jsonl": rows}, "--label", "meta.intent"))


def test_a_routers_decisions_are_no_traces(init, calls):
    decided = {"handled": True, "score": 0.9, "stage": 0, "reason": "handled"}
    outcome = init({"log.jsonl": [{"input": c.text, "label": c.label, **decided} for c in calls]})
    assert (outcome.code, outcome.spec) == (1, None)
    assert outcome.err.startswith("these records hold a router's decisions")


@pytest.mark.parametrize("content", ["", " \n", "\n\n"])
def test_an_empty_file_is_refused(init, content):
    outcome = init({"log.jsonl": content})
    assert (outcome.code, outcome.err) == (1, "log.jsonl\n  the file is empty\n")


def test_a_folder_is_refused_with_the_glob_to_write(init, tmp_path):
    (tmp_path / "logs").mkdir()
    outcome = init({"x": ""}, "--traces", "logs")
    assert (outcome.code, outcome.err) == (
        1,
        "logs\n  is a folder\n  hint: name the files in it, in quotes: 'logs/*.jsonl'\n",
    )
