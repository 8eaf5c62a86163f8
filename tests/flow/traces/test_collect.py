import hashlib
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats import compile_format, find_format
from tracer_spec.builtin.formats.raw import Raw
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.errors import DataError, SpecError
from tracer_spec.flow.traces import accounting as why
from tracer_spec.flow.traces.collect import collect
from tracer_spec.plugin import Record
from tracer_spec.text_steps.cutter import TextCutter
from tracer_spec.text_steps.labels import LabelCleaner

DATA = Path(__file__).parents[4] / "shared" / "data"
NATIVE = compile_format(find_format("native")).traces
KEYED = compile_format(
    find_format({"text": "text", "label": "label", "group": "user", "where": "keep != `false`"})
).traces


a_raw = partial(Raw, text="a", label="b")


def records(*data):
    return [Record(f"t.jsonl:{line}", each) for line, each in enumerate(data, 1)]


def gather(*data, read=NATIVE, cleaner=None, **settings):
    return collect(records(*data), read, cleaner or LabelCleaner(), **settings)


def test_columns_hold_what_the_records_say():
    traces = gather(
        {"id": 7, "input": " where? ", "teacher": "lost\nor not", "timestamp": 5, "ground_truth": "found "},
        {"input": "hello", "teacher": 3},
    )
    assert traces.texts == (" where? ", "hello")
    assert traces.labels == ("lost", "3")
    assert traces.ids == ("7", None)
    assert traces.truths == ("found", None)
    assert traces.groups == (None, None)
    assert traces.vectors is None
    assert traces.rows.tolist() == [0, 1]
    np.testing.assert_array_equal(traces.times, [5.0, math.nan])


def test_texts_are_taken_out_of_their_prompts_and_those_that_do_not_match_are_counted():
    cut = TextCutter(["after:Text: "]).cut
    asked = ["Text: a", "Text: Text: b", "Summarise.", "Text: ", None, "Text: a"]
    data = [{"id": n, "input": text, "teacher": "x"} for n, text in enumerate(asked)]
    traces = gather(*data, cut=cut, on_error="drop")
    assert traces.texts == ("a", "Text: b", "a")
    assert dict(traces.accounting.dropped) == {"no text": 1, "empty text": 1, "no match": 1}
    assert traces.accounting.notes == (
        "a text that 'traces.extract' would cut again where it is routed without its prompt, on 1 trace",
        "1 text that 'traces.extract' does not match left out: the certificate speaks of those that it matches",
    )
    assert gather(*data[:3], cut=cut).accounting.kept == 2


def test_the_record_of_an_id_that_matches_is_the_one_that_counts():
    """An agent's other calls may share the id of the call that classified."""
    data = [{"id": 1, "input": text, "teacher": label} for text, label in (("Plan.", "steps"), ("Text: a", "x"))]
    traces = gather(*data, cut=TextCutter(["after:Text: "]).cut)
    assert (traces.texts, traces.labels, dict(traces.accounting.dropped)) == (("a",), ("x",), {"no match": 1})


def test_where_nothing_matches_the_message_names_the_steps():
    with pytest.raises(DataError) as caught:
        gather({"input": "a", "teacher": "x"}, cut=TextCutter(["after:Text: "]).cut)
    assert caught.value.problems[0].what == "none of 1 record is a usable trace: no match (1)"
    assert caught.value.problems[0].hint == "look at 'traces.extract': it says how a text is taken out of its prompt"


@pytest.mark.parametrize("on_error", ["fail", "drop"])
def test_where_the_text_is_an_object_the_message_says_how_to_join_its_parts(on_error):
    data = [{"input": {"subject": f"order {n}", "body": "b"}, "teacher": "x"} for n in range(3)]
    with pytest.raises(DataError) as caught:
        gather(*data, on_error=on_error)
    hint = caught.value.problems[0].hint
    assert hint.startswith("where the text is an object, join its parts, as 'traces.format: ")
    written = yaml.safe_load(hint.partition("as '")[2].partition("}'")[0] + "}")
    read = compile_format(find_format(written["traces.format"])).traces
    assert gather(*data, read=read).texts == tuple(f"order {n}\nb" for n in range(3))


