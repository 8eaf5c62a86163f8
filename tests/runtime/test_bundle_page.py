"""What the page about the bundle says is so: its samples run, and its tables are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracer_spec.runtime import Reason, limits
from tracer_spec.runtime.archive import MANIFEST, OPTIONAL, REQUIRED
from tracer_spec.runtime.decision import OUTPUTS

PAGE = (Path(__file__).parents[2] / "docs/bundle.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_the_python_samples_run(good, tmp_path, monkeypatch, number):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/support-intents.tracer").write_bytes(good)
    monkeypatch.chdir(tmp_path)
    exec(compile(SAMPLES[number], "docs/bundle.md", "exec"), {})


def test_every_reason_member_output_and_bound_is_on_the_page():
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    assert set(rows) == {*Reason, MANIFEST, *REQUIRED, *OPTIONAL, "embedder/*"}
    outputs = re.findall(r"^\| output \| `(\w+)` \| (\w+) ", PAGE, re.MULTILINE)
    assert [(name, f"tensor({kind.replace('32', '')})") for name, kind in outputs] == list(OUTPUTS.items())
    bundle_mib, manifest_mib = limits.BUNDLE_BYTES // limits.MIB, limits.MANIFEST_BYTES // limits.MIB
    assert f"at most {bundle_mib} MiB, its manifest {manifest_mib} MiB" in PAGE
    assert f"JSON {limits.JSON_DEPTH} levels deep" in PAGE
