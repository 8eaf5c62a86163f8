"""``report``: a page in one step, a document for programs, and a failure that leaves what was there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from tracer_spec.cli.main import main


def test_the_page_of_a_build_is_written_and_its_document_pins_it(run, bundle, tmp_path):
    result = run("report", str(bundle), "-o", "deep/page.html", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    written = (tmp_path / "deep" / "page.html").read_bytes()
    assert document["schema_version"] == 1
    assert document["path"] == "deep/page.html"
    assert (document["bytes"], document["sha256"]) == (len(written), hashlib.sha256(written).hexdigest())
    assert document["sections"][:3] == ["front", "walk", "labels"]
    assert {"title", "reason"} == set(document["absent"][0])
    assert [each.name for each in (tmp_path / "deep").iterdir()] == ["page.html"]


def test_another_bundle_than_the_one_asked_for_is_refused_and_the_old_page_stays(bundle, tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text("as it was")
    assert main(["report", str(bundle), "-o", str(page), "--sha256", "0" * 64]) == 4
    assert page.read_text() == "as it was"
    assert "was asked for" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["jinja2", "vl_convert"])
def test_what_draws_the_page_is_named_with_its_install_command_where_it_is_missing(bundle, tmp_path, module):
    script = (
        f"import sys; sys.modules['{module}'] = None; from tracer_spec.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    page = tmp_path / "page.html"
    call = [sys.executable, "-c", script, "report", str(bundle), "-o", str(page)]
    result = subprocess.run(call, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"the report needs the module '{module}', which cannot be imported" in result.stderr
    assert "hint: pip install 'tracer-spec[report]'" in result.stderr
    assert not page.exists()