def test_where_the_text_is_the_messages_of_a_chat_the_message_says_what_finds_the_format():
    data = [{"input": [{"role": "user", "content": f"q{n}"}], "teacher": "x"} for n in range(3)]
    with pytest.raises(DataError) as caught:
        gather(*data, on_error="drop")
    assert "another format: 'tracer-spec init --traces FILE' finds out which" in caught.value.problems[0].hint


def test_where_no_answer_is_a_label_the_message_names_the_steps_that_would_read_them():
    data = [{"input": f"q{n}", "teacher": f'{{"intent": "{"ab"[n % 2]}"}}'} for n in range(60)]
    with pytest.raises(DataError) as caught:
        gather(*data, cleaner=LabelCleaner(["json:label"]))
    assert caught.value.problems[0].hint == (
        """these steps would read them: 'traces.labels.normalize: ["json:intent", "strip"]'"""
    )


def test_where_answers_are_lists_the_message_says_what_a_router_needs():
    with pytest.raises(DataError) as caught:
        gather(*[{"input": f"q{n}", "teacher": ["a", "b"]} for n in range(3)])
    assert caught.value.problems[0].what == "none of 3 traces has a usable label: several labels (3)"
    assert caught.value.problems[0].hint == (
        "a router gives one label: ask the teacher for one, or take one of a list by its place, as 'json:labels.0' does"
    )


def test_a_source_that_yields_no_record_first_loses_nothing_in_silence():
    """Whoever ships the source is told: it was taken for the end of the records."""
    with pytest.raises(AttributeError):
        collect([None, *records({"input": "a", "teacher": "b"})], NATIVE, LabelCleaner())


def test_every_record_that_is_not_kept_is_counted_by_reason_with_addresses():
    traces = collect(
        [
            Record("t.jsonl:1", {}, "invalid JSON at column 2: expecting value"),
            *[
                Record(f"t.jsonl:{line}", data)
                for line, data in enumerate(
                    [
                        {"text": None, "label": "a"},
                        {"text": 3, "label": "a"},
                        {"text": " ", "label": "a"},
                        {"text": "\ud83d", "label": "a"},
                        {"text": "x", "label": None},
                        {"text": "x", "label": "a", "keep": False},
                        {"text": "x", "label": "a"},
                    ],
                    2,
                )
            ],
        ],
        KEYED,
        LabelCleaner(),
        on_error="drop",
    )
    assert list(traces.accounting.dropped.items()) == [
        ("unreadable record", 1),
        ("no text", 1),
        ("text is not a string", 1),
        ("empty text", 1),
        ("text is not valid Unicode", 1),
        ("no label", 1),
        ("excluded by where", 1),
    ]
    assert traces.accounting.examples["empty text"] == ("t.jsonl:4",)
    assert (traces.accounting.read, traces.accounting.kept, len(traces)) == (8, 1, 1)
    assert traces.rows.tolist() == [7]


def test_a_text_that_shows_nothing_is_empty_as_is_an_answer():
    """Messengers send joiners and marks of direction alone where a message holds a picture."""
    texts = ["\u200b", " \u2060\n", "\ufeff", "\u200e\u202c", "\u3164", "\u00ad", "\u200bhi", "?", "\u0641"]
    traces = gather(*({"id": n, "input": text, "teacher": "a"} for n, text in enumerate(texts)), on_error="drop")
    assert (traces.texts, dict(traces.accounting.dropped)) == (tuple(texts[6:]), {"empty text": 6})
    assert LabelCleaner().clean("\u200b") == ("", "empty label")


def test_bad_records_fail_by_default_with_the_first_few_addresses_and_the_remedy():
    bad = [{"input": "", "teacher": "a"}] * 3 + [{"input": "x"}] * 4
    with pytest.raises(DataError) as caught:
        gather({"input": "my private text", "teacher": "a"}, *bad)
    assert str(caught.value).splitlines() == [
        "traces.on_error",
        "  7 of 8 records cannot be used: empty text (3), no label (4)",
        "  hint: fix them, leave them out with 'traces.format.where', or drop and count: 'on_error: drop'",
        "t.jsonl:2",
        "  empty text",
        "t.jsonl:3",
        "  empty text",
        "t.jsonl:4",
        "  empty text",
        "t.jsonl:5",
        "  no label: the record has the keys input",
        "t.jsonl:6",
        "  no label: the record has the keys input",
    ]


