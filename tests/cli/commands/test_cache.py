"""What ``cache info`` calls what it holds."""

from __future__ import annotations

import json

from click.testing import CliRunner

import tracer_spec as ts
from tracer_spec.cli.commands.cache import _NOUNS, command


def test_every_kind_that_a_build_keeps_has_a_name_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACER_SPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TRACER_SPEC_CACHE_MB", "100")
    words = {"card": "plastic chip", "loan": "borrow interest", "fee": "charge cost"}
    rows = [
        {"id": f"{label}{n}", "input": f"{words[label]} {label} w{n * n % 97}{label} {n}", "teacher": label}
        for n in range(120)
        for label in words
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "router.yaml").write_text(
        "version: 1\nname: small\ntraces: {use: jsonl, with: {path: t.jsonl}}\nembedder: lsa\nzoo: [logreg]\n"
        "guards: [prototypes]\nacceptor: [logistic, neighbours]\ntarget: {agreement: 0.8}\n"
    )
    ts.build(tmp_path / "router.yaml", draft=True)
    held = json.loads(CliRunner().invoke(command, ["info", "--json"]).stdout)["entries"]
    assert {"embedder", "surrogate", "guard"} <= set(held) <= set(_NOUNS)
    told = CliRunner().invoke(command, ["info"]).stdout
    assert " 1 fitted embedder (" in told
