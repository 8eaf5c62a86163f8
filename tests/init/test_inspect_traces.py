"""What ``init`` tells from a file: its source, its layout, its labels."""

from __future__ import annotations

import csv
import gzip
import json
import shlex
from pathlib import Path

import pytest

from tracer_spec.errors import DataError
from tracer_spec.init.files import SourceGuess, guess_source
from tracer_spec.init.inspect_traces import look_at, sample_of
from tracer_spec.init.layout import guess_layout
from tracer_spec.init.sample import make_traces
from tracer_spec.init.sampling import Sample
from tracer_spec.plugin import Record

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "tests" / "builtin" / "formats_data").glob("*.jsonl"))
DATA = ROOT.parent / "shared" / "data"
TRACES = make_traces(n_requests=400)


def records(rows):
    found = tuple(Record(f"f:{number}", row, "") for number, row in enumerate(rows, 1))
    return Sample(("f",), SourceGuess("jsonl"), found, is_whole=True)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_vendors_samples_are_recognized(path):
    layout = guess_layout(sample_of([str(path)]))
    assert layout.format == path.name.split(".")[0]
    assert layout.normalize == (("json:intent",) if ".tools." in path.name else ("strip", "first-line"))


@pytest.mark.usefixtures("no_curve")
def test_a_csv_with_odd_columns_is_read_by_quoted_expressions(tmp_path):
    path = tmp_path / "export.txt"
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Ticket ID", "Created At", "Customer message (é)", "LLM category", "Human label"])
        for row in TRACES:
            writer.writerow([row["id"], row["timestamp"], row["input"], row["teacher"], row["teacher"]])
    look = look_at(str(path))
    assert (look.source.use, look.source.options) == ("csv", {"delimiter": ";", "encoding": "cp1252"})
    assert look.layout.format == {
        "text": '"Customer message (é)"',
        "label": '"LLM category"',
        "id": '"Ticket ID"',  # some come twice, with the same words: retries
        "time": '"Created At"',
        "truth": '"Human label"',
    }


@pytest.mark.usefixtures("no_curve")
@pytest.mark.parametrize("text_key", ["Message text", "input"])
def test_the_teachers_model_is_read_where_the_file_has_a_column_of_it(tmp_path, text_key):
    label_key = "teacher" if text_key == "input" else "answer"
    lines = [f"{text_key},{label_key},llm model"]
    lines += [f"please help with number {i},{'ab'[i % 2]},{'old' if i < 100 else 'new'}" for i in range(200)]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    look = look_at(str(tmp_path / "log.csv"))
    assert look.layout.format["model"] == '"llm model"'
    assert [text for text in look.outlook.warnings + look.outlook.notes if "old" in text and "new" in text]