def test_records_left_out_on_purpose_and_copies_are_no_failure():
    good = {"text": "x", "label": "a", "id": "1"}
    read = compile_format(
        find_format({"text": "text", "label": "label", "id": "id", "where": "keep != `false`"})
    ).traces
    traces = gather(good, good, {**good, "keep": False}, read=read, on_error="fail")
    assert dict(traces.accounting.dropped) == {"excluded by where": 1, "duplicate id": 1}


def test_of_records_with_one_id_the_first_that_can_be_used_is_kept():
    traces = gather(
        {"id": "e1", "input": "x"},
        {"id": "e1", "input": "x", "teacher": "first answer"},
        {"id": "e1", "input": "x", "teacher": "second answer"},
        {"id": "e2", "input": "x", "teacher": "other"},
        on_error="drop",
    )
    assert traces.labels == ("first answer", "other")
    assert dict(traces.accounting.dropped) == {"no label": 1, "duplicate id": 1}


def test_blank_ids_and_ids_that_are_no_strings_or_numbers_tell_nothing_apart():
    odd = ["", " ", True, [], {}, math.nan, None]
    traces = gather(*[{"id": each, "input": "x", "teacher": "a"} for each in odd])
    assert traces.ids == (None,) * 7
    assert traces.accounting.notes == ("an id that is blank or no string or number, on 6 traces",)


def test_an_id_that_most_records_share_is_pointed_out():
    traces = gather(*[{"id": "batch-1", "input": f"x{n}", "teacher": "a"} for n in range(5)])
    assert traces.accounting.notes == (
        "4 records repeat the id of another and 1 are left: is 'traces.format.id' the id of one event?",
    )


def test_an_answer_that_is_no_label_stays_as_a_disagreement_and_is_counted():
    traces = gather({"input": "x", "teacher": ""}, {"input": "y", "teacher": ["a"]}, {"input": "z", "teacher": "a"})
    assert traces.labels == ("", "", "a")
    assert dict(traces.accounting.dropped) == {}
    assert dict(traces.accounting.unusable) == {"empty label": 1, "several labels": 1}


def test_labels_off_the_list_stay_and_the_worst_are_listed_first():
    answers = ["a"] * 3 + ["made_up"] * 2 + ["other"] + [f"rare_{n:02}" for n in range(30)]
    traces = gather(*[{"input": "x", "teacher": each} for each in answers], cleaner=LabelCleaner(allowed=["a"]))
    assert traces.labels == tuple(answers)
    assert traces.accounting.n_unknown == 33
    listed = list(traces.accounting.unknown_labels.items())
    assert listed[:3] == [("made_up", 2), ("other", 1), ("rare_00", 1)]
    assert len(listed) == 20


def test_a_long_label_is_cut_where_it_is_listed_and_not_where_it_counts():
    ramble = "I think that " + "the customer says " * 10
    traces = gather(
        {"input": "x", "teacher": ramble}, {"input": "x", "teacher": "a"}, cleaner=LabelCleaner([], {}, ["a"])
    )
    (listed,) = traces.accounting.unknown_labels
    assert len(listed) == 60
    assert listed.endswith("…")
    assert traces.labels[0] == ramble


def test_unknown_labels_fail_where_the_spec_says_so_with_counts_and_suggestions():
    cleaner = LabelCleaner(allowed=["top_up", "refund"])
    data = [{"input": "x", "teacher": each} for each in ("top-up", "top-up", "refund", "zzz", "")]
    with pytest.raises(DataError) as caught:
        gather(*data, cleaner=cleaner, unknown="fail")
    assert str(caught.value).splitlines() == [
        "traces.labels.unknown",
        "  4 of 5 traces have no allowed label: top-up (2), zzz (1), empty label (1)",
        "  hint: 'top-up': did you mean 'top_up'?; name spellings in 'aliases', "
        "or count them as disagreement: 'unknown: disagree'",
    ]
    assert len(gather(data[2], cleaner=cleaner, unknown="fail")) == 1


