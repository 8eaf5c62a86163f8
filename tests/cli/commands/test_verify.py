"""``verify`` as people and programs see it: what was checked, what fresh rows say, and the exit codes."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from tracer_spec.runtime import load

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "runtime" / "data"


@pytest.fixture(scope="module")
def make_traces():
    spec = importlib.util.spec_from_file_location("make_traces", ROOT / "specs" / "quickstart" / "make_traces.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_traces


@pytest.fixture(scope="module")
def fresh(make_traces):
    """Traces of the world that the bundle was built in, drawn anew: some repeat an id, and are retries."""
    return make_traces(seed=99, n_requests=800)


@pytest.fixture
def write(tmp_path):
    def to_file(rows, name="fresh.jsonl"):
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return name

    return to_file


@pytest.fixture(scope="module")
def measured(bundle, fresh, call_in, tmp_path_factory):
    """Return the outcome of a verification on fresh traces, as a story and as a document."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "fresh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in fresh))
    story = call_in("verify", str(bundle), "fresh.jsonl", cwd=folder)
    document = call_in("verify", str(bundle), "fresh.jsonl", "--json", "-q", cwd=folder)
    return story, document


# --- digests alone -----------------------------------------------------------------------------------------------------


def test_without_traces_it_says_what_it_checked_and_what_it_did_not(run, bundle):
    result = run("verify", str(bundle))
    assert (result.returncode, result.stderr) == (0, "")
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert re.match(r"intact  small [0-9a-f]{12}\n", result.stdout)
    assert f"{digest}  (compared with nothing: pin it with --sha256)" in result.stdout
    assert re.search(
        r"^  members +\d+ members, each of the size and digest that bundle\.json lists$", result.stdout, re.M
    )
    assert re.search(r"^  graph +loads, and answers vectors of 48 numbers as bundle\.json says$", result.stdout, re.M)
    assert re.search(r"^  embedder +lsa, from the bundle alone, gives the 5 probe vectors$", result.stdout, re.M)
    assert "only fresh traces can contradict it" in result.stdout


def test_a_pinned_digest_is_compared(run, bundle):
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    pinned = run("verify", str(bundle), "--sha256", digest, "--json")
    document = json.loads(pinned.stdout)
    assert (pinned.returncode, document["status"], document["measured"]) == (0, "intact", None)
    assert document["checked"]["sha256"] == "is the one asked for"
    other = run("verify", str(bundle), "--sha256", "0" * 64)
    assert (other.returncode, other.stdout) == (4, "")
    assert f"has the sha256 {digest}" in other.stderr


def test_one_bit_changed_anywhere_ends_in_exit_code_4(run, bundle, tmp_path):
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.tracer").write_bytes(data)
    result = run("verify", "bad.tracer")
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.startswith("bad.tracer  ")


def test_a_bundle_of_before_rows_were_listed_is_intact(run):
    result = run("verify", str(DATA / "format-1.tracer"))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("intact  support-intents 246a215dee1f\n")
    assert "none to check: the app brings vectors" in result.stdout


# --- fresh rows --------------------------------------------------------------------------------------------------------


def test_fresh_rows_that_agree_do_not_contradict_the_claim_and_nothing_is_called_proved(measured):
    result, _ = measured
    assert result.returncode == 0, result.stderr
    assert re.match(r"not contradicted  small [0-9a-f]{12}\n", result.stdout)
    assert "fresh rows do not contradict the claim, nor can they prove it" in result.stdout
    assert "proved" not in result.stdout
    number = r"0\.\d{3} in \[0\.\d{3}, (?:0\.\d{3}|1\.000)\]"
    for fact, counted in (
        ("agreement", "handled rows agree"),
        ("coverage", "rows are handled"),
        ("end to end", "rows get no"),
    ):
        assert re.search(rf"^  {fact} +{number}: \d+ of \d+ {counted}", result.stdout, re.M), fact
    assert (
        "(Clopper-Pearson), exact for rows that took no part in anything before and are looked at once" in result.stdout
    )
    assert "descriptive, since nothing is certified per label" in result.stdout
    assert [line.split()[0] for line in result.stderr.splitlines()] == ["open", "read", "measure"]


