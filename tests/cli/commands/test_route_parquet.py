"""``route`` from Parquet to Parquet, and side by side in several processes."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.cli.commands import route_workers
from tracer_spec.errors import DataError, TracerError
from tracer_spec.runtime import load
from tracer_spec.runtime.router_ref import RouterRef

TEXTS = ["please cancel my order for the desk lamp", "i forgot my password", "tell me a joke", ""]


@pytest.fixture
def table(tmp_path):
    """Two files of one schema, with more rows than are decided at a time."""
    texts = [f"{TEXTS[n % 3]} {n % 50}" for n in range(9000)]
    texts[7] = None
    folder = tmp_path / "in"
    folder.mkdir()
    whole = pa.table({"n": list(range(9000)), "text": texts}).replace_schema_metadata({"mine": "kept"})
    pq.write_table(whole.slice(0, 5000), folder / "a.parquet")
    pq.write_table(whole.slice(5000), folder / "b.parquet")
    return whole


def test_columns_stay_and_decisions_stand_beside_them(run, bundle, table, tmp_path):
    result = run("route", str(bundle), "in", "--out", "out.parquet", "--json")
    assert result.returncode == 0, result.stderr
    got = pq.read_table(tmp_path / "out.parquet")
    assert got.schema.names == ["n", "text", "label", "handled", "score", "stage", "reason"]
    assert got.schema.metadata[b"mine"] == b"kept"
    assert got.select(["n", "text"]).equals(table)
    batch = load(bundle).route_batch([text or "" for text in table["text"].to_pylist()])
    assert got["label"].to_pylist() == batch.labels
    assert got["handled"].to_pylist() == batch.handled.tolist()
    assert got["reason"].to_pylist() == [str(reason) for reason in batch.reasons]
    assert got["stage"].to_pylist() == [stage if stage >= 0 else None for stage in batch.stages.tolist()]
    assert got["score"].to_pylist() == pytest.approx(batch.scores.tolist(), abs=1e-5)
    told = json.loads(result.stdout)
    assert (told["lines"], told["handled"], told["errors"]) == (9000, int(batch.handled.sum()), 0)
    assert 0 < told["handled"] < 9000


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ({"text": [TEXTS[0], None, "", TEXTS[1]]}, "--text=text"),
        ({"embedding": [[0.1] * 48, None, [float("nan")] * 48, [0.2] * 48]}, "--vector=embedding"),
    ],
    ids=["text", "vector"],
)
def test_a_null_is_deferred_without_out_as_with_it(run, bundle, tmp_path, rows, named):
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    result = run("route", str(bundle), "in.parquet")
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert run("route", str(bundle), "in.parquet", "--out", "out.parquet", named).returncode == 0
    columns = ("label", "handled", "stage", "reason")
    decided = pq.read_table(tmp_path / "out.parquet").select(columns).to_pylist()
    assert [{name: line[name] for name in columns} for line in lines] == decided
    assert [row["handled"] for row in decided[1:3]] == [False, False]


def test_a_file_without_the_column_that_is_asked_for_is_no_file_of_nulls(run, bundle, tmp_path):
    pq.write_table(pa.table({"other": ["a", None]}), tmp_path / "in.parquet")
    result = run("route", str(bundle), "in.parquet")
    assert result.returncode == 1
    assert "the record has neither 'input' nor 'embedding'" in result.stderr


def test_two_workers_give_the_bytes_of_one(run, bundle, table, tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in table["text"].to_pylist()))
    for name in ("in/*.parquet", "in.jsonl"):
        outs = []
        for n in (1, 2):
            out = f"out-{n}.{name.rpartition('.')[2]}"
            result = run("route", str(bundle), name, "--out", out, "--workers", str(n))
            assert result.returncode == (1 if name == "in.jsonl" else 0), result.stderr
            outs.append(((tmp_path / out).read_bytes(), result.stderr))
        assert outs[0] == outs[1]


def test_a_text_that_is_not_utf8_and_a_column_that_is_there_twice_are_named(run, bundle, tmp_path):
    texts = pa.array([TEXTS[0].encode()] * 5000 + [b"caf\xe9"]).view(pa.string())
    pq.write_table(pa.table({"text": texts}), tmp_path / "bad.parquet")
    twice = pa.Table.from_arrays([pa.array(TEXTS)] * 2, ["text", "text"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    for name, said in (
        ("bad.parquet", "'bad.parquet', row 5,000: column 'text' is not valid UTF-8"),
        ("twice.parquet", "'twice.parquet' has 2 columns 'text'"),
    ):
        result = run("route", str(bundle), name, "--out", "out.parquet", "--text", "text")
        assert (result.returncode, said in result.stderr) == (1, True), result.stderr
        assert not (tmp_path / "out.parquet").exists()
    for table, said in (
        (pa.table({"text": texts}), "row 5000 of column 'text' is not valid UTF-8"),
        (twice, "2 columns 'text'"),
    ):
        with pytest.raises(DataError, match=said):
            RouterRef(bundle).route_arrow(table, text="text")


def test_files_of_json_lines_are_answered_one_after_the_other_with_their_places(run, bundle, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": 1, "input": TEXTS[0]}) + "\n")
    (tmp_path / "b.jsonl").write_text("broken\n" + json.dumps({"id": 2, "input": TEXTS[1]}) + "\n")
    result = run("route", str(bundle), "*.jsonl", "--workers", "2")
    assert result.returncode == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row.get("id") for row in rows] == [1, None, 2]
    assert rows[1]["error"].startswith("b.jsonl:1: ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("in", "--text", "texts"), "has no column 'texts'; it has n, text"),
        (("in", "--vector", "v"), "has no column 'v'"),
        (("in", "--text", "text", "--vector", "n"), "--vector is given too"),
        (("in", "--text", "n"), "column 'n' is of type int64, not of texts"),
        (("other.csv",), "only Parquet becomes Parquet"),
        ((), "only Parquet becomes Parquet, and '-' is none"),
        (("nothing.parquet",), "nothing.parquet"),
        (("none/*.parquet",), "matches no file"),
        (("bad.parquet",), "'bad.parquet' cannot be read as Parquet"),
        (("in", "wide.parquet"), "'wide.parquet' has other columns, or other types of them, than 'in/a.parquet'"),
        (("wide.parquet",), "there is a column 'label' already"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_written(run, bundle, table, tmp_path, args, said):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no PAR1")
    (tmp_path / "other.csv").write_text("text\nhello\n")
    pq.write_table(table.append_column("label", [["mine"] * 9000]), tmp_path / "wide.parquet")
    result = run("route", str(bundle), *args, "--out", "out.parquet")
    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("out.parquet*"))


def test_a_prefix_keeps_decisions_apart_from_columns_of_their_names(run, bundle, table, tmp_path):
    pq.write_table(table.append_column("label", [["mine"] * 9000]), tmp_path / "wide.parquet")
    result = run("route", str(bundle), "wide.parquet", "--out", "out.parquet", "--prefix", "router_")
    assert result.returncode == 0, result.stderr
    got = pq.read_table(tmp_path / "out.parquet")
    assert got.schema.names[2:5] == ["label", "router_label", "router_handled"]
    assert set(got["label"].to_pylist()) == {"mine"}


def test_options_of_columns_are_for_parquet(run, bundle, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"input": TEXTS[0]}))
    for option in ("--vector", "--prefix"):
        result = run("route", str(bundle), "a.jsonl", option, "x")
        assert (result.returncode, "--out FILE.parquet" in result.stderr) == (2, True)


def _end_if_worker(*_):
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.001)


def test_a_worker_that_is_killed_ends_the_work_with_an_error(bundle):
    job = route_workers.Job(RouterRef(bundle), None, by_spec=False)
    with (
        pytest.raises(TracerError, match="a worker process ended"),
        route_workers.start_workers(1) as workers,
    ):
        list(route_workers.side_by_side(workers, job, load(bundle), None)(_end_if_worker, itertools.count()))


def _where(_router, _read, chunk):
    return chunk, os.getpid()


def test_chunks_are_decided_here_until_a_worker_has_started_and_then_by_both_in_their_order(bundle):
    job, seen = route_workers.Job(RouterRef(bundle), None, by_spec=False), []
    with route_workers.start_workers(2) as workers:
        decided = route_workers.side_by_side(workers, job, load(bundle), None)(_where, itertools.count())
        for number, (chunk, process) in enumerate(decided):
            assert chunk == number
            seen.append(process)
            if number > 20 and len(set(seen)) == 3:
                break
            time.sleep(0.001)
    assert seen[0] == os.getpid()


def _refuse_an_odd_number(_router, _read, chunk):
    if chunk % 2:
        raise DataError(f"{chunk} is odd")
    time.sleep(0.001)
    return chunk


@pytest.mark.parametrize("n_workers", [0, 1])
def test_what_a_chunk_is_refused_for_is_told_after_the_answers_before_it(bundle, n_workers):
    job, got = route_workers.Job(RouterRef(bundle), None, by_spec=False), []
    with route_workers.start_workers(n_workers) as workers:
        decide = route_workers.side_by_side(workers, job, load(bundle), None)
        with pytest.raises(DataError, match="1001 is odd"):
            got.extend(decide(_refuse_an_odd_number, [*range(0, 1000, 2), 1001, 1003]))
    assert got == list(range(0, 1000, 2))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_half_file_and_no_worker(bundle, table, tmp_path, number):
    pq.write_table(pa.concat_tables([table] * 40), tmp_path / "long.parquet")
    args = ("route", str(bundle), "long.parquet", "--out", "out.parquet", "--workers", "2")
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer_spec", *args], cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not any(each.stat().st_size for each in tmp_path.glob("out.parquet.tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143)
    assert b"out.parquet was not written" in stderr
    assert not list(tmp_path.glob("out.parquet*"))
    while _is_group_alive(process.pid):  # the workers end with it
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_group_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_files_at_an_address_are_read(bundle, tmp_path, monkeypatch):
    import fsspec

    from tracer_spec.cli import main

    monkeypatch.chdir(tmp_path)
    memory = fsspec.filesystem("memory")
    lines = [json.dumps({"id": n, "input": text}) for n, text in enumerate(TEXTS)]
    memory.pipe("/asked/a.jsonl", "\n".join(lines[:2]).encode())
    memory.pipe("/asked/b.jsonl", "\n".join(lines[2:]).encode())
    with memory.open("/asked/c.parquet", "wb") as file:
        pq.write_table(pa.table({"text": TEXTS}), file)
    wanted = load(bundle).route_batch(TEXTS).labels
    assert main(["route", str(bundle), "memory://asked/*.jsonl", "--out", "out.jsonl", "-q"]) == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["label"] for row in found] == wanted
    assert main(["route", str(bundle), "memory://asked/c.parquet", "--out", "out.parquet", "-q"]) == 0
    assert pq.read_table(tmp_path / "out.parquet")["label"].to_pylist() == wanted