def test_a_teacher_whose_model_changes_is_pointed_out():
    data = [{"input": "x", "teacher": "a", "metadata": {"model": model}} for model in ("m-1", "m-2", "m-2")]
    traces = gather(*data)
    assert list(traces.accounting.models.items()) == [("m-2", 2), ("m-1", 1)]
    assert traces.accounting.notes == (
        "2 teacher models: m-2 (2), m-1 (1); a certificate speaks of one teacher, unchanged: "
        "keep one model with 'traces.teacher'",
    )
    assert gather(data[0]).accounting.notes == ()


def test_a_prompt_whose_version_changes_is_pointed_out():
    data = [{"input": "x", "teacher": "a", "metadata": {"prompt_version": version}} for version in (1, "2", "2", " ")]
    traces = gather(*data)
    assert dict(traces.accounting.versions) == {"2": 2, "1": 1}
    assert traces.accounting.notes == (
        "2 versions of the teacher's prompt: 2 (2), 1 (1); a certificate speaks of one teacher, unchanged: "
        "keep one version with 'traces.format.where'",
    )


def test_a_change_of_the_teacher_is_told_with_the_days_it_was_seen():
    days = {"m-1": ("2026-01-03", "2026-01-01", "2026-01-02"), "m-2": ("2026-01-03", "2026-02-01"), "m-3": (None,)}
    data = [
        {"input": "x", "teacher": "a", "timestamp": day, "metadata": {"model": model}}
        for model, seen in days.items()
        for day in seen
    ]
    told = "m-1 (3, 2026-01-01 to 2026-01-03), m-2 (2, 2026-01-03 to 2026-02-01), m-3 (1)"
    assert gather(*data).accounting.notes[0].startswith(f"3 teacher models: {told}; ")


@pytest.mark.parametrize("time", [1e18, -1e15, math.nan, math.inf])
def test_a_time_beyond_any_calendar_is_left_out_of_what_is_told(time):
    raws = [a_raw(text="x", label="a", model=model, time=time) for model in ("m-1", "m-2")]
    notes = collect([Record("a:1", {})], giving(*raws), LabelCleaner([])).accounting.notes
    assert any(note.startswith("2 teacher models: m-1 (1), m-2 (1); ") for note in notes)


def test_what_another_teacher_answered_is_dropped_where_one_is_named():
    data = [
        {"input": "x", "teacher": "a", "metadata": {"model": model}} for model in ("m-1", "m-2", "m-3", None, ["m"])
    ]
    broken = {"teacher": "a", "metadata": {"model": "m-3"}}  # what is wrong with another's records is no matter
    traces = gather(*data, broken, teachers=("m-1", "m-2"))
    assert dict(traces.accounting.dropped) == {"other teacher model": 4}
    assert traces.accounting.kept == 2
    with pytest.raises(DataError, match=r"none of 6 records is a usable trace: other teacher model \(6\)"):
        gather(*data, broken, teachers=("m-9",))


CUT = compile_format(
    find_format({"text": "q", "label": "a", "id": "id", "unanswered": {"truncated": "cut", "refusal": "!a"}})
).traces


def test_an_answer_cut_short_or_refused_stays_as_a_disagreement_whatever_it_says():
    data = [{"q": "x", "a": "b"}, {"q": "y", "a": "b", "cut": True}, {"q": "z"}]
    traces = gather(*data, read=CUT)
    assert traces.labels == ("b", "", "")
    assert dict(traces.accounting.unusable) == {"truncated": 1, "refusal": 1}
    assert dict(traces.accounting.dropped) == {}
    with pytest.raises(DataError, match=r"2 of 3 traces have no allowed label: refusal \(1\), truncated \(1\)"):
        gather(*data, read=CUT, unknown="fail")


def test_a_retry_of_an_answer_left_out_is_kept():
    data = [{"id": 1, "q": "x", "a": "b", "cut": True}, {"id": 1, "q": "x", "a": "c"}, {"id": 2, "q": "y"}]
    traces = gather(*data, read=CUT, unanswered="drop")
    assert traces.labels == ("c",)
    assert dict(traces.accounting.dropped) == {"refusal": 1, "truncated": 1}
    assert traces.accounting.notes == (
        "2 answers cut short or refused and left out: the certificate speaks of inputs that the teacher answers",
    )