def test_the_document_holds_the_counts_that_routing_gives(measured, bundle, fresh):
    _, result = measured
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    found = document["measured"]
    assert (document["schema_version"], document["status"]) == (1, "not contradicted")
    assert found["claim"] == {"measure": "agreement", "target": 0.9, "confidence": 0.95}
    rows = {row["id"]: row for row in fresh}
    assert found["traces"] == {
        "read": len(fresh),
        "kept": len(rows),
        "dropped": {"duplicate id": len(fresh) - len(rows)},
    }
    assert found["left_out"] == {}
    assert found["repeats"] > 0  # another event, word for word
    batch = load(bundle).route_batch([row["input"] for row in rows.values()])
    said = [
        {"refund": "refund_status"}.get(row["teacher"].split("\n")[0], row["teacher"].split("\n")[0])
        for row in rows.values()
    ]
    k = sum(ours == theirs for ours, theirs in zip(batch.labels, said, strict=True))
    n = int(batch.handled.sum())
    assert (found["agreement"]["n"], found["agreement"]["k"], found["coverage"]["k"]) == (n, k, n)
    exact = binomtest(k, n).proportion_ci(0.95, method="exact")
    assert (found["agreement"]["lower"], found["agreement"]["upper"]) == pytest.approx((exact.low, exact.high))
    assert found["end_to_end"]["k"] == len(rows) - n + k
    final = [ours or theirs for ours, theirs in zip(batch.labels, said, strict=True)]
    known = sorted(set(load(bundle).labels) & {*final, *said})
    assert found["end_to_end_macro_f1"] == pytest.approx(f1_score(said, final, labels=known, average="macro"))
    assert f"; macro-F1 {found['end_to_end_macro_f1']:.3f} (descriptive)\n" in measured[0].stdout
    assert sum(label["n"] for label in found["labels"]) + found["unknown_labels"]["n"] == len(rows)
    assert found["drift"]["n"] == len(rows)
    assert found["drift"]["p_value"] > 0.001


def test_a_teacher_that_has_changed_contradicts_the_claim_with_exit_code_4(run, bundle, fresh, write):
    swap = {"order_status": "cancel_order", "cancel_order": "order_status"}
    changed = [{**row, "teacher": swap.get(row["teacher"], row["teacher"])} for row in fresh]
    result = run("verify", str(bundle), write(changed, "changed.jsonl.gz"))
    assert result.returncode == 4
    assert re.match(r"contradicted  small ", result.stdout)
    assert re.search(r"agreement is at most 0\.\d{3} on fresh rows, under the 0\.9 that was claimed", result.stdout)
    assert re.search(r"^ +order_status +\d+ of \d+ handled disagree \(\d+ rows\)$", result.stdout, re.M)
    document = json.loads(run("verify", str(bundle), "changed.jsonl.gz", "--json", "-q").stdout)
    assert (document["status"], document["measured"]["verdict"]) == ("contradicted", "contradicted")
    assert document["measured"]["agreement"]["upper"] < 0.9


def test_other_traffic_shows_as_drift_with_its_size(run, bundle, fresh, write):
    other = [{**row, "input": f"entirely other words {number}"} for number, row in enumerate(fresh)]
    result = run("verify", str(bundle), write(other), "-q")
    assert re.search(r"^  drift +distance 0\.[3-9]\d\d \(Kolmogorov-Smirnov, 0 to 1\)", result.stdout, re.M)
    told = " ".join(result.stdout.split())
    assert "the traffic has changed, and the claim is about traffic like the traces" in told
    assert "build again on traces that have them among them" in told
    assert ("the traffic they come from has changed, see drift" in told) == ("not contradicted" in told)


def test_the_rows_of_the_build_are_refused(run, bundle, built, fresh, write):
    own = [json.loads(line) for line in (Path(built.args[-1]) / "traces.jsonl").read_text().splitlines()]
    result = run("verify", str(bundle), write(own), "-q")
    assert (result.returncode, result.stdout) == (1, "")
    assert "none of 1,500 traces is new to this bundle: 1,500 known to the build by id and text" in result.stderr
    anonymous = run("verify", str(bundle), write([{**row, "id": None} for row in own]), "-q")
    assert anonymous.returncode == 1
    assert "known to the build by text, without ids to tell a request made again" in anonymous.stderr
    mixed = [{**row, "id": f"old {row['id']}"} if number % 2 else row for number, row in enumerate(fresh)] + own
    both = run("verify", str(bundle), write(mixed), "--json", "-q")
    assert both.returncode == 0
    assert json.loads(both.stdout)["measured"]["left_out"]["known to the build by id and text"] >= 700


def test_traces_come_from_stdin_too_and_bad_lines_are_counted(run, bundle, fresh):
    text = "".join(json.dumps(row) + "\n" for row in fresh[:100]) + "{\n" + json.dumps({"input": "no label"}) + "\n"
    result = run("verify", str(bundle), "-", "--json", "-q", stdin=text)
    assert result.returncode == 0, result.stderr
    dropped = json.loads(result.stdout)["measured"]["traces"]["dropped"]
    assert (dropped["unreadable record"], dropped["no label"]) == (1, 1)


