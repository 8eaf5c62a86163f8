"""``monitor`` as people and programs see it: the verdict, the numbers, the exit codes."""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tracer_spec as ts
from tests.production.decisions import line

QUICKSTART = Path(__file__).parents[3] / "specs" / "quickstart"


def changed(text: str, label: str) -> str:
    """Return what another teacher says: it gives up a label of the old one."""
    return "other" if label in ("refund", "refund_status", "return_item") else label


@pytest.fixture(scope="module")
def world():
    """Return what the teacher answers to requests that the build has not seen, by text."""
    spec = importlib.util.spec_from_file_location("make_traces", QUICKSTART / "make_traces.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        row["input"]: row["teacher"].strip().splitlines()[0] for row in module.make_traces(seed=99, n_requests=1800)
    }


@pytest.fixture(scope="module")
def deploy(bundle, world, tmp_path_factory):
    """Return a function that deploys the bundle for each text, and gives back the folder of its log."""

    def run_through(name: str, teacher, *, audit: float = 0.5) -> Path:
        folder = tmp_path_factory.mktemp(name)
        with ts.deploy(bundle, teacher=teacher, log=folder, audit=audit, secret=b"s") as deployed:
            for number, text in enumerate(world):
                deployed.classify(text, id=f"{name}-{number}")
        return folder

    return run_through


@pytest.fixture(scope="module")
def same(deploy, world):
    return deploy("same", world.get)


@pytest.fixture(scope="module")
def another(deploy, world):
    return deploy("another", lambda text: changed(text, world[text]))


def fact(stdout: str, name: str) -> str:
    """Return the lines of a fact."""
    found = re.search(rf"^  {name} +(.+(?:\n {{10,}}.+)*)", stdout, re.M)
    assert found, stdout
    return found[1]


def aged(folder: Path, place: Path, days: int) -> Path:
    """Copy a log so that its rows are spread over days."""
    rows = [json.loads(each) for path in sorted(folder.iterdir()) for each in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["time"] = (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=days * number / len(rows))).isoformat()
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def test_a_log_that_does_not_refute_the_claim(run, bundle, same, world):
    result = run("monitor", str(bundle), str(same))
    assert (result.returncode, result.stderr) == (0, "")
    assert re.match(r"holds  small [0-9a-f]{12}\n", result.stdout)
    assert "does not refute the claim, nor can it prove it" in fact(result.stdout, "verdict")
    assert re.match(
        r"0\.9\d\d in \[0\.\d{3}, \d\.\d{3}\]: \d{3} of \d{3} audited rows that are handled",
        fact(result.stdout, "agreement"),
    )
    assert fact(result.stdout, "coverage").endswith(f"of {len(world):,} rows are handled")
    assert fact(result.stdout, "intervals") == "at 0.95, valid at all times together, however often one looks"
    assert fact(result.stdout, "e-value").endswith("20 refutes")
    assert "now; 30,000 warns, against 0.9" in fact(result.stdout, "detector")
    assert "halfway from 0.9 to the 0.9" in fact(result.stdout, "detector")
    assert "no change was seen" in fact(result.stdout, "drift")
    assert "the teacher: none has moved" in fact(result.stdout, "labels")