def test_answers_that_are_all_cut_short_are_an_error_that_names_the_rule():
    with pytest.raises(DataError) as caught:
        gather({"q": "x", "a": "b", "cut": True}, {"q": "y", "a": "c", "cut": True}, read=CUT)
    (problem,) = caught.value.problems
    assert problem.what == "none of 2 traces has a usable label: truncated (2)"
    assert problem.hint == (
        "where these are labels after all: 'traces.format.unanswered: {truncated: null}', over the preset"
    )


def test_a_rule_that_skips_is_no_failure_and_is_counted_by_its_reason():
    wanted = {"text": "q", "label": "a", "skip": {"test traffic": "user == 'bot'", "error status": "code != `200`"}}
    data = [{"q": "x", "a": "b", "code": 200}, {"q": "x", "a": "b", "user": "bot"}, {"code": 500}]
    traces = gather(*data, read=compile_format(find_format(wanted)).traces)
    assert dict(traces.accounting.dropped) == {"error status": 1, "test traffic": 1}


def test_times_that_are_not_understood_are_counted():
    traces = gather({"input": "x", "teacher": "a", "timestamp": "tomorrow"}, {"input": "x", "teacher": "a"})
    assert np.isnan(traces.times).all()
    assert traces.accounting.notes == (
        "a time that is neither ISO 8601 nor a number since 1970, and is not read, on 1 trace",
    )


def test_nothing_usable_is_an_error_that_says_where_to_look():
    with pytest.raises(DataError) as caught:
        gather({"question_text": "x", "teacher": "a"}, {"question_text": "y", "teacher": "a"})
    assert str(caught.value).splitlines() == [
        "traces",
        "  none of 2 records is a usable trace: no text (2)",
        "  hint: look at 'traces.format': it says where text and label lie inside a record; 'tracer-spec init --traces FILE' "
        "finds out where that is",
        "t.jsonl:1",
        "  no text: the record has the keys question_text, teacher",
        "t.jsonl:2",
        "  no text: the record has the keys question_text, teacher",
    ]
    with pytest.raises(DataError, match="none of 0 records is a usable trace: no record was read"):
        gather()


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (why.NO_VECTOR, "where the vector lies in a record"),
        (why.NO_MATCH, "'traces.extract'"),
        (why.NO_TEXT, "'traces.format'"),
    ],
)
def test_nothing_usable_is_told_where_to_look_by_the_commonest_reason(reason, remedy):
    tally = why.Tally()
    tally.drop(reason, "t.jsonl:1")
    with pytest.raises(DataError) as caught:
        tally.close("fail", "disagree", None)
    assert remedy in caught.value.problems[0].hint


def test_records_in_another_encoding_are_told_to_be_saved_in_utf_8():
    tally = why.Tally()
    tally.drop(why.UNREADABLE, "t.jsonl:1", "invalid UTF-8 at byte 46")
    with pytest.raises(DataError) as caught:
        tally.close("fail", "disagree", None)
    assert caught.value.problems[0].hint == "save it as UTF-8: JSON has no other encoding"


def test_labels_that_are_all_unusable_are_an_error_that_names_the_setting():
    with pytest.raises(DataError) as caught:
        gather({"input": "x", "teacher": {"intent": "a"}}, {"input": "y", "teacher": ""})
    assert str(caught.value).splitlines() == [
        "traces.labels",
        "  none of 2 traces has a usable label: empty label (1), label is an object (1)",
        "  hint: look at 'traces.labels.normalize': it turns the teacher's answer into a label",
    ]


def test_vectors_are_kept_where_they_are_needed_and_a_trace_without_one_is_dropped():
    data = [
        {"embedding": [1, 0.5], "teacher": "a"},
        {"embedding": "AAAA", "teacher": "a"},
        {"embedding": [[1], [2]], "teacher": "a"},
        {"embedding": [1e300, 1], "teacher": "a"},
        {"teacher": "a"},
    ]
    traces = gather(*data, need_text=False, need_vector=True, on_error="drop")
    assert traces.texts == ("",) * 4
    assert dict(traces.accounting.dropped) == {"no vector": 1}
    assert traces.vectors[0].dtype == np.float32
    assert [np.asarray(each).tolist() for each in traces.vectors] == [
        [1, 0.5],
        "AAAA",
        [[1], [2]],
        [math.inf, 1],
    ]
    assert gather({"input": "x", "embedding": [1], "teacher": "a"}).vectors is None


