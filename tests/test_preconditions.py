"""What surrounds a build: found out before it costs anything, and told as what it is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import tracer_spec as ts
from tests import zygote
from tracer_spec.atomic_write import check_writable, replace_file
from tracer_spec.errors import TracerError, UsageError
from tracer_spec.preconditions import source_date

ROOT = Path(__file__).parents[1]
FORMAT_1 = ROOT / "tests" / "runtime" / "data" / "format-1.tracer"
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: {use: lsa, with: {dim: 8}}
zoo: [logreg]
families: [l2d]
target: {agreement: 0.8}
"""


@pytest.fixture
def spec(tmp_path):
    """Return a spec without traces: who gets as far as reading them says that there are none."""
    path = tmp_path / "router.yaml"
    path.write_text(SPEC)
    return path


def call(folder, *args, env=None, stdin="", shell=""):
    """Run the command line, through a shell that redirects where one is given."""
    if not shell:
        return zygote.call(*args, cwd=folder, env=env, stdin=stdin)
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {shell}', "sh", *zygote.COMMAND, *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- files that are no regular files ---------------------------------------------------------------------------------


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "releases").mkdir()
    real, link = tmp_path / "releases" / "1.tracer", tmp_path / "current.tracer"
    link.symlink_to("releases/1.tracer")
    for data in (b"new", b"newer"):  # it leads to nothing at first
        replace_file(link, data, what="the bundle")
        assert (link.is_symlink(), real.is_symlink(), real.read_bytes()) == (True, False, data)
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["1.tracer", "current.tracer", "releases"]