@pytest.mark.usefixtures("no_curve")
def test_nested_json_gzip_and_parquet_are_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    nested = [
        {"req": {"body": {"message": t["input"]}}, "out": {"category": t["teacher"], "score": 0.5}} for t in TRACES
    ]
    (tmp_path / "a.json").write_text(json.dumps(nested))
    (tmp_path / "b.log.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in nested).encode()))
    pq.write_table(
        pa.Table.from_pylist([{"utterance": t["input"], "prediction": t["teacher"]} for t in TRACES]), tmp_path / "c"
    )
    wanted = {"text": "req.body.message", "label": "out.category"}
    for name, use, format_ in (
        ("a.json", "json", wanted),
        ("b.log.gz", "jsonl", wanted),
        ("c", "parquet", {"text": "utterance", "label": "prediction"}),
    ):
        look = look_at(str(tmp_path / name))
        assert (look.source.use, look.layout.format) == (use, format_)
        assert look.outlook.accounting.kept == len(TRACES)


def test_an_answer_in_a_fence_is_read_by_its_key():
    answer = '```json\n{"reason": "because %d", "intent": "%s"}\n```'
    rows = [{"input": f"text number {n}", "teacher": answer % (n, "ab"[n % 2])} for n in range(40)]
    assert guess_layout(records(rows)).normalize == ("code-fence", "json:intent")


def test_fields_that_could_both_be_the_label_are_both_told():
    rows = [{"message": f"some words {n}", "a": f"x{n % 3}", "b": f"y{n % 3}"} for n in range(40)]
    assert guess_layout(records(rows)).labels == ("a", "b")
    assert guess_layout(records(rows), label="b").format == {"text": "message", "label": "b"}


def test_what_cannot_be_told_is_an_error_that_names_the_fields(tmp_path):
    with pytest.raises(DataError, match="no field looks like the text that the LLM was asked") as error:
        guess_layout(records([{"n": 1, "m": 2.5}] * 9))
    assert str(error.value).splitlines()[1:3] == [
        "  fields of 9 records looked at:",
        "    n: numbers or flags in 9 records: 1 different value, 1 character on average",
    ]
    assert error.value.problems[0].hint == "say which it is: --text JMESPATH"
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(DataError, match="the file is empty"):
        guess_source(str(tmp_path / "empty"))
    with pytest.raises(DataError, match="there is no such file"):
        guess_source(str(tmp_path / "none"))


@pytest.mark.usefixtures("no_curve")
def test_labels_that_look_made_up_are_those_of_no_human_or_far_too_rare(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [{"input": f"text {n}", "teacher": "abc"[n % 3] if n % 97 else "made up"} for n in range(600)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    look = look_at(str(path))
    assert set(look.made_up) == {"made up"}
    assert look.allowed == ("a", "b", "c")
    path.write_text("".join(json.dumps({**row, "ground_truth": "abcd"[n % 4]}) + "\n" for n, row in enumerate(rows)))
    assert look_at(str(path)).allowed == ("a", "b", "c", "d")


@pytest.mark.usefixtures("no_curve")
def test_a_made_up_label_that_is_another_spelling_of_a_humans_is_proposed_as_its_alias(init):
    labels, odd = ["pay back?", "c", "1"], ["Pay-Back", "c++", "-1"]
    rows = [
        {"input": f"text {n}", "teacher": labels[n % 3] if n % 40 else odd[n // 40 % 3], "ground_truth": labels[n % 3]}
        for n in range(1200)
    ]
    outcome = init({"log.jsonl": rows})
    assert "'Pay-Back' is read as 'pay back?'" in " ".join(outcome.out.split())
    assert outcome.spec["traces"]["labels"]["aliases"] == {"Pay-Back": "pay back?"}
    look = look_at("log.jsonl")
    assert set(look.made_up) == {"c++", "-1"}


@pytest.mark.usefixtures("no_curve")
def test_without_a_humans_word_no_rare_label_is_taken_for_another(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [{"input": f"text {n}", "teacher": ("IT", "hr")[n % 2] if n % 60 else "it"} for n in range(1200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert look_at(str(path)).aliases == {}


@pytest.mark.usefixtures("no_curve")
@pytest.mark.parametrize(
    ("text", "label", "truth", "format_"),
    [
        ("input", "teacher", "ground_truth", "native"),
        ("q", "said", "human", {"text": "q", "label": "said", "truth": "human"}),
        ("input", "teacher", "human", {"preset": "native", "truth": "human"}),
    ],
)
def test_labels_that_humans_tell_apart_by_case_stay_two(tmp_path, text, label, truth, format_):
    topics = ("IT", "it", "Billing", "Sales")
    rows = [{text: f"say {n}", label: topics[n % 4], truth: topics[n % 4]} for n in range(400)]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    look = look_at(str(path))
    assert look.layout.normalize == ("strip", "first-line")
    assert look.layout.format == format_
    assert set(look.outlook.labels) == set(topics)


@pytest.mark.usefixtures("no_curve")
def test_a_text_that_is_empty_makes_no_field_of_a_chat(tmp_path):
    rows = [{"input": f"say {n}" if n else "", "teacher": "abc"[n % 3]} for n in range(300)]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert {each.path for each in look_at(str(path)).fields.all} == {"input", "teacher"}


def test_labels_are_counted_on_fit_rows_alone(tmp_path):
    from tracer_spec.init.inspect_traces import _preview

    path = tmp_path / "t.jsonl"
    rows = [{"id": f"e{n}", "input": f"text {n}", "teacher": "ab"[n % 2]} for n in range(300)]

    def write(changed=()):
        told = [{**row, "teacher": "SECRET"} if n in changed else row for n, row in enumerate(rows)]
        path.write_text("".join(json.dumps(row) + "\n" for row in told))
        return look_at(str(path))

    before = write()
    fit = _preview(sample_of([str(path)]), before.layout).fit
    certify = set(range(300)) - set(fit.rows.tolist())
    assert len(certify) == before.outlook.certifiable.n_certify > 50
    after = write(certify)
    assert (after.outlook.labels, after.allowed, after.made_up) == (
        before.outlook.labels,
        before.allowed,
        before.made_up,
    )


def test_fewer_rows_get_a_lower_target_and_far_too_few_a_warning(tmp_path):
    from tracer_spec.init.spec_text import spec_of

    path = tmp_path / "t.jsonl"

    def look(n_rows):
        path.write_text(
            "".join(json.dumps({"input": f"text {n}", "teacher": "ab"[n % 2]}) + "\n" for n in range(n_rows))
        )
        return look_at(str(path))

    assert look(2000).target == 0.92
    assert look(100).target in (0.8, 0.85)
    few = look(12)
    assert few.target == 0.92
    assert spec_of(few, "x", ["t.jsonl"]).warning.endswith("more traces before anything can be certified")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real traces in ../shared/data")
def test_the_real_answers_are_read_and_their_made_up_labels_found():
    look = look_at(str(DATA / "banking77_gpt_5_2_500.jsonl"))
    assert look.layout.format == "native"
    assert {"chargeback", "close_account"} <= set(look.made_up)
    assert look.aliases == {"reverted_card_payment": "reverted_card_payment?"}


def test_an_option_that_a_hint_names_can_be_pasted_into_a_shell(init, calls):
    rows = [{"said": call.text, "Priorität": call.label, "Kategorie": call.label[::-1]} for call in calls]
    outcome = init({"log.jsonl": rows})
    hint = outcome.err.split("hint: say which it is: ")[1].splitlines()[0].replace(", or", "")
    assert shlex.split(hint) == ["--label", '"Priorität"', "--label", "Kategorie"]
    named = init({"log.jsonl": rows}, *shlex.split(hint)[:2])
    assert named.code == 0, named.err
    assert set(named.labels) == {call.label for call in calls}


@pytest.mark.usefixtures("no_curve")
def test_many_labels_on_few_traces_are_labels_and_sentences_are_not(tmp_path):
    path = tmp_path / "t.jsonl"

    def write(label):
        rows = [{"input": f"some words number {n}", "teacher": label.format(n=n * 7 % 75)} for n in range(150)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    assert len(look_at(write("card_topic_{n}")).outlook.labels) > 45
    with pytest.raises(DataError, match=r"different answers in \d+ traces, read as the format native: no labels"):
        look_at(write("your card is on its way, see page {n}"))


def test_where_no_target_is_likely_the_usual_one_is_kept_and_the_spec_says_what_is_nearest(tmp_path):
    import random

    from tracer_spec.init.spec_text import spec_of, spec_text

    chance = random.Random(0)
    path = tmp_path / "t.jsonl"
    rows = [{"input": f"some words number {n}", "teacher": chance.choice("abcde")} for n in range(300)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    look = look_at(str(path))
    assert look.target == 0.92
    first = spec_of(look, "x", ["t.jsonl"])
    assert first.warning == first.reason
    assert first.reason.startswith("No target from 0.8 to 0.92 is likely to be certified on these traces. Nearest: ")
    assert "# No target from 0.8 to 0.92 is likely to be certified on these traces." in spec_text(first)
    assert spec_of(look, "x", ["t.jsonl"], 0.7).reason == ""


def test_answers_that_name_several_labels_are_left_out_of_the_list_and_told(init, calls, tmp_path):
    rows = [{"id": n, "input": call.text, "teacher": call.label} for n, call in enumerate(calls)]
    rows += [
        {"id": f"b{n}", "input": f"both {n}", "teacher": f"invoice, {w}"} for n, w in enumerate(["login", "praise"] * 9)
    ]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["labels"]["allowed"] == "labels.txt"
    listed = (tmp_path / "app" / "labels.txt").read_text().splitlines()
    assert {line for line in listed if line and line[0] != "#"} == {call.label for call in calls}
    assert "answers that train name several labels at once, as 'invoice, " in outcome.out
    assert "a router gives one, so each of these is a disagreement" in outcome.out


@pytest.mark.parametrize("versions", [("v1", "v2"), (1, 2)])
def test_the_version_of_the_prompt_is_mapped_and_the_newest_certifies(init, calls, versions):
    many = [call._replace(n=call.n + 72 * again, text=f"{call.text} {again}") for again in range(5) for call in calls]
    rows = [
        {"id": f"i{at}", "input": call.text, "teacher": call.label, "timestamp": 1_790_000_000 + 600 * at,
         "prompt_version": versions[at > 180], "version": "2.31"}
        for at, call in enumerate(many)
    ]  # fmt: skip
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["format"]["version"] == "prompt_version"
    assert "prompt_version" in outcome.spec["split"]["certify_where"]


@pytest.mark.parametrize(("pairs", "listed"), [(["login", "login"], True), (["login", "praise"], False)])
def test_one_label_that_is_made_of_two_by_a_word_is_a_name(init, calls, tmp_path, pairs, listed):
    rows = [{"id": n, "input": call.text, "teacher": call.label} for n, call in enumerate(calls)]
    rows += [{"id": f"b{n}", "input": f"both {n}", "teacher": f"invoice and {pairs[n % 2]}"} for n in range(18)]
    outcome = init({"log.jsonl": rows})
    assert outcome.code == 0, outcome.err
    assert ("several labels at once" not in outcome.out) is listed