def test_a_setting_that_does_not_exist_is_an_error():
    with pytest.raises(SpecError, match="'dropp' is not one of fail, drop"):
        gather(on_error="dropp")
    with pytest.raises(SpecError, match="'ignore' is not one of disagree, fail"):
        gather(unknown="ignore")
    with pytest.raises(SpecError, match="'keep' is not one of disagree, drop"):
        gather(unanswered="keep")


def test_take_gives_the_rows_asked_for_in_that_order():
    traces = gather(*[{"id": n, "input": f"t{n}", "teacher": f"l{n}", "timestamp": n} for n in range(5)])
    part = traces.take(np.array([3, 1]))
    assert (part.texts, part.labels, part.ids) == (("t3", "t1"), ("l3", "l1"), ("3", "1"))
    assert (part.times.tolist(), part.rows.tolist(), len(part)) == ([3.0, 1.0], [3, 1], 2)
    assert len(traces.take([])) == 0


def giving(*raws):
    return lambda records: [(record.where, raw) for record in records for raw in raws]


def one(**parts):
    raw = a_raw(**parts)
    return collect([Record("a:1", {})], giving(raw), LabelCleaner([]), need_vector=raw.vector is not None)


def test_the_digest_changes_with_every_part_and_with_nothing_else():
    base = {"text": "a", "label": "b", "id": "c", "time": 1.0, "truth": "d", "group": "e", "vector": [1.0]}
    variants = [base] + [
        {**base, part: other}
        for part, others in {
            "text": ("A",),
            "label": ("B",),
            "id": ("C", None),
            "time": (1.5, None),
            "truth": ("D", None),
            "group": ("E", None),
            "vector": ([2.0], [1.0, 0.0]),
        }.items()
        for other in others
    ]
    assert len({one(**variant).digest for variant in variants}) == len(variants)
    there = collect([Record("/elsewhere:9", {})], giving(a_raw(**base)), LabelCleaner([]), need_vector=True)
    assert there.digest == one(**base).digest


def test_the_digest_tells_apart_rows_that_would_read_alike_end_to_end():
    ab, ba = gather({"input": "ab", "teacher": "c"}), gather({"input": "a", "teacher": "bc"})
    assert ab.digest != ba.digest
    two = gather({"input": "x", "teacher": "a"}, {"input": "y", "teacher": "a"})
    assert two.digest != two.take([1, 0]).digest