@pytest.mark.parametrize("through_a_link", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_regular_file_is_refused_and_left_alone(tmp_path, monkeypatch, kind, through_a_link):
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    if kind == "pipe":
        os.mkfifo("there")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("there")
    else:
        Path("there").symlink_to("/dev/null")
    place = Path("there")
    if through_a_link:
        place = Path("link")
        place.symlink_to("there")
    before = place.stat()
    for attempt in (lambda: check_writable(place, what="the bundle"), lambda: replace_file(place, b"", what="it")):
        with pytest.raises(TracerError, match=f"this is a {kind}, and would be replaced by a file"):
            attempt()
    assert place.stat()[:4] == before[:4]


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(TracerError, match="cannot be written: Too many levels of symbolic links"):
        replace_file(tmp_path / "a", b"", what="it")


def test_decisions_replace_what_a_link_leads_to(tmp_path):
    from tracer_spec.cli.commands.route_streams import output

    (tmp_path / "link").symlink_to("real")
    with output(str(tmp_path / "link")) as file:
        file.write(b"{}\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"{}\n"


# --- outputs, before anything is read --------------------------------------------------------------------------------


def test_an_output_is_found_to_be_impossible_before_the_traces_are_read(spec, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for out, why in (("file/x.tracer", "Not a directory"), ("folder", "Is a directory")):
        with pytest.raises(TracerError, match=f"the bundle cannot be written: {why}"):
            ts.build(spec, out=tmp_path / out)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder", "router.yaml"]


@pytest.mark.parametrize("out", ["traces.jsonl", "router.yaml", "router.lock", "vectors.npy"])
def test_a_bundle_takes_no_other_files_place(spec, tmp_path, out):
    place = tmp_path / out
    kept = place.read_bytes() if place.exists() else b'{"input": "where is it?", "teacher": "lost"}\n'
    place.write_bytes(kept)
    with pytest.raises(TracerError, match="the bundle would replace a file of another kind") as refusal:
        ts.build(spec, out=place)
    assert "ends in .tracer" in refusal.value.problems[0].hint
    assert place.read_bytes() == kept


def test_a_bundle_takes_the_place_of_one_an_empty_file_and_whatever_has_its_ending(spec, tmp_path):
    for name, content in (("old.bin", b"PK\x03\x04 older"), ("empty", b""), ("x.tracer", b"version https://git-lfs")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TracerError, match=r"traces\.jsonl"):  # it gets as far as reading them
            ts.build(spec, out=tmp_path / name)


def test_a_report_takes_no_other_files_place(tmp_path):
    bundle = tmp_path / "x.tracer"
    bundle.write_bytes(FORMAT_1.read_bytes())
    done = call(tmp_path, "report", "x.tracer", "-o", "x.tracer")
    assert done.returncode == 1
    assert "x.tracer\n  the report would replace a file of another kind\n  hint: name a file" in done.stderr
    assert bundle.read_bytes() == FORMAT_1.read_bytes()
    for _ in range(2):
        assert call(tmp_path, "report", "x.tracer", "-o", "page").returncode == 0


def test_a_build_with_a_report_finds_that_out_before_the_traces_are_read(spec, tmp_path):
    done = call(tmp_path, "build", "router.yaml", "--report", "router.yaml")
    assert done.returncode == 1
    assert "the report would replace a file of another kind" in done.stderr
    assert spec.read_text() == SPEC


def test_bundle_and_report_are_not_one_file(spec, tmp_path):
    done = call(tmp_path, "build", "router.yaml", "--out", "x.html", "--report", str(tmp_path / "x.html"))
    assert done.returncode == 2
    assert "--out and --report name one file" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["router.yaml"]


@pytest.mark.parametrize(
    ("out", "content"), [("router.yaml", b"version: 1\n"), ("labels", b"refund\n"), ("v.npy", b"\x93NUMPY")]
)
def test_decisions_take_no_place_of_a_file_of_another_kind(tmp_path, out, content):
    (tmp_path / "x.tracer").write_bytes(FORMAT_1.read_bytes())
    (tmp_path / "requests.jsonl").write_text('{"embedding": [1, 0, 0, 0]}\n')
    (tmp_path / out).write_bytes(content)
    done = call(tmp_path, "route", "x.tracer", "requests.jsonl", "--out", out)
    assert done.returncode == 1
    assert "would replace a file of another kind" in done.stderr
    assert (tmp_path / out).read_bytes() == content
    for _ in range(2):
        assert call(tmp_path, "route", "x.tracer", "requests.jsonl", "--out", "decided").returncode == 0


@pytest.mark.parametrize("out", ["x.tracer", "./requests.jsonl", "link"])
def test_decisions_take_no_place_of_what_is_read(tmp_path, out):
    (tmp_path / "x.tracer").write_bytes(FORMAT_1.read_bytes())
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"embedding": [1, 0, 0]}\n')
    (tmp_path / "link").symlink_to("requests.jsonl")
    done = call(tmp_path, "route", "x.tracer", "request*.jsonl", "--out", out)
    assert done.returncode == 2
    assert "which is read" in done.stderr
    assert requests.read_text() == '{"embedding": [1, 0, 0]}\n'
    assert (tmp_path / "x.tracer").read_bytes() == FORMAT_1.read_bytes()


def test_a_lock_is_found_to_be_impossible_before_the_traces_are_read(spec, tmp_path):
    (tmp_path / "router.lock").mkdir()
    with pytest.raises(TracerError, match="the lock cannot be written: Is a directory"):
        ts.build(spec, out=tmp_path / "x.tracer")


@pytest.mark.skipif(os.geteuid() == 0 and not hasattr(os, "setuid"), reason="nobody is refused anything")
def test_a_folder_that_may_not_be_written_is_found_out(spec, tmp_path):
    forbidden = tmp_path / "forbidden"
    forbidden.mkdir(mode=0o555)
    program = """
import os, sys, pathlib
from tracer_spec.atomic_write import check_writable
if os.geteuid() == 0:
    os.setuid(65534)
try:
    check_writable(pathlib.Path("forbidden/new/x.tracer"), what="the bundle")
except Exception as error:
    print(error)
"""
    tmp_path.chmod(0o755)
    said = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "the bundle cannot be written: Permission denied" in said.stdout


def test_a_check_writes_nothing_and_asks_for_no_output(spec, tmp_path):
    from tracer_spec.errors import LockError

    with pytest.raises(LockError):
        ts.build(spec, out=tmp_path, check=True)


# --- time, libraries, streams, home ----------------------------------------------------------------------------------


def test_a_source_date_is_seconds_since_1970():
    assert source_date({"SOURCE_DATE_EPOCH": "86400"}) == "1970-01-02T00:00:00Z"
    assert source_date({}) is None
    for text in ("abc", "1e9", "9" * 30, "-1", "-60000000000", " 12 ", "1_000", "\N{ARABIC-INDIC DIGIT THREE}"):
        with pytest.raises(UsageError, match=f"SOURCE_DATE_EPOCH is '{text}'"):
            source_date({"SOURCE_DATE_EPOCH": text})


def test_a_source_date_that_is_none_is_told_before_the_traces_are_read(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "abc")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH is 'abc'"):
        ts.build(spec, out=tmp_path / "x.tracer")


@pytest.mark.parametrize("raised", ["ImportError('numpy.core.multiarray failed')", "AttributeError('_ARRAY_API')"])
def test_an_onnxruntime_that_does_not_fit_is_the_environments(spec, tmp_path, raised):
    (tmp_path / "broken" / "onnxruntime").mkdir(parents=True)
    (tmp_path / "broken" / "onnxruntime" / "__init__.py").write_text(f"raise {raised}\n")
    path = f"{tmp_path / 'broken'}{os.pathsep}{ROOT}"
    result = call(tmp_path, "build", "router.yaml", env={"PYTHONPATH": path})
    assert (result.returncode, result.stdout) == (1, "")
    assert "onnxruntime cannot be imported: " in result.stderr
    assert "hint: pip install --upgrade numpy onnxruntime" in result.stderr


def test_a_package_that_cannot_be_imported_is_no_bug_of_ours():
    from tracer_spec.cli.failure import failure_of

    foreign = failure_of(ImportError("numpy.core.multiarray failed to import", name="onnxruntime.capi"))
    assert (foreign.exit_code, foreign.problems[0].what[:38]) == (1, "onnxruntime.capi cannot be imported: n")
    assert failure_of(ImportError("cannot import name 'x'", name="tracer_spec.plan")).exit_code == 70


def test_a_closed_stdout_is_told(spec, tmp_path):
    result = call(tmp_path, "validate", "router.yaml", shell=">&-")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("stdout is closed, so nothing could be answered\n")


def test_a_closed_stdin_is_told_where_it_is_read(spec, tmp_path):
    assert call(tmp_path, "validate", "router.yaml", shell="<&-").returncode == 0
    for args in (("validate", "-"), ("build", "router.yaml", "--set", "traces.with.path='-'")):
        result = call(tmp_path, *args, shell="<&-")
        assert (result.returncode, result.stdout) == (1, "")
        assert "stdin is closed" in result.stderr


def test_a_closed_stderr_disturbs_nothing(spec, tmp_path):
    result = call(tmp_path, "validate", "router.yaml", shell="2>&-")
    assert (result.returncode, result.stdout[:15]) == (0, "router.yaml: ok")


def test_closed_streams_are_no_number_for_a_file(tmp_path):
    program = "from tracer_spec.cli.standard_streams import stand_in; stand_in(); print(open('f', 'w').fileno())"
    command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", program]
    said = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert int(said.stdout) > 2


def test_without_a_home_a_build_gets_as_far_as_its_traces(spec, tmp_path):
    kept = {key: value for key, value in os.environ.items() if key != "HOME" and not key.startswith(("XDG", "TRACER"))}
    program = """
import pwd, sys
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
from tracer_spec.cli import main
sys.exit(main())
"""
    for folder in ({}, {"TRACER_SPEC_CACHE": "~/cache"}):
        for verb in (["build", "router.yaml"], ["plan", "router.yaml"], ["cache", "info"], ["validate", "router.yaml"]):
            result = subprocess.run(
                [sys.executable, "-c", program, *verb],
                cwd=tmp_path,
                env={**kept, **folder, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert "a bug in tracer-spec" not in result.stderr
            assert result.returncode in (0, 1)
            assert not (tmp_path / "~").exists()
            if verb[0] == "build":
                assert "traces.jsonl" in result.stderr


# --- a spec from stdin -----------------------------------------------------------------------------------------------


def test_a_spec_may_come_from_stdin(spec, tmp_path):
    rows = ({"id": f"e{i}", "input": f"text {i}", "teacher": "ab"[i % 2]} for i in range(300))
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = call(tmp_path, "validate", "-", stdin=SPEC)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("-: ok (small: ")
    planned = call(tmp_path, "plan", "-", "--json", "-q", stdin=SPEC)
    assert json.loads(planned.stdout)["traces"]["kept"] == 300
    drafted = call(tmp_path, "build", "-", "--draft", "-q", stdin=SPEC)
    assert drafted.returncode == 0, drafted.stderr
    assert (tmp_path / "dist" / "small.draft.tracer").is_file()
    assert not list(tmp_path.glob("*.lock"))


def test_the_problems_of_a_spec_from_stdin_are_placed(tmp_path):
    result = call(tmp_path, "validate", "-", stdin="version: 1\nname: Not A Name\n")
    assert result.returncode == 2
    assert "stdin:2:7  name" in result.stderr


def test_a_spec_from_stdin_has_no_lock_to_build_by(tmp_path):
    result = call(tmp_path, "build", "-", "--locked", stdin=SPEC)
    assert result.returncode == 5
