"""What the spec inside a bundle may ask for: nothing of the environment, unless the caller vouches for the bundle."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.report import documents
from tests.runtime import bundles
from tests.zygote import call

WRITTEN = {
    "the format": "traces: {use: jsonl, with: {path: x}, format: '${SECRET}'}",
    "a place": "traces: {use: jsonl, with: {path: x}, format: {text: 'a.${SECRET}', label: b}}",
    "a step": "traces: {use: jsonl, with: {path: x}, labels: {normalize: ['regex:(${SECRET']}}",
    "a default": "traces: {use: jsonl, with: {path: x}, format: '${SECRET:-native}'}",
    "an option of the source": "traces: {use: csv, with: {path: x, encoding: '${SECRET}'}}",
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("verb", ["verify", "route"])
def test_a_stranger_s_bundle_reads_no_variable(tmp_path, verb, name):
    contents = {
        **bundles.members(),
        "certificate.json": json.dumps(documents.certificate()).encode(),
        "router.yaml": f"version: 1\nname: x\n{WRITTEN[name]}\n".encode(),
    }
    data = bundles.forge(contents=contents)
    (tmp_path / "b.tracer").write_bytes(data)
    (tmp_path / "fresh.csv").write_text("id,input,teacher,embedding\n1,a,top_up,[1 0 0 0]\n")
    said = {"cwd": tmp_path, "env": {"SECRET": "sk-hunter2"}}
    result = call(verb, "b.tracer", "fresh.csv", **said)
    assert "hunter2" not in result.stdout + result.stderr
    assert result.returncode == 4
    assert "takes values from the environment, and only the bundle itself says so" in result.stderr
    assert "--sha256 HEX" in result.stderr
    pinned = call(verb, "b.tracer", "fresh.csv", "--sha256", hashlib.sha256(data).hexdigest(), **said)
    assert "takes values from the environment" not in pinned.stderr