def test_the_digest_is_pinned():
    # a change of it empties every cache and every lock's history: see the docstring before changing this
    row = b"1,1,1,-,-,-,-:c" + b"a" + b"b"
    assert gather({"id": "c", "input": "a", "teacher": "b"}).digest == (
        hashlib.sha256(b"tracer-spec traces 1\0" + row).hexdigest()
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
native_keys = st.sampled_from(
    ["input", "text", "teacher", "label", "id", "timestamp", "ground_truth", "metadata", "embedding"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(native_keys, json_values, max_size=9), max_size=6), st.booleans(), st.booleans())
def test_whatever_records_hold_each_is_kept_or_counted(data, need_text, need_vector):
    good = {"input": "x", "teacher": "a", "embedding": [1.0]}
    traces = gather(*data, good, on_error="drop", need_text=need_text, need_vector=need_vector)
    accounting = traces.accounting
    assert accounting.read == len(data) + 1 == accounting.kept + sum(accounting.dropped.values())
    assert len(traces) == accounting.kept == len(traces.texts) == len(traces.times) == len(traces.rows)
    ids = [each for each in traces.ids if each is not None]
    assert len(ids) == len(set(ids))
    assert traces.labels.count("") == sum(accounting.unusable.values())
    assert len(traces.digest) == 64
    assert len(list(traces.contents())) == len(traces)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real traces in ../shared/data")
@pytest.mark.parametrize("model", ["claude_4_5_sonnet", "gpt_5_2", "gpt_5_mini"])
def test_real_answers_of_llms_are_read_cleaned_and_counted(model):
    path = DATA / f"banking77_{model}_500.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines = (DATA / "banking77_train.jsonl").read_text(encoding="utf-8").splitlines()
    allowed = sorted({json.loads(line)["teacher"] for line in lines})
    cleaner = LabelCleaner(["strip", "first-line"], {}, allowed)
    traces = collect(JsonLines(JsonLinesOptions(path=str(path))).records(), NATIVE, cleaner, on_error="drop")
    # the last line of each file has no text
    assert (traces.accounting.read, traces.accounting.kept) == (501, 500)
    assert dict(traces.accounting.dropped) == {"empty text": 1}
    assert traces.texts == tuple(row["input"] for row in rows[:-1])
    assert traces.labels == tuple(row["teacher"].split("\n")[0] for row in rows[:-1])
    assert traces.truths == tuple(row["ground_truth"] for row in rows[:-1])
    assert traces.accounting.n_unknown == sum(label not in allowed for label in traces.labels)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real traces in ../shared/data")
def test_the_whole_of_banking77_has_its_77_labels():
    traces = collect(
        JsonLines(JsonLinesOptions(path=str(DATA / "banking77_train.jsonl"))).records(), NATIVE, LabelCleaner()
    )
    assert len(traces) == 10_003
    assert len(set(traces.labels)) == 77


def test_labels_that_look_alike_are_pointed_out_in_one_note():
    answers = ["refund", "Refund", "refund", "refund\u200b", "top up", "top\u00a0up", "loan"]
    (note,) = gather(*({"input": "a", "teacher": each} for each in answers)).accounting.notes
    assert note == (
        "labels that differ in case, blanks, hyphens, a prefix, invisible characters or letters that look alike: "
        "'refund' (2), 'Refund' (1) and 'refund\\u200b' (1: ZERO WIDTH SPACE); 'top up' (1) and 'top\\xa0up' (1: NO-BREAK "
        "SPACE); where they are one label, 'traces.labels.normalize' makes "
        "them one (casefold, join:_, prefix:TEXT and then strip), or 'traces.labels.aliases' names the spellings"
    )


def test_a_label_off_the_list_that_looks_like_one_on_it_is_pointed_out():
    cleaner = LabelCleaner(allowed=["refund", "loan"])
    data = [{"input": "a", "teacher": "Refund"}, {"input": "a", "teacher": "loan"}]
    (note,) = gather(*data, cleaner=cleaner).accounting.notes
    assert "look alike: 'Refund' (1) and 'refund' (0); where" in note
    assert gather(*data, cleaner=LabelCleaner(["casefold"], {}, ["refund", "loan"])).accounting.notes == ()


def test_labels_of_two_unicode_forms_are_one_and_need_no_note():
    answers = ["caf\u00e9", "cafe\u0301"]
    traces = gather(*({"input": "a", "teacher": each} for each in answers))
    assert (traces.labels, traces.accounting.notes) == (("caf\u00e9",) * 2, ())


def test_a_log_without_the_teachers_name_is_told_to_look_at_the_teacher():
    with pytest.raises(DataError) as error:
        gather({"input": "a", "teacher": "x"}, teachers=("gpt-5",))
    (problem,) = error.value.problems
    assert problem.hint.startswith("look at 'traces.teacher': it names the models whose answers count")


def test_another_text_under_the_id_of_an_earlier_one_is_told_however_few_they_are():
    first = [{"id": f"session {n}", "input": f"hello, question {n}", "teacher": "x"} for n in range(9)]
    again = [{"id": "session 3", "input": "and one more thing", "teacher": "y"}]
    copies = [{"id": "session 4", "input": " Hello, question 4!\n", "teacher": "x"}]
    traces = gather(*first, *again, *copies)
    assert dict(traces.accounting.dropped) == {"duplicate id": 2}
    (note,) = traces.accounting.notes
    assert note.startswith(
        "1 record left out with the id of an earlier one and another text: is 'traces.format.id' the id of"
    )
    assert gather(*first, *copies).accounting.notes == ()


def test_a_text_that_is_not_needed_is_compared_as_far_as_it_is_one():
    vectors = [{"id": "1", "input": text, "teacher": "x", "embedding": [1.0]} for text in ("\ud800", 5, None)]
    others = [{"id": f"other {n}", "teacher": "x", "embedding": [1.0]} for n in range(2)]
    traces = gather(*vectors, *others, need_text=False, need_vector=True)
    assert dict(traces.accounting.dropped) == {"duplicate id": 2}
    assert traces.accounting.notes == ()
