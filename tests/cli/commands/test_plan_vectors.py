"""Vectors that come with the traces: ``plan`` and ``build`` find out what is missing before anything is trained."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.cli import main
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins

N, LABELS = 1200, 3
TEXTS = [f"request {n} about {n % LABELS}" for n in range(N)]
VECTORS = (np.eye(LABELS)[np.arange(N) % LABELS] + np.random.default_rng(0).normal(0, 0.01, (N, LABELS))).astype("f4")
SPEC = """\
version: 1
name: a
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: {use: precomputed, with: {path: FILE}}
zoo: [logreg]
families: [global]
target: {agreement: 0.9}
"""
REMEDY = "'tracer-spec plan SPEC --missing FILE' lists them with their texts: embed those, and add their vectors"


def digests(texts=TEXTS):
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def write_parquet(path, vectors=VECTORS, **keys):
    columns = {**keys, "v": pa.array(vectors.tolist(), pa.list_(pa.float32()))}
    pq.write_table(pa.table(columns), path)


FILES = {
    "by digest": ("v.parquet", lambda path, n: write_parquet(path, VECTORS[:n], text_sha256=digests()[:n])),
    "by id": ("v.parquet", lambda path, n: write_parquet(path, VECTORS[:n], id=[f"t{at}" for at in range(n)])),
    "by order": ("v.parquet", lambda path, n: write_parquet(path, VECTORS[:n])),
    "numpy by order": ("v.npy", lambda path, n: np.save(path, VECTORS[:n])),
    "numpy by id": (
        "v.npz",
        lambda path, n: np.savez(path, ids=np.array([f"t{at}" for at in range(n)]), vectors=VECTORS[:n]),
    ),
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"t{n}", "input": text, "teacher": f"label {n % LABELS}"} for n, text in enumerate(TEXTS)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(*arguments, file="v.parquet"):
        (tmp_path / "router.yaml").write_text(SPEC.replace("FILE", file))
        code = main([*arguments, "router.yaml", "-q"])
        return code, capsys.readouterr()

    return run


@pytest.mark.parametrize("kind", FILES)
def test_plan_and_build_find_the_same_vectors_missing(run, tmp_path, kind):
    file, write = FILES[kind]
    write(tmp_path / file, 200)
    said = "router.yaml:4:11  embedder\n  'precomputed' has no vector for 1,000 of 1,200 traces, such as that of id 't200'\n"
    for verb in ("plan", "build"):
        code, out = run(verb, file=file)
        assert code == 1
        assert f"{said}  hint: {REMEDY}" in out.err, out.err
    assert not (tmp_path / "router.lock").exists()
    code, out = run("build", "--draft", file=file)
    assert code == 1
    assert "'precomputed' has no vector for " in out.err


@pytest.mark.parametrize("kind", FILES)
def test_what_is_missing_is_listed_in_the_order_of_the_records(run, tmp_path, kind):
    file, write = FILES[kind]
    write(tmp_path / file, 200)
    code, _ = run("plan", "--missing", "missing.jsonl", file=file)
    listed = [json.loads(line) for line in (tmp_path / "missing.jsonl").read_text().splitlines()]
    assert code == 1
    assert [line["record"] for line in listed] == list(range(200, N))
    assert listed[5] == {"record": 205, "id": "t205", "text_sha256": digests()[205], "text": TEXTS[205]}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_with_all_vectors_is_planned_and_the_list_is_empty(run, tmp_path, kind):
    file, write = FILES[kind]
    write(tmp_path / file, N)
    code, out = run("plan", "--missing", "missing.jsonl", "--no-curve", file=file)
    assert (code, out.err) == (0, "")
    assert (tmp_path / "missing.jsonl").read_text() == ""


BY_ORDER = {
    "parquet": FILES["by order"],
    "npy": FILES["numpy by order"],
    "npz": ("v.npz", lambda path, n: np.savez(path, vectors=VECTORS[:n])),
}


@pytest.mark.parametrize("kind", BY_ORDER)
@pytest.mark.parametrize("verb", [["plan"], ["plan", "--missing", "missing.jsonl"], ["build"], ["build", "--draft"]])
def test_vectors_known_by_their_order_are_as_many_as_the_traces_read(run, tmp_path, kind, verb):
    file, write = BY_ORDER[kind]
    write(tmp_path / file, N)
    traces = (tmp_path / "traces.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "traces.jsonl").write_text("".join(traces[1:]))
    code, out = run(*verb, file=file)
    assert code == 1
    assert out.err.startswith(
        f"router.yaml:4:43  embedder.with.path\n"
        f"  '{file}' has 1,200 vectors, known by their order alone, for 1,199 traces read\n"
        "  hint: write one vector for each trace read, also those that are left out, in their order; or know them by 'id', in "
        "a .npz beside 'vectors' or as a column of a .parquet\n"
    )


@pytest.mark.parametrize("kind", BY_ORDER)
def test_vectors_of_the_traces_that_are_kept_alone_are_too_few(run, tmp_path, kind):
    file, write = BY_ORDER[kind]
    write(tmp_path / file, N)
    with (tmp_path / "traces.jsonl").open("a") as log:
        log.write((tmp_path / "traces.jsonl").read_text().splitlines(keepends=True)[0])
    code, out = run("plan", file=file)
    assert code == 1
    assert f"'{file}' has 1,200 vectors, known by their order alone, for 1,201 traces read\n" in out.err


def test_a_draft_asks_for_no_vector_of_a_certify_row(run, tmp_path):
    write_parquet(tmp_path / "v.parquet", id=[f"t{n}" for n in range(N)])
    (tmp_path / "router.yaml").write_text(SPEC.replace("FILE", "v.parquet"))
    plan = load_plan("router.yaml", find_plugins())
    fit = part(read_traces(plan), plan.spec.split).fit.tolist()
    write_parquet(tmp_path / "v.parquet", VECTORS[fit], id=[f"t{n}" for n in fit])
    code, out = run("build", "--draft")
    assert code == 0, out.err
    code, out = run("build")
    assert code == 1
    assert f"'precomputed' has no vector for {N - len(fit)} of 1,200 traces" in out.err


def test_a_vector_that_is_not_finite_is_found_by_plan(run, tmp_path):
    spoiled = VECTORS.copy()
    spoiled[[7, 1100]] = np.nan
    write_parquet(tmp_path / "v.parquet", spoiled, id=[f"t{n}" for n in range(N)])
    code, out = run("plan")
    assert code == 1
    assert "  the vector of the id 't7' is not finite in float32; 2 of 1,200 are not\n" in out.err


@pytest.mark.parametrize("verb", ["plan", "build"])
def test_a_vector_that_is_too_long_to_have_a_length_is_told_before_any_library_warns(run, tmp_path, verb):
    np.save(tmp_path / "v.npy", VECTORS * np.float32(1e38))
    code, out = run(verb, file="v.npy")
    assert code == 1
    assert "  the length of the vector of v.npy#0 is not finite in float32; 1,200 of 1,200 are not\n" in out.err
    assert "Warning" not in out.err


def test_an_embedder_of_texts_has_none_to_list(tmp_path, run, capsys):
    code, _ = run("plan", "--missing", "missing.jsonl", "--set", "embedder=lsa", file="v.npy")
    assert code == 2


def test_the_list_is_not_written_over_a_folder(tmp_path, run):
    (tmp_path / "folder").mkdir()
    assert run("plan", "--missing", "folder")[0] == 2


@pytest.mark.parametrize("place", ["traces.jsonl", "router.yaml", "v.parquet"])
def test_the_list_takes_no_other_files_place(tmp_path, run, place):
    write_parquet(tmp_path / "v.parquet", VECTORS[:-50], text_sha256=digests()[:-50])
    for _ in range(2):
        assert run("plan", "--missing", "list.jsonl")[0] == 1
    kept = (tmp_path / place).read_bytes()
    code, out = run("plan", "--missing", place)
    assert (code, "the file of --missing would replace a file of another kind" in out.err) == (1, True)
    assert (tmp_path / place).read_bytes() == kept
