"""After pip, and nothing else, a spec may name the plugin: run by test_each.sh where one distribution is installed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DEFAULTS = {
    "traces": "{use: jsonl, with: {path: traces.jsonl}}",
    "embedder": "lsa",
    "zoo": "[logreg]",
    "target": "{agreement: 0.9}",
}
# distribution: kind, name, the key of the spec, what it says, the same with a bad option, and where that is
SAID = {
    "tracer-spec-duckdb": (
        "source",
        "duckdb",
        "traces",
        "{use: duckdb, with: {query: SELECT * FROM 'calls.csv' ORDER BY id}}",
        "{use: duckdb, with: {query: SELECT * FROM 'calls.csv' ORDER BY id, batch_rows: 0}}",
        "router.yaml:3:88  traces.with.batch_rows",
    ),
    "tracer-spec-encoder": (
        "embedder",
        "encoder",
        "embedder",
        "{use: encoder, with: {path: models/minilm}}",
        "{use: encoder, with: {path: models/minilm, max_tokens: 1}}",
        "router.yaml:4:66  embedder.with.max_tokens",
    ),
    "tracer-spec-lightgbm": (
        "surrogate",
        "lightgbm",
        "zoo",
        "[logreg, {use: lightgbm, with: {leaves: 7}}]",
        "[logreg, {use: lightgbm, with: {leaves: 1}}]",
        "router.yaml:5:46  zoo[1].with.leaves",
    ),
    "tracer-spec-model2vec": (
        "embedder",
        "model2vec",
        "embedder",
        "{use: model2vec, with: {path: models/potion}}",
        "{use: model2vec, with: {path: models/potion, max_tokens: 0}}",
        "router.yaml:4:68  embedder.with.max_tokens",
    ),
    "tracer-spec-openai": (
        "embedder",
        "openai",
        "embedder",
        "{use: openai, with: {model: text-embedding-3-small}}",
        "{use: openai, with: {model: text-embedding-3-small, dimensions: -1}}",
        "router.yaml:4:75  embedder.with.dimensions",
    ),
    "tracer-spec-spark": (
        "source",
        "spark",
        "traces",
        "{use: spark, with: {table: logs.calls, max_rows: 1000000}}",
        "{use: spark, with: {table: logs.calls, max_rows: 0}}",
        "router.yaml:3:58  traces.with.max_rows",
    ),
    "tracer-spec-sentence-transformers": (
        "embedder",
        "sentence-transformers",
        "embedder",
        "{use: sentence-transformers, with: {path: models/minilm}}",
        "{use: sentence-transformers, with: {path: models/minilm, batch: 0}}",
        "router.yaml:4:75  embedder.with.batch",
    ),
}


@pytest.fixture
def distribution(pytestconfig):
    return pytestconfig.rootpath.name


@pytest.fixture
def said(distribution):
    return SAID[distribution]


@pytest.fixture
def run(tmp_path):
    """Run the command of this environment in a folder of its own, over a spec that says one thing of its own."""

    def call(*words, **own):
        spec = "version: 1\nname: small\n" + "".join(f"{key}: {held}\n" for key, held in (DEFAULTS | own).items())
        (tmp_path / "router.yaml").write_text(spec)
        command = [sys.executable, "-W", "error", "-m", "tracer_spec", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return call


def test_it_is_listed_as_sound_beside_what_is_built_in_and_nothing_else_is(run, distribution, said):
    done = run("plugins", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [row for row in json.loads(done.stdout)["plugins"] if row["distribution"] != "tracer-spec"]
    assert [(row["kind"], row["name"], row["distribution"], row["state"]) for row in rows] == [
        (*said[:2], distribution, "ok")
    ]


def test_a_spec_may_name_it(run, said):
    _, _, key, good, *_ = said
    done = run("validate", "router.yaml", **{key: good})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("router.yaml: ok (small: ")


def test_a_bad_option_is_told_at_its_line_and_column(run, said):
    _, _, key, _, bad, where = said
    done = run("validate", "router.yaml", **{key: bad})
    assert (done.returncode, done.stdout) == (2, "")
    assert where in done.stderr


def test_an_editor_completes_its_options(run, said):
    name = said[1]
    whole, bare = run("schema"), run("schema", "--bare")
    assert f'"{name}"' in whole.stdout
    assert f'"{name}"' not in bare.stdout