def test_a_log_from_which_audited_rows_were_taken_says_so_and_so_does_one_of_several_rates(run, bundle, same, tmp_path):
    rows = [json.loads(each) for path in same.iterdir() for each in path.read_text().splitlines()]
    whole = json.loads(run("monitor", str(bundle), str(same), "--json").stdout)["audited"]
    assert whole["is_by_chance"]
    assert whole["expected"] == pytest.approx(sum(row["router"]["audit_rate"] for row in rows))
    left = [row for row in rows if not row["router"]["audit"]]
    (tmp_path / "none.jsonl").write_text("".join(json.dumps(row) + "\n" for row in left))
    result = run("monitor", str(bundle), "none.jsonl")
    assert "rows are missing from the log, or were added" in fact(result.stdout, "audit")
    for row in rows[::2]:
        row["router"]["audit_rate"] = 1.0
    (tmp_path / "mixed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "at rates from" in fact(run("monitor", str(bundle), "mixed.jsonl").stdout, "audit")


def test_a_changed_teacher_contradicts_verify_and_refutes_the_claim(run, bundle, another, same):
    for folder, status, code in ((same, "not contradicted", 0), (another, "contradicted", 4)):
        for log in (f"{folder}/*.jsonl", str(folder)):
            verified = run("verify", str(bundle), log, "--format", "decisions", "--json", "-q")
            assert (verified.returncode, json.loads(verified.stdout)["status"]) == (code, status)
    result = run("monitor", str(bundle), str(another))
    assert (result.returncode, result.stdout[:8]) == (4, "refuted ")
    assert "has been under the 0.9 that was claimed" in fact(result.stdout, "verdict")
    result = run("monitor", str(bundle), str(another), "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["status"]) == (4, "refuted")
    assert document["e_value"]["largest"] >= document["e_value"]["refutes_at"] == pytest.approx(20)
    assert document["moved"]["teacher"][0]["label"] == "other"
    assert document["drift"]["is_seen"] is False
    assert document["claimed"] == document["agreement"]


def test_a_log_of_deferred_rows_alone_measures_nothing_and_says_what_to_do(run, bundle, deploy, world):
    folder = deploy("deferred", world.get, audit=0.0)
    result = run("monitor", str(bundle), str(folder))
    assert result.returncode == 0
    assert result.stdout.startswith("not measured  small ")
    told = fact(result.stdout, "verdict")
    assert f"none of {len(world):,} rows was audited" in told
    assert "audit=0.02" in told
    assert fact(result.stdout, "agreement").startswith("unknown: 0 of 0")
    assert json.loads(run("monitor", str(bundle), str(folder), "--json").stdout)["status"] == "not measured"


def test_a_nightly_run_reads_only_what_is_new(run, bundle, same, another, world, tmp_path):
    log = tmp_path / "decisions"
    log.mkdir()
    (log / "1.jsonl").write_bytes(b"".join(path.read_bytes() for path in same.iterdir()))
    call = ("monitor", str(bundle), "decisions", "--state", "state/small.json", "--json")
    first = json.loads(run(*call).stdout)
    again = json.loads(run(*call).stdout)
    assert (first["log"]["read_in_this_run"], again["log"]["read_in_this_run"]) == (len(world), 0)
    assert {**first, "log": None} == {**again, "log": None}
    (log / "2.jsonl").write_bytes(b"".join(path.read_bytes() for path in another.iterdir()))
    third = run(*call)
    (log / "1.jsonl").unlink()
    (log / "2.jsonl").write_bytes(b"")
    last = run(*call)
    assert third.returncode == last.returncode == 4
    assert json.loads(third.stdout)["log"]["rows"] == json.loads(last.stdout)["log"]["rows"] == 2 * len(world)
    assert "1.jsonl" in json.loads(last.stdout)["log"]["notes"][-1]
    fresh = json.loads(run("monitor", str(bundle), str(same), str(another), "--json").stdout)
    assert {key: fresh[key] for key in ("agreement", "coverage", "labels", "drift")} == {
        key: json.loads(third.stdout)[key] for key in ("agreement", "coverage", "labels", "drift")
    }


def test_a_log_that_has_stopped_is_told_and_one_of_today_is_not(run, bundle, same, tmp_path):
    aged(same, tmp_path / "aged.jsonl", 40)
    call = ("monitor", str(bundle), "aged.jsonl", "--state", "s.json")
    assert "last line" not in run("monitor", str(bundle), str(same), "--brief").stdout
    for emptied in (False, True):
        shown = run(*call, "--brief")
        told = fact(shown.stdout, "last line")
        assert (shown.returncode, shown.stdout[:5]) == (0, "holds")
        assert re.match(r"WARNING: the last decision was on 2026-04-09 at \d\d:\d\d UTC, \d+ days ago", told)
        assert ("no line is new in this run" in told) == emptied
        (tmp_path / "aged.jsonl").write_text("")
    assert json.loads(run(*call, "--json").stdout)["log"]["has_stopped"] is True
    assert "title=tracer-spec%3A the log has stopped::" in run(*call, "--format", "github").stdout


def test_a_log_of_two_teachers_names_them(run, bundle, same, tmp_path):
    rows = [json.loads(each) for path in same.iterdir() for each in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["model"] = "gpt-5-mini" if number < 1200 else "gpt-6"
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    audited = [row for row in rows if row["router"]["audit"]]
    n_new = sum(row["model"] == "gpt-6" for row in audited)
    told = fact(run("monitor", str(bundle), "a.jsonl", "--brief").stdout, "teachers")
    assert re.match(rf"WARNING: audited rows have 2 teachers: 'gpt-5-mini' \d+ \(.+\), 'gpt-6' {n_new} \(20", told)
    document = json.loads(run("monitor", str(bundle), "a.jsonl", "--json").stdout)
    assert document["teacher_has_changed"] is True
    assert [(each["model"], each["n"]) for each in document["teachers"]] == [
        ("gpt-5-mini", len(audited) - n_new),
        ("gpt-6", n_new),
    ]
    assert json.loads(run("monitor", str(bundle), str(same), "--json").stdout)["teacher_has_changed"] is False


def test_a_refuted_claim_names_the_rollback_of_its_folder_where_there_is_a_way_back(run, bundle, another, tmp_path):
    assert run("promote", str(bundle), "live").returncode == 0
    call = ("monitor", "live", str(another), "--brief")
    told = fact(run(*call).stdout, "verdict")
    assert "rollback" not in told
    now = "let the teacher answer until the next bundle: tracer-spec promote live live --shadow; running apps keep it"
    assert told.index("refuted after") < told.index(now) < told.index("audited rows may certify the next bundle")
    pointer = json.loads((tmp_path / "live/release.json").read_text())
    (tmp_path / "live/release.json").write_text(json.dumps({**pointer, "history": ["0" * 64]}))
    shown = run(*call)
    assert shown.returncode == 4
    assert "take it back: tracer-spec rollback live; running apps keep it" in fact(shown.stdout, "verdict")
    (tmp_path / "live/release.json").write_text(json.dumps({**pointer, "mode": "shadow"}))
    assert "tracer-spec" not in fact(run(*call).stdout, "verdict")


def test_a_folder_of_states_that_cannot_be_made_is_said_before_anything_is_read(run, bundle, same, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("monitor", str(bundle), str(same), "--state", "file/")
    assert (result.returncode, result.stdout) == (1, "")
    assert "file/\n  the monitor's state cannot be written: " in result.stderr
    assert "hint: name a folder that this user may write to" in result.stderr


def test_a_folder_holds_a_state_for_each_version(run, bundle, same, world, tmp_path):
    """A nightly run of what decides now goes on after a promotion: one name for all versions."""
    call = ("monitor", str(bundle), str(same), "--state", "states/", "--json")
    assert json.loads(run(*call).stdout)["log"]["read_in_this_run"] == len(world)
    assert json.loads(run(*call).stdout)["log"]["read_in_this_run"] == 0
    version = json.loads(run(*call).stdout)["version"]
    assert [each.name for each in (tmp_path / "states").iterdir()] == [f"monitor-{version}.json"]


def test_a_picture_over_time_where_there_are_days_and_a_terminal_that_can_show_it(run, bundle, same, tmp_path):
    aged(same, tmp_path / "aged.jsonl", 40)
    shown = run("monitor", str(bundle), "aged.jsonl")
    assert "agreement over time, ● with its interval; dotted: the 0.9 claimed" in shown.stdout
    assert re.search(r"^ +└2026-03-01─+2026-04-\d\d$", shown.stdout, re.M)
    assert shown.stdout.count("●") >= 8
    for other in (
        run("monitor", str(bundle), "aged.jsonl", "--brief"),
        run("monitor", str(bundle), "aged.jsonl", env={"PYTHONIOENCODING": "ascii"}),
        run("monitor", str(bundle), str(same)),
    ):
        assert other.returncode == 0
        assert "over time" not in other.stdout
    periods = json.loads(run("monitor", str(bundle), "aged.jsonl", "--json").stdout)["periods"]
    assert len(periods) == 40
    assert periods[-1]["since_release"]["n"] == sum(each["claimed"]["n"] for each in periods)


def test_no_text_of_a_request_is_printed_and_nothing_of_a_log_steers_a_terminal(run, bundle, tmp_path):
    version = json.loads(run("verify", str(bundle), "--json").stdout)["version"]
    lines = [line(n, version=version, audit=True, teacher="\x1b[2Jmade up ::error::") for n in range(3)]
    lines.append(line(4, version="\x1b[31mred\n::error::"))
    lines.append(line(5, version=version, handled=False, reason="\x1b[2J##[error]why"))
    (tmp_path / "a\x1b[2J.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    for more in ([], ["--json"], ["--format", "github"]):
        out = run("monitor", str(bundle), str(tmp_path), *more).stdout
        assert "where is card" not in out
        assert "\x1b" not in out
        assert "##[error]" not in out
        assert "made up" not in out


def test_on_github_a_verdict_that_matters_is_an_annotation(run, bundle, same, another, tmp_path):
    env = {"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    good = run("monitor", str(bundle), str(same), "--format", "github", env=env)
    assert "::error" not in good.stdout
    assert "status<<" in (tmp_path / "out").read_text()
    bad = run("monitor", str(bundle), str(another), "--format", "github", env=env)
    assert bad.returncode == 4
    assert re.search(r"^::error title=tracer-spec%3A small \w+%3A refuted::agreement has been under", bad.stdout, re.M)
    assert "refuted" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize(
    ("args", "code", "what"),
    [
        (["none"], 1, "there is no such file"),
        (["other.jsonl"], 1, "no line is a decision of small"),
        (["traces.jsonl"], 1, "none of 1 line is a decision of small"),
        (["traces.jsonl", "--alpha", "2"], 2, "alpha must be between 0 and 1"),
        (["traces.jsonl", "--alpha", "x"], 2, "--alpha"),
        ([], 2, "LOG..."),
        (["other.jsonl", "--state", "traces.jsonl"], 1, "this is no state of a monitor"),
        (["other.jsonl", "--sha256", "0" * 64], 4, "was asked for"),
    ],
)
def test_what_cannot_be_done_is_said(run, bundle, tmp_path, args, code, what):
    (tmp_path / "other.jsonl").write_text(json.dumps(line(0)) + "\n")
    (tmp_path / "traces.jsonl").write_text('{"input": "x", "teacher": "a"}\n')
    result = run("monitor", str(bundle), *args)
    assert (result.returncode, result.stdout) == (code, "")
    assert what in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_state_that_cannot_be_written_hides_no_verdict(run, bundle, same, another, tmp_path, form):
    """There is no room for the name of the temporary file beside it."""
    for folder, status, code in ((same, "holds", 1), (another, "refuted", 4)):
        place = tmp_path / ("n" * 250)
        result = run("monitor", str(bundle), str(folder), "--state", str(place), *(["--json"] * (form == "json")))
        assert result.returncode == code
        told = json.loads(result.stdout)["status"] if form == "json" else result.stdout.split()[0]
        assert told == status
        assert "the monitor's state cannot be written: File name too long" in result.stderr