def test_a_label_that_the_bundle_does_not_know_is_a_disagreement(run, bundle, fresh, write):
    result = run("verify", str(bundle), write([{**row, "teacher": "unheard of"} for row in fresh[:200]]), "-q")
    assert result.returncode == 4
    assert "with a label that the bundle does not know" in result.stdout
    assert "'unheard of' " in result.stdout


def test_rows_that_are_all_deferred_measure_no_agreement(run, bundle, fresh, write):
    router = load(bundle)
    deferred = [row for row in fresh if not router.route(row["input"]).handled]
    result = run("verify", str(bundle), write(deferred), "-q")
    assert result.returncode == 0
    assert result.stdout.startswith("agreement not measured  ")
    assert "rows with a teacher's label was handled: agreement was not measured, and the claim of " in result.stdout
    assert "end to end" not in result.stdout


def test_csv_parquet_and_json_are_read_by_their_ending_and_say_what_json_lines_say(
    run, bundle, fresh, tmp_path, measured
):
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = [{key: row[key] for key in ("id", "input", "teacher")} for row in fresh]
    for name, delimiter in (("f.csv", ","), ("f.tsv", "\t")):
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(flat[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(flat)
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress((tmp_path / "f.csv").read_bytes()))
    pq.write_table(pa.Table.from_pylist(flat), tmp_path / "f.parquet")
    (tmp_path / "f.json").write_text(json.dumps(flat))
    wanted = json.loads(measured[1].stdout)["measured"]
    for name in ("f.csv", "f.tsv", "f.csv.gz", "f.parquet", "f.json"):
        result = run("verify", str(bundle), name, "--json", "-q")
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout)["measured"]
        assert {key: found[key] for key in ("coverage", "agreement")} == {
            key: wanted[key] for key in ("coverage", "agreement")
        }, name


def test_a_csv_is_read_with_the_options_that_the_build_had(call_in, tmp_path, make_traces, fresh):
    def write(name, rows):
        lines = [f"{row['input'].replace(';', ',')};{' '.join(row['teacher'].split())}" for row in rows]
        (tmp_path / name).write_text("\n".join(lines) + "\n")

    write("traces.csv", make_traces())
    write("fresh.csv", fresh)
    (tmp_path / "router.yaml").write_text(
        "version: 1\nname: small\ntraces:\n  use: csv\n"
        '  with: {path: traces.csv, delimiter: ";", header: [input, teacher]}\n'
        "embedder: {use: lsa, with: {dim: 48}}\nzoo: [logreg]\nfamilies: [l2d]\ntarget: {agreement: 0.8}\n"
    )
    built = call_in("build", "router.yaml", "--draft", "--out", "b.tracer", "-q", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    found = call_in("verify", "b.tracer", "fresh.csv", "--json", "-q", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["measured"]["coverage"]["n"] > 300


# --- calls that make no sense ------------------------------------------------------------------------------------------


def test_a_format_without_traces_is_a_usage_error(run, bundle):
    result = run("verify", str(bundle), "--format", "native")
    assert (result.returncode, result.stderr.splitlines()[0]) == (2, "--format is given without TRACES")


def test_a_format_that_is_not_there_is_named(run, bundle, fresh, write):
    result = run("verify", str(bundle), write(fresh), "--format", "natve", "-q")
    assert result.returncode == 2
    assert "no format is called 'natve'" in result.stderr
    assert "did you mean 'native'?" in result.stderr


def test_traces_that_are_not_there_are_named(run, bundle):
    result = run("verify", str(bundle), "nowhere.jsonl", "-q")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "nowhere.jsonl\n  there is no such file\n  hint: relative paths start at the current folder\n"
    )


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "here",
            "here\n  no file in this folder ends in .jsonl or .jsonl.gz\n  hint: name the folder that deploy(..., log=...) "
            "writes to, or the files themselves, in quotes where these are several\n",
        ),
        (
            "*.txt",
            "'*.txt' matches no file\n  hint: paths are relative to the current folder; '**' reaches into folders\n",
        ),
    ],
)
def test_a_folder_or_a_pattern_without_traces_is_named(run, bundle, tmp_path, place, said):
    (tmp_path / "here").mkdir()
    (tmp_path / "here/traces.csv").write_text("input,teacher\na,b\n")
    result = run("verify", str(bundle), place, "-q")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", said)


