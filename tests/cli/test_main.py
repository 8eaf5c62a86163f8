"""Exit codes, errors as text and as documents, and what a call imports."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tracer_spec.cli.verbs import VERBS

IMPORTED = """\
import sys
from tracer_spec.cli import main
main({args})
print(*sorted(sys.modules), file=sys.stderr)
"""


def error_of(stdout: str) -> dict:
    document = json.loads(stdout)
    assert document["schema_version"] == 1
    assert set(document) == {"schema_version", "error"}
    for problem in document["error"]["problems"]:
        assert set(problem) == {"where", "address", "what", "hint"}
    return document["error"]


def imported_by(args: list[str], cwd: Path) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(args=args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stderr.split())


# --- help ---------------------------------------------------------------------------------------------------


def test_help_lists_every_verb_and_the_exit_codes(run):
    result = run("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    for verb, summary in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(summary)}$", result.stdout, re.MULTILINE)
    for code in ("0 ok", "3 gate refused", "70 a bug", "130 interrupted"):
        assert code in " ".join(result.stdout.split())


def test_help_imports_click_and_nothing_heavy(tmp_path):
    modules = imported_by(["--help"], tmp_path)
    assert "click" in modules
    assert not modules & {"numpy", "pydantic", "rich", "yaml", "pluggy", "onnxruntime", "sklearn", "scipy"}
    assert not {name for name in modules if name.startswith("tracer_spec.cli.") and name.rpartition(".")[2] in VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(run, verb):
    result = run(verb, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: tracer-spec {verb} [OPTIONS]")
    assert "--json" in result.stdout


def test_version_is_that_of_the_package(run):
    from tracer_spec import __version__

    assert run("--version").stdout == f"tracer-spec {__version__}\n"


# --- usage: exit code 2 -------------------------------------------------------------------------------------


def test_without_a_command_the_help_goes_to_stderr_and_the_exit_code_is_2(run):
    result = run()
    assert (result.returncode, result.stdout) == (2, "")
    assert "Commands:" in result.stderr
    assert result.stderr.endswith("a command is missing\n")


def test_a_mistyped_command_is_answered_with_the_one_that_may_be_meant(run):
    result = run("bild", "router.yaml")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"there is no command 'bild'; there are {', '.join(VERBS)}\n  hint: did you mean 'build'?\n"
    )


def test_an_unknown_option_is_a_usage_error_with_the_usage_and_a_hint(run):
    result = run("build", "router.yaml", "--sett", "a=1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: tracer-spec build [OPTIONS] SPEC")
    assert "'--sett'" in result.stderr
    assert "hint: 'tracer-spec build --help' explains the call" in result.stderr


def test_a_usage_error_is_a_document_with_json(run):
    result = run("build", "--json")
    assert (result.returncode, result.stderr) == (2, "")
    error = error_of(result.stdout)
    assert error["exit_code"] == 2
    assert "SPEC" in error["problems"][0]["what"]


def test_quiet_and_verbose_exclude_each_other(run, spec):
    result = run("build", str(spec), "-q", "-v")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "--quiet and --verbose are both given; take one of them\n"


# --- the spec: exit code 2 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["validate", "build"])
def test_a_spec_that_is_not_there_is_named(run, verb):
    result = run(verb, "nowhere.yaml")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("nowhere.yaml\n  there is no such file\n")


@pytest.mark.parametrize("verb", ["validate", "build"])
def test_all_errors_of_a_spec_are_reported_at_once_with_their_places(run, spec, verb):
    text = spec.read_text().replace("agreement: 0.9", "agreement: 92").replace("name: small", "name: Small Router")
    spec.write_text(text + "fmailies: [l2d]\n")
    result = run(verb, "router.yaml")
    assert (result.returncode, result.stdout) == (2, "")
    assert re.search(r"^router\.yaml:2:7  name$", result.stderr, re.MULTILINE)
    assert re.search(r"^router\.yaml:10:21  target\.agreement$", result.stderr, re.MULTILINE)
    assert re.search(r"^router\.yaml:11:1  fmailies$", result.stderr, re.MULTILINE)
    assert "did you mean 'families'?" in result.stderr
    assert result.stderr.endswith("3 problems\n")


def test_the_errors_of_a_spec_as_a_document(run, spec):
    spec.write_text(spec.read_text().replace("zoo: [logreg]", "zoo: [logrge]"))
    result = run("validate", "router.yaml", "--json")
    assert (result.returncode, result.stderr) == (2, "")
    (problem,) = error_of(result.stdout)["problems"]
    assert (problem["where"], problem["address"]) == ("router.yaml:8:7", "zoo[0]")
    assert problem["what"].startswith("no surrogate is called 'logrge'; known: ")
    assert problem["hint"] == "did you mean 'logreg'?"


def test_a_label_step_that_no_app_can_deploy_is_a_warning_of_validate_plan_and_build(run, spec):
    spec.write_text(spec.read_text().replace("[strip, first-line]", '["regex:^[*]*(.*?)[*.]*$"]'))
    said = "traces.labels.normalize[0]: the step could take too long on some texts"
    valid = run("validate", "router.yaml")
    assert valid.returncode == 0
    assert f"\n  warning: {said}" in valid.stdout
    assert json.loads(run("validate", "router.yaml", "--json").stdout)["warnings"][0].startswith(said)
    rows = [
        {"id": f"e{n}", "input": f"{'ab'[n % 2]} {n}", "teacher": "**refund**" if n % 2 else "card"} for n in range(200)
    ]
    spec.with_name("traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for verb in ("plan", "build"):
        (warning,) = (
            each for each in json.loads(run(verb, "router.yaml", "--json").stdout)["warnings"] if each.startswith(said)
        )
        assert "'deploy' and 'serve' refuse the bundle" in warning


def test_a_confidence_that_nothing_tests_is_told_and_not_repeated(run, spec):
    asked = ("validate", "router.yaml", "--set", "target.calibrator=empirical")
    first, *warnings = run(*asked, "--set", "target.confidence=0.9").stdout.splitlines()
    assert first.endswith(", target 0.9 untested)")
    assert warnings == [
        "  warning: target.confidence: the calibrator 'empirical' makes no test and states no confidence; take it out, "
        "or name a calibrator that makes a test"
    ]
    spec.write_text(spec.read_text().replace(", confidence: 0.95", ""))
    assert run(*asked).stdout.endswith(", target 0.9 untested)\n")  # the default, which nobody asked for


def test_an_override_is_checked_like_the_file(run, spec):
    result = run("validate", "router.yaml", "--set", "target.agreement=2")
    assert result.returncode == 2
    assert result.stderr.startswith("--set target.agreement  target.agreement\n")


# --- data: exit code 1 --------------------------------------------------------------------------------------


def test_traces_that_are_not_there_are_the_datas_fault(run, spec, tmp_path):
    (tmp_path / "traces.jsonl").unlink()
    result = run("build", "router.yaml")
    assert (result.returncode, result.stdout) == (1, "")
    assert "traces.jsonl" in result.stderr
    assert not (tmp_path / "dist").exists()


def test_a_bad_line_among_the_traces_is_named_by_file_and_line(run, spec, tmp_path):
    with (tmp_path / "traces.jsonl").open("a") as file:
        file.write("{not json\n")
    result = run("build", "router.yaml", "--json", "-q")
    assert (result.returncode, result.stderr) == (1, "")
    problems = error_of(result.stdout)["problems"]
    assert "traces.jsonl:4" in [problem["where"] for problem in problems]


def test_a_forbidden_output_is_the_environments_fault(run, bundle, tmp_path):
    (tmp_path / "requests.jsonl").write_text('{"input": "hello"}\n')
    result = run("route", str(bundle), "requests.jsonl", "--out", "no/such/folder/out.jsonl")
    assert (result.returncode, result.stdout) == (1, "")
    assert "no/such/folder" in result.stderr
    assert "no such file or directory" in result.stderr


# --- a bug of ours: exit code 70 ----------------------------------------------------------------------------

BUG = """\
import tracer_spec.runtime.bundle as bundle

