"""``report``: a page in one step, a document for programs, and a failure that leaves what was there."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import pytest

import tracer_spec as ts
from tracer_spec.cli.main import main


def test_the_page_of_a_build_is_written_and_its_document_pins_it(bundle, tmp_path, capsys):
    page = tmp_path / "deep" / "page.html"
    assert main(["report", str(bundle), "-o", str(page), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    written = page.read_bytes()
    assert document["schema_version"] == 1
    assert document["path"] == str(page)
    assert (document["bytes"], document["sha256"]) == (len(written), hashlib.sha256(written).hexdigest())
    assert document["sections"][:3] == ["front", "walk", "labels"]
    assert "What it saves" in {each["title"] for each in document["absent"]}
    assert [each.name for each in page.parent.iterdir()] == ["page.html"]


def test_a_refuted_claim_stays_refuted_on_the_page_by_the_monitors_state_when_the_log_is_gone(bundle, tmp_path, capsys):
    texts = [json.loads(each)["input"] for each in (bundle.parent / "traces.jsonl").read_text().splitlines()[:400]]
    log, state, page = tmp_path / "log", tmp_path / "state", tmp_path / "page.html"
    state.mkdir()
    with ts.deploy(bundle, teacher=lambda text: '{"intent": "other"}', log=log, audit=1.0) as deployed:
        for text in texts:
            deployed.classify(text)
    assert main(["monitor", str(bundle), str(log), "--state", str(state)]) == 4
    (kept,) = state.iterdir()
    before = kept.read_bytes()
    shutil.rmtree(log)
    assert main(["report", str(bundle), "--state", str(state), "-o", str(page)]) == 0
    assert '<h1 id="claim">Refuted, by the log since release' in page.read_text("utf-8")
    assert kept.read_bytes() == before
    capsys.readouterr()
    assert main(["report", str(bundle), "--state", str(tmp_path / "none.json"), "-o", str(page)]) == 1
    told = capsys.readouterr().err
    assert "none.json\n  there is no state of a monitor here" in told
    assert "hint: 'tracer-spec monitor --state' writes it" in told


def test_another_bundle_than_the_one_asked_for_is_refused_and_the_old_page_stays(bundle, tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text("as it was")
    assert main(["report", str(bundle), "-o", str(page), "--sha256", "0" * 64]) == 4
    assert page.read_text() == "as it was"
    assert "was asked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "call"),
    [("jinja2", ["report", "x.tracer"]), ("vl_convert", ["build", "router.yaml", "--report", "page.html"])],
)
def test_what_draws_is_named_with_its_install_command_where_it_is_missing(spec, bundle, module, call):
    (spec.parent / "x.tracer").write_bytes(bundle.read_bytes())
    script = (
        f"import sys; sys.modules['{module}'] = None; from tracer_spec.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *call], cwd=spec.parent, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert f"the report needs the module '{module}', which cannot be imported" in result.stderr
    assert "hint: pip install 'tracer-spec[report]'" in result.stderr
    assert not list(spec.parent.glob("*.html"))


def test_a_build_writes_its_report_where_it_is_asked_to(built, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(built.args[-1])
    page = tmp_path / "page.html"
    call = ["build", "router.yaml", "--out", str(tmp_path / "again.tracer"), "--report", str(page), "--draft", "-q"]
    assert main([*call, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["status"] == "draft"
    assert f"report     {page}  (" in told.err
    assert "✎" in page.read_text(encoding="utf-8")


def test_a_refused_build_writes_no_report_and_says_so(spec, monkeypatch, capsys):
    monkeypatch.chdir(spec.parent)
    traces = [{"input": f"text {n}", "teacher": "ab"[n % 2]} for n in range(40)]
    (spec.parent / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))
    assert main(["build", "router.yaml", "--report", "page.html", "-q"]) == 3
    assert "page.html was not written: a refused build has no bundle to report" in capsys.readouterr().err
    assert not (spec.parent / "page.html").exists()


def test_a_check_writes_nothing_and_so_takes_no_report(spec, capsys):
    assert main(["build", str(spec), "--check", "--report", "page.html"]) == 2
    assert "take one of them" in capsys.readouterr().err
