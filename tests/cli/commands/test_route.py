"""``route`` on real bundles: order, errors in place, pipes, and what it imports."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.builtin.formats.native import TEXT_KEYS as NATIVE_KEYS
from tracer_spec.cli.commands import route_lines
from tracer_spec.cli.commands.route_lines import CHUNK_LINES, Line, read_chunks, read_request

KEYS = ["label", "handled", "score", "stage", "reason"]


def decisions(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def texts(built) -> list[str]:
    lines = (Path(built.args[-1]) / "traces.jsonl").read_text().splitlines()
    return [json.loads(line)["input"] for line in lines]


# --- decisions ----------------------------------------------------------------------------------------------


def test_every_line_is_answered_in_order_as_the_python_api_answers(run, bundle, texts, tmp_path):
    import tracer_spec as ts

    asked = (texts * 2)[: 2 * CHUNK_LINES + 7]
    lines = [json.dumps({"id": number, "input": text}) for number, text in enumerate(asked)]
    (tmp_path / "requests.jsonl").write_text("\n".join(lines))
    result = run("route", str(bundle), "requests.jsonl")
    assert result.returncode == 0
    answers = decisions(result.stdout)
    assert [answer["id"] for answer in answers] == list(range(len(asked)))
    assert all(list(answer) == ["id", *KEYS] for answer in answers)
    batch = ts.load(bundle).route_batch(asked)
    assert [answer["label"] for answer in answers] == batch.labels
    assert [answer["handled"] for answer in answers] == batch.handled.tolist()
    assert [answer["reason"] for answer in answers] == [str(reason) for reason in batch.reasons]
    assert [answer["score"] for answer in answers] == pytest.approx(batch.scores.tolist(), abs=1e-5)
    n_handled = int(batch.handled.sum())
    assert 0 < n_handled < len(asked)
    counts = f"{len(asked):,} lines: {n_handled:,} handled (coverage {n_handled / len(asked):.3f}), "
    assert result.stderr == f"{counts}{len(asked) - n_handled:,} deferred\n"


def test_one_text_gives_one_decision(run, bundle):
    result = run("route", str(bundle), "--text", "please cancel my order for the desk lamp")
    assert (result.returncode, result.stderr) == (0, "")
    (decision,) = decisions(result.stdout)
    assert list(decision) == KEYS
    assert (decision["label"], decision["handled"], decision["stage"]) == ("cancel_order", True, 0)


def test_one_text_as_a_document(run, bundle):
    result = run("route", str(bundle), "--text", "i forgot my password", "--json")
    assert json.loads(result.stdout)["schema_version"] == 1
    assert json.loads(result.stdout)["label"] == "account_login"


def test_vectors_are_taken_too_and_a_wrong_length_is_an_error_in_place(run, bundle):
    lines = [
        {"embedding": [0.1] * 48},
        {"embedding": [0.1] * 47},
        {"embedding": ["x"] * 48},
        {"embedding": [1] * 48},
    ]
    result = run("route", str(bundle), "-q", stdin="".join(json.dumps(line) + "\n" for line in lines))
    said = "2 errors, the first: stdin:2: 'embedding' has 47 numbers; this bundle takes 48\n"
    assert (result.returncode, result.stderr) == (1, said)
    answers = decisions(result.stdout)
    assert [answer["reason"] == "error" for answer in answers] == [False, True, True, False]
    assert answers[1]["error"] == "stdin:2: 'embedding' has 47 numbers; this bundle takes 48"
    assert answers[2]["error"] == "stdin:3: 'embedding' is not a list of numbers"


def test_a_vector_that_is_not_finite_is_deferred_not_an_error(run, bundle):
    vector = "[NaN" + ", 0.5" * 47 + "]"
    result = run("route", str(bundle), "-q", stdin=f'{{"embedding": {vector}}}\n')
    assert result.returncode == 0
    assert decisions(result.stdout) == [
        {"label": None, "handled": False, "score": 0.0, "stage": None, "reason": "unavailable"}
    ]


# --- bad lines ----------------------------------------------------------------------------------------------

BAD = {
    b"{not json": "the line is not JSON: expecting property name enclosed in double quotes at column 2",
    b'{"input": "a': "the line is not JSON: unterminated string starting at column 11",
    b'"a string"': "the line holds a string, not an object",
    b"null": "the line holds null, not an object",
    b"{}": "the record has neither 'input' nor 'embedding'",
    b'{"input": 7}': "'input' is a number, not a string",
    b'{"input": null}': "the record has neither 'input' nor 'embedding'",
    b'{"input": "\xff"}': "the line is not UTF-8",
    b'{"input": "\\ud800"}': "'input' is not valid Unicode: it holds half of a surrogate pair",
    b'{"id": NaN, "input": "a"}': "'id' holds NaN or Infinity, which JSON has no word for",
    b'{"id": [1, Infinity], "input": "a"}': "'id' holds NaN or Infinity, which JSON has no word for",
    b"[" * 100_000: "the line is not JSON that can be read: too deep, or a number too long",
}


@pytest.mark.parametrize(("line", "problem"), BAD.items(), ids=[problem[:30] for problem in BAD.values()])
def test_a_bad_line_says_what_is_wrong_with_it(line, problem):
    assert read_request(Line(4, line), "x.jsonl", 3).problem == problem


def test_bad_lines_are_answered_in_their_place_and_the_exit_code_is_1(run, bundle, tmp_path):
    good = b'{"input": "i forgot my password"}\n'
    (tmp_path / "requests.jsonl").write_bytes(good + b"{not json\n" + good + b'{"id": "r3", "input": 7}\n\n' + good)
    result = run("route", str(bundle), "requests.jsonl")
    assert result.returncode == 1
    answers = decisions(result.stdout)
    assert [answer["reason"] for answer in answers] == ["handled", "error", "handled", "error", "handled"]
    assert answers[3] == {
        "id": "r3",
        "label": None,
        "handled": False,
        "score": None,
        "stage": None,
        "reason": "error",
        "error": "requests.jsonl:4: 'input' is a number, not a string",
    }
    assert result.stderr.endswith("2 errors, the first: requests.jsonl:2: " + BAD[b"{not json"] + "\n")


def test_a_folder_that_is_not_there_is_named_as_it_was_given(run, bundle):
    result = run("route", str(bundle), "--out", "nowhere/decisions.jsonl", stdin='{"input": "a"}\n')
    assert (result.returncode, result.stdout) == (1, "")
    hint = "  hint: relative paths start at the current folder, and a folder to write into must be there\n"
    assert result.stderr == f"nowhere/decisions.jsonl\n  no such file or directory\n{hint}"


def test_one_line_and_one_error_are_counted_in_the_singular(run, bundle):
    result = run("route", str(bundle), stdin="{}\n")
    assert result.stderr == (
        "1 line: 0 handled, 0 deferred, 1 error: stdin:1: the record has neither 'input' nor 'embedding'\n"
    )


def test_one_bad_line_changes_no_other_answer(run, bundle, texts):
    lines = [json.dumps({"input": text}) for text in texts[:50]]
    alone = run("route", str(bundle), "-q", stdin="\n".join(lines))
    mixed = run("route", str(bundle), "-q", stdin="\n".join([*lines[:20], '{"input": "\\udfff"}', *lines[20:]]))
    answers = mixed.stdout.splitlines()
    assert json.loads(answers[20])["reason"] == "error"
    assert answers[:20] + answers[21:] == alone.stdout.splitlines()


# --- lines --------------------------------------------------------------------------------------------------


def lines_of(data: bytes) -> list[tuple[int, bytes | None]]:
    return [(line.number, line.data) for chunk in read_chunks(io.BytesIO(data)) for line in chunk]


def test_blank_lines_are_passed_over_but_keep_their_numbers():
    assert lines_of(b"a\n\n  \r\nb\r\nc") == [(1, b"a"), (4, b"b\r"), (5, b"c")]
    assert lines_of(b"") == []
    assert lines_of(b"\n\n") == []


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert lines_of(b"\xef\xbb\xbf{}\n{}") == [(1, b"{}"), (2, b"{}")]


def test_a_line_without_end_is_held_no_further_than_the_limit(monkeypatch):
    monkeypatch.setattr(route_lines, "LINE_BYTES", 1000)
    assert lines_of(b"a\n" + b"x" * 600_000 + b"\nb\n" + b"y" * 2000) == [
        (1, b"a"),
        (2, None),
        (3, b"b"),
        (4, None),
    ]


def test_chunks_are_bounded():
    sizes = [len(chunk) for chunk in read_chunks(io.BytesIO(b"x\n" * (3 * CHUNK_LINES + 1)))]
    assert sum(sizes) == 3 * CHUNK_LINES + 1
    assert max(sizes) <= CHUNK_LINES


def test_the_keys_of_a_text_are_those_of_the_native_format():
    assert route_lines.TEXT_KEYS == NATIVE_KEYS


# --- files and pipes ----------------------------------------------------------------------------------------


def test_a_pipe_is_answered_line_by_line_as_it_comes(bundle):
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer_spec", "route", str(bundle), "-", "-q"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(json.dumps({"id": number, "input": "i forgot my password"}) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == number  # while stdin is still open
    process.stdin.close()
    assert process.wait(timeout=120) == 0
    process.stdout.close()


@pytest.mark.parametrize("options", ["", "--workers 2"])
def test_a_reader_that_leaves_ends_it_quietly_as_sigpipe_would(bundle, tmp_path, options):
    (tmp_path / "many.jsonl").write_text('{"input": "i forgot my password"}\n' * 20_000)
    command = (
        f"{sys.executable} -m tracer_spec route {bundle} many.jsonl {options} | head -n 1; exit ${{PIPESTATUS[0]}}"
    )
    result = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (141, "")
    assert json.loads(result.stdout)["handled"] is True


def test_a_pipe_that_is_not_stdout_and_loses_its_reader_is_named(bundle, tmp_path):
    (tmp_path / "many.jsonl").write_text('{"input": "i forgot my password"}\n' * 20_000)
    command = f"mkfifo out; head -n 1 out & {sys.executable} -m tracer_spec route {bundle} many.jsonl --out out"
    result = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (1, "out\n  the reader of this pipe has gone\n")


@pytest.mark.parametrize(
    ("limit", "out", "what"),
    [("unlimited", "/dev/full", "no space left on device"), ("16", "out.jsonl", "file too large")],
)
def test_a_file_that_cannot_hold_all_decisions_is_named(bundle, tmp_path, limit, out, what):
    (tmp_path / "many.jsonl").write_text('{"input": "i forgot my password"}\n' * 20_000)
    command = f"ulimit -f {limit}; {sys.executable} -m tracer_spec route {bundle} many.jsonl --out {out}"
    result = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (
        1,
        f"{out}\n  {what}\n  hint: make room there, or name another place\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["many.jsonl"]


def test_a_compressed_file_is_read_and_a_damaged_one_is_named(run, bundle, tmp_path):
    packed = gzip.compress(b'{"input": "i forgot my password"}\n' * 3)
    (tmp_path / "good.jsonl.gz").write_bytes(packed)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[:-9])
    assert len(decisions(run("route", str(bundle), "good.jsonl.gz").stdout)) == 3
    cut = run("route", str(bundle), "cut.jsonl.gz")
    assert cut.returncode == 1
    assert cut.stderr.startswith("cut.jsonl.gz\n  the compressed file is damaged or cut short")


@pytest.mark.parametrize("name", ["d.csv", "d.TSV", "d.jsonl.gz", "d.parquet.zst", "d.xlsx", "d.arrow"])
def test_out_of_another_kind_is_refused_before_anything_is_decided(run, bundle, tmp_path, name):
    (tmp_path / "requests.jsonl").write_text('{"input": "i forgot my password"}\n')
    result = run("route", str(bundle), "requests.jsonl", "--out", name)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"--out writes JSON lines, and '{name}' is no name for a file of them\n"
        "  hint: --out FILE.jsonl; or --out FILE.parquet, where all that is read is Parquet\n"
    )
    assert not (tmp_path / name).exists()


def test_out_is_written_whole_and_json_gives_the_counts(run, bundle, tmp_path):
    (tmp_path / "requests.jsonl").write_text('{"input": "i forgot my password"}\n{}\n')
    result = run("route", str(bundle), "requests.jsonl", "--out", "out.jsonl", "--json", "-q")
    said = "1 error: requests.jsonl:2: the record has neither 'input' nor 'embedding'\n"
    assert (result.returncode, result.stderr) == (1, said)
    assert json.loads(result.stdout) == {
        "schema_version": 1,
        "out": "out.jsonl",
        "lines": 2,
        "handled": 1,
        "deferred": 0,
        "errors": 1,
    }
    assert len(decisions((tmp_path / "out.jsonl").read_text())) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "requests.jsonl"]


def test_a_file_that_is_not_there_exits_1_and_leaves_an_earlier_out(run, bundle, tmp_path):
    (tmp_path / "out.jsonl").write_text("earlier\n")
    result = run("route", str(bundle), "nowhere.jsonl", "--out", "out.jsonl")
    hint = "  hint: relative paths start at the current folder, and a folder to write into must be there\n"
    assert (result.returncode, result.stderr) == (1, f"nowhere.jsonl\n  no such file or directory\n{hint}")
    assert (tmp_path / "out.jsonl").read_text() == "earlier\n"


def test_text_and_file_exclude_each_other(run, bundle):
    result = run("route", str(bundle), "x.jsonl", "--text", "hello")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("--text takes neither FILE nor --out\n")


# --- trust --------------------------------------------------------------------------------------------------


def test_a_pinned_digest_must_be_that_of_the_file(run, bundle):
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert run("route", str(bundle), "--text", "hello", "--sha256", digest).returncode == 0
    refused = run("route", str(bundle), "--text", "hello", "--sha256", "0" * 64)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert digest in refused.stderr


@pytest.mark.parametrize("verb", [["route", "--text", "hello"], ["inspect"]])
def test_a_tampered_bundle_exits_4(run, bundle, tmp_path, verb):
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.tracer").write_bytes(data)
    result = run(verb[0], "bad.tracer", *verb[1:])
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.startswith("bad.tracer")
    assert "hint: the file is damaged or was changed" in result.stderr


def test_a_tampered_bundle_is_a_document_with_json(run, tmp_path):
    (tmp_path / "bad.tracer").write_bytes(b"PK\3\4 nonsense")
    result = run("route", "bad.tracer", "--json", "--text", "hello")
    assert (result.returncode, result.stderr) == (4, "")
    assert json.loads(result.stdout)["error"]["exit_code"] == 4


HEAVY = {"sklearn", "scipy", "xgboost", "pydantic", "pluggy", "rich", "onnx", "skl2onnx", "jmespath"}
# a call to the libraries that it takes beside the runtime's own
LIGHT_CALLS = {
    "--text hello": set(),
    "in.jsonl": set(),
    "memory://in.jsonl": set(),
    "in.parquet --text text --out out.parquet": {"pyarrow"},
    "in.parquet --out out.parquet": {"pyarrow", "yaml"},  # the spec of the bundle says which column it is
}
ASKED = """
import sys, fsspec, tracer_spec.cli
fsspec.filesystem("memory").pipe("/in.jsonl", b'{"input": "hello"}')
tracer_spec.cli.main(["route", *sys.argv[1:]])
print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("call", LIGHT_CALLS)
def test_routing_imports_the_runtime_alone(bundle, tmp_path, call):
    (tmp_path / "in.jsonl").write_text('{"input": "hello"}')
    pq.write_table(pa.table({"text": ["hello"]}), tmp_path / "in.parquet")
    words = [sys.executable, "-c", ASKED, str(bundle), *call.split()]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    counts, modules = result.stderr.splitlines()[0], set(result.stderr.splitlines()[-1].split())
    assert counts.startswith("1 line") or "--text hello" in call
    assert {"numpy", "onnxruntime", "tracer_spec.runtime"} <= modules
    assert modules & (HEAVY | {"yaml", "pyarrow"}) == LIGHT_CALLS[call]