def read_bundle(path, *, sha256=None):
    secret = "hunter2"
    raise ZeroDivisionError("a message that goes on and on " * 30)

bundle.read_bundle = read_bundle
import tracer_spec.runtime
tracer_spec.runtime.read_bundle = read_bundle
"""


@pytest.fixture
def with_a_bug(tmp_path):
    """Return an environment in which reading a bundle runs into a bug, and a temp folder of its own."""
    (tmp_path / "bug").mkdir()
    (tmp_path / "bug" / "sitecustomize.py").write_text(BUG)
    (tmp_path / "tmp").mkdir()
    return {"PYTHONPATH": str(tmp_path / "bug"), "TMPDIR": str(tmp_path / "tmp"), "API_KEY": "sk-secret"}


def test_a_bug_of_ours_exits_70_and_leaves_a_report_to_paste(run, with_a_bug, tmp_path):
    result = run("inspect", "private-name.tracer", env=with_a_bug)
    assert (result.returncode, result.stdout) == (70, "")
    assert result.stderr.startswith("a bug in tracer-spec: ZeroDivisionError: a message that goes on")
    assert "Traceback" not in result.stderr
    (report,) = (tmp_path / "tmp").glob("tracer-spec-bug-*.txt")
    assert str(report) in result.stderr
    text = report.read_text()
    assert re.search(r"^tracer-spec \d", text)
    assert re.search(r"^Python 3\.\d+\.\d+", text, re.MULTILINE)
    assert re.search(r"libraries: .*numpy \d", text)
    assert re.search(r"tracer_spec/cli/commands/inspect\.py:\d+ in command$", text, re.MULTILINE)


def test_what_is_no_exception_ends_as_a_bug_too(run, with_a_bug, tmp_path):
    code = BUG.replace("raise ZeroDivisionError(", "raise type('Panic', (BaseException,), {})(")
    (tmp_path / "bug" / "sitecustomize.py").write_text(code)
    result = run("inspect", "private-name.tracer", env=with_a_bug)
    assert (result.returncode, result.stdout) == (70, "")
    assert result.stderr.startswith("a bug in tracer-spec: Panic: a message that goes on")


def test_the_report_of_a_bug_holds_no_secret_no_argument_and_no_long_message(run, with_a_bug, tmp_path):
    run("inspect", "private-name.tracer", env=with_a_bug)
    (report,) = (tmp_path / "tmp").glob("tracer-spec-bug-*.txt")
    text = report.read_text()
    for secret in ("hunter2", "sk-secret", "private-name", str(tmp_path)):
        assert secret not in text
    assert max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-16"])
def test_a_document_is_utf_8_whatever_the_charset_of_the_stream(tmp_path, charset):
    (tmp_path / "größe 漢.yaml").write_text("version: 1\n")
    env = {**os.environ, "PYTHONIOENCODING": charset, "PYTHONUTF8": "0"}
    for args in (["validate", "größe 漢.yaml", "--json"], ["validate", "keine 漢.yaml", "--json"], ["cache", "--json"]):
        cache = {"TRACER_SPEC_CACHE": str(tmp_path / "größe 漢"), "TRACER_SPEC_CACHE_MB": "1"}
        command = [sys.executable, "-m", "tracer_spec", *args]
        result = subprocess.run(command, cwd=tmp_path, env=env | cache, capture_output=True, check=False)
        text = result.stdout.decode("utf-8")
        json.loads(text)
        assert "漢" in text


def test_a_bug_is_a_document_with_json(run, with_a_bug):
    result = run("inspect", "x.tracer", "--json", env=with_a_bug)
    assert (result.returncode, result.stderr) == (70, "")
    error = error_of(result.stdout)
    assert error["exit_code"] == 70
    assert "tracer-spec-bug-" in error["problems"][0]["hint"]


# --- interrupted: exit code 130 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--help"], 141),
        (["plugins"], 141),
        (["schema"], 141),
        (["validate", "router.yaml"], 141),
        (["validate", "router.yaml", "--json"], 141),
        (["validate", "nowhere.yaml", "--json"], 2),  # what failed is told by the code all the same
    ],
)
def test_an_answer_that_nobody_reads_ends_quietly_and_not_with_0(spec, tmp_path, args, code):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tracer_spec", *args],
            cwd=tmp_path,
            stdout=write_end,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (code, b"")


def test_an_interrupted_build_exits_130_and_says_what_was_not_written(spec, tmp_path):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tracer_spec",
            "build",
            "router.yaml",
            "--set",
            "traces.with.path='-'",
            "--out",
            "x.tracer",
        ],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stderr.readline().startswith("plan")
    process.stdin.write(
        '{"input": "a", "teacher": "b"}\n' * 10_000
    )  # more than a pipe holds: it reads, and waits for more
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.splitlines()[-1] == "interrupted; x.tracer was not written"
    assert not (tmp_path / "x.tracer").exists()