def test_a_folder_of_json_lines_says_what_its_files_say(run, bundle, fresh, tmp_path, measured):
    (tmp_path / "log").mkdir()
    half = len(fresh) // 2
    for name, rows in (("b.jsonl", fresh[:half]), ("a.jsonl", fresh[half:])):
        (tmp_path / "log" / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "log/monitor-0123.json").write_text("{}")
    found = json.loads(run("verify", str(bundle), "log", "--json", "-q").stdout)["measured"]
    assert found["agreement"] == json.loads(measured[1].stdout)["measured"]["agreement"]


def test_a_certificate_without_numbers_cannot_be_verified(run, write, fresh):
    result = run("verify", str(DATA / "format-1.tracer"), write(fresh), "-q")
    assert result.returncode == 4
    assert "certificate.json" in result.stderr
    assert "target is missing" in result.stderr


# --- what the spec inside says ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_answers_are_read_as_the_spec_inside_the_bundle_says_wherever_its_files_were(
    call_in, fresh, make_traces, tmp_path
):
    folder = tmp_path / "build"
    folder.mkdir()
    wrapped = [
        {"q": row["input"], "a": json.dumps({"intent": row["teacher"]}), "n": row["id"]} for row in make_traces()
    ]
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in wrapped))
    (folder / "labels.txt").write_text("\n".join(sorted({row["teacher"].split("\n")[0] for row in fresh} - {"refund"})))
    (folder / "router.yaml").write_text(
        "version: 1\nname: small\n"
        'traces:\n  use: jsonl\n  with: {path: "${TRACES_HERE:?where they are}"}\n  format: {text: q, label: a, id: n}\n'
        "  labels: {allowed: labels.txt, normalize: [strip, first-line], aliases: {refund: refund_status}}\n"
        "embedder: {use: lsa, with: {dim: 48}}\nzoo: [logreg]\nfamilies: [l2d]\ntarget: {agreement: 0.9}\n"
    )
    overrides = ["--set", "traces.labels.normalize=['json:intent', strip, first-line]"]
    env = {"TRACES_HERE": str(folder / "traces.jsonl")}
    result = call_in("build", "router.yaml", "--out", "b.tracer", "-q", *overrides, cwd=folder, env=env)
    assert result.returncode == 0, result.stderr
    bundle = (folder / "b.tracer").rename(tmp_path / "b.tracer")
    for file in folder.iterdir():
        file.unlink()
    rows = [{"q": row["input"], "a": json.dumps({"intent": row["teacher"]}), "n": row["id"]} for row in fresh]
    (tmp_path / "fresh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = call_in("verify", str(bundle), "fresh.jsonl", "--json", "-q", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["measured"]["unknown_labels"]["n"] < 20
    native = call_in("verify", str(bundle), "fresh.jsonl", "--format", "native", "-q", cwd=tmp_path)
    assert native.returncode == 1
    assert "usable trace" in native.stderr


def test_vectors_that_come_with_the_traces_are_read_from_where_the_spec_says(call_in, tmp_path):
    rng = np.random.default_rng(0)
    centres = {"a": [3, 0, 0, 0], "b": [0, 3, 0, 0]}

    def rows(n, prefix):
        labels = rng.choice(["a", "b"], n)
        vectors = [(rng.normal(size=4) + centres[label]).round(4).tolist() for label in labels]
        return [
            {"id": f"{prefix}{i}", "teacher": label, "vec": vector}
            for i, (label, vector) in enumerate(zip(labels.tolist(), vectors, strict=True))
        ]

    def write(name, made):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in made))

    write("traces.jsonl", built := rows(600, "old"))
    write("fresh.jsonl", rows(300, "new") + built[:50])
    write("without.jsonl", [{"id": "x", "input": "a text", "teacher": "a"}])
    (tmp_path / "router.yaml").write_text(
        "version: 1\nname: small\ntraces:\n  use: jsonl\n  with: {path: traces.jsonl}\n  format: {label: teacher, id: id}\n"
        "embedder: {use: precomputed, with: {column: vec}}\nzoo: [logreg]\nfamilies: [l2d]\ntarget: {agreement: 0.9}\n"
    )
    result = call_in("build", "router.yaml", "--out", "b.tracer", "-q", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = call_in("verify", "b.tracer", "fresh.jsonl", "--json", "-q", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    measured = json.loads(found.stdout)["measured"]
    assert (measured["left_out"], measured["coverage"]["n"]) == ({"known to the build by id and text": 50}, 300)
    assert measured["agreement"]["share"] > 0.9
    assert "none to check: the app brings vectors" in call_in("verify", "b.tracer", cwd=tmp_path).stdout
    without = call_in("verify", "b.tracer", "without.jsonl", "-q", cwd=tmp_path)
    assert without.returncode == 1
    assert "no vector" in without.stderr
