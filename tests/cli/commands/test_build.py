"""The build as people and programs see it: the story, the document, the refusal, the progress."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tracer_spec.report.facts import dropped_text, policy_text

ROOT = Path(__file__).parents[3]


def write_noise(path: Path, n_rows: int = 80) -> None:
    """Write traces whose labels have nothing to do with their texts: nothing can be certified on them."""
    numbers = [i * 7919 % 1013 for i in range(n_rows)]
    rows = [{"input": f"request number {n}", "teacher": "abc"[i * 31 % 7 % 3]} for i, n in enumerate(numbers)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def noise(spec, tmp_path):
    write_noise(tmp_path / "traces.jsonl")
    return spec


@pytest.fixture(scope="module")
def again(built, call_in, tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Return the outcome of the same build in another folder, as a document, and the folder."""
    folder = tmp_path_factory.mktemp("again")
    for name in ("router.yaml", "traces.jsonl"):
        (folder / name).write_bytes((Path(built.args[-1]) / name).read_bytes())
    return call_in("build", "router.yaml", "--json", "-q", "--workers", "1", cwd=folder), folder


# --- certified ----------------------------------------------------------------------------------------------


def test_the_story_tells_the_claim_the_numbers_and_what_to_do_next(built, bundle):
    story = built.stdout
    assert re.match(r"certified  small [0-9a-f]{12}  in \d+\.\d s\n", story)
    assert re.search(r"^  claim +with 95 % confidence, .* at least 90 % of the traffic it handles$", story, re.M)
    assert re.search(r"^  policy +(global|l2d): logreg", story, re.MULTILINE)
    assert re.search(
        r"^  estimate +coverage 0\.\d{3}, agreement 0\.\d{3} \(fit rows, out of fold\)$", story, re.MULTILINE
    )
    assert re.search(
        r"^  test +[\d,]+ of [\d,]+ handled certify rows agree with the teacher \(p = [\d.e-]+, of 0\.045 allowed\)$",
        story,
        re.M,
    )
    traces = r"^  traces +1,\d{3} read, 1,500 kept; dropped: \d+ duplicate id; 9\d\d fit, 5\d\d certify; 1\d labels"
    assert re.search(traces, story, re.MULTILINE)
    assert f"tracer-spec route {bundle} --text" in story
    assert f"tracer-spec report {bundle} -o report.html" in story
    assert len(story.splitlines()) <= 22


def test_the_story_names_the_file_by_its_true_digest(built, bundle):
    import hashlib

    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert re.search(rf"^  sha256 +{digest}$", built.stdout, re.MULTILINE)


def test_without_a_terminal_progress_is_one_plain_line_per_stage_and_learner(built):
    lines = built.stderr.splitlines()
    stages = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert stages == ["plan", "read", "split", "embed", "train", "propose", "certify", "audit", "write"]
    assert sum(bool(re.match(r" +logreg +agreement 0\.\d{3}  \(\d", line)) for line in lines) == 1
    assert "\x1b" not in built.stderr + built.stdout
    assert "\r" not in built.stderr


def test_the_document_of_a_build_holds_what_the_story_tells(again):
    result, folder = again
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert document["status"] == "certified"
    assert document["bundle"] == str(Path("dist/small.tracer"))
    assert (folder / "dist" / "small.tracer").is_file()
    assert document["policy"]["family"] in ("global", "l2d")
    assert [stage["surrogate"] for stage in document["policy"]["stages"]] == ["logreg"]
    certificate = document["certificate"]
    assert (certificate["target"], certificate["confidence"]) == (0.9, 0.95)
    assert 0.9 < certificate["k"] / certificate["n"] <= 1
    assert certificate["p_value"] <= 0.05
    assert 0 < document["estimate"]["coverage"] <= 1
    assert document["traces"]["read"] == document["traces"]["kept"] + sum(document["traces"]["dropped"].values())
    assert document["seconds"] > 0


def test_building_again_elsewhere_with_another_number_of_workers_gives_the_same_file(again, bundle):
    _, folder = again
    assert (folder / "dist" / "small.tracer").read_bytes() == bundle.read_bytes()


# --- refused ------------------------------------------------------------------------------------------------


def test_a_refusal_exits_3_writes_nothing_and_says_what_is_missing(run, noise, tmp_path):
    result = run("build", "router.yaml")
    assert result.returncode == 3, result.stderr
    assert result.stdout.startswith("refused  small  in ")
    assert re.search(r"^  finding +no policy could be shown, at 95 % confidence, to agree", result.stdout, re.M)
    assert re.search(
        r"^  advice +nearest: (about [\d,]+ more|many times as many) traces"
        r"(, or target\.agreement 0\.\d\d now|; no target of 0\.5 )",
        result.stdout,
        re.M,
    )
    assert (
        "with few traces an encoder helps most: pip install tracer-spec-encoder (./plugins/tracer-spec-encoder in a clone), "
        "'embedder: {use: encoder, " in " ".join(result.stdout.split())
    )
    # no look was spent, so the next one may spend 0.05 * 0.9: ceil(ln 0.045 / ln 0.9)
    assert "a policy must handle 30 certify rows or more" in result.stdout
    assert result.stdout.endswith("dist/small.tracer was not written\n")
    assert not (tmp_path / "dist" / "small.tracer").exists()


def test_a_refused_end_to_end_target_is_told_how_many_certify_rows_it_takes_handled_or_not(run, noise):
    target = "target={end_to_end: 0.97, confidence: 0.95, min_coverage: 0.5, calibrator: risk-control}"
    result = run("build", "router.yaml", "-q", "--set", target)
    assert result.returncode == 3
    # ceil(ln 0.045 / ln 0.97): no look was spent
    assert "in the next build it takes 102 certify rows or more to be certifiable at all; there are " in result.stdout


def test_a_refusal_says_where_no_family_can_leave_hard_requests_to_the_teacher(run, noise):
    told = {
        families: " ".join(run("build", "router.yaml", "--set", f"families=[{families}]").stdout.split())
        for families in ("global", "global, l2d")
    }
    advised = {families: "handles all or nothing: list 'l2d' in 'families'" in text for families, text in told.items()}
    assert advised == {"global": True, "global, l2d": False}


def test_a_refusal_names_the_guard_that_refuses_most_rows(run, noise):
    shut = ("--set", "guards=[{use: prototypes, with: {quantile: 0.001}}]", "--set", "target.min_coverage=0.5")
    result = run("build", "router.yaml", "-q", *shut)
    assert result.returncode == 3
    text = " ".join(result.stdout.split())
    share = json.loads(run("build", "router.yaml", "--json", "-q", *shut).stdout)["advice"]["guards"][0]["refused"]
    assert share > 0.5
    assert (
        f"guards[0]: the guard 'prototypes' refuses {share:.1%} of the fit rows, whatever surrogate is asked: set it "
        "to let more pass, or take it out"
    ) in text
    assert "more traces" not in text
    assert "lower the target" not in text
    assert "guards" not in json.loads(run("build", "router.yaml", "--json", "-q").stdout)["advice"]


def test_a_refusal_leaves_an_earlier_bundle_as_it_was_and_its_document_has_an_advice(run, noise, tmp_path):
    (tmp_path / "old.tracer").write_bytes(b"an earlier bundle")
    result = run("build", "router.yaml", "--out", "old.tracer", "--json", "-q")
    assert (result.returncode, result.stderr) == (3, "")
    assert (tmp_path / "old.tracer").read_bytes() == b"an earlier bundle"
    document = json.loads(result.stdout)
    assert (document["status"], document["bundle"], document["policy"]) == ("refused", None, None)
    assert document["advice"]["fewest_handled"] == 30
    assert document["certificate"]["target"] == 0.9


def test_a_build_that_fails_says_what_was_not_written(run, noise):
    (noise.parent / "traces.jsonl").write_text('{"input": "no answer"}\n')
    result = run("build", "router.yaml", "-q", "--out", "new.tracer")
    assert result.returncode == 1
    assert result.stderr.endswith("new.tracer was not written; one of an earlier build is left as it was\n")
    document = json.loads(run("build", "router.yaml", "-q", "--json").stdout)
    assert document["error"]["kept"] == "the bundle was not written; one of an earlier build is left as it was"


# --- labels that do not exist -------------------------------------------------------------------------------


def test_labels_that_the_teacher_made_up_are_named_and_counted(run, noise):
    (noise.parent / "old.tracer").write_bytes(b"an earlier bundle")
    allowed = ["--set", "traces.labels.allowed=[a, b]", "--set", "traces.labels.aliases={}"]
    result = run("build", "router.yaml", *allowed, "--out", "old.tracer", "-q")
    assert result.returncode == 3, result.stderr
    rows = [json.loads(line) for line in (noise.parent / "traces.jsonl").read_text().splitlines()]
    n = sum(row["teacher"] == "c" for row in rows)
    # nothing was tested: the certify rows stay sealed, and only what fit rows hold is told
    told = re.search(r"  off list +(\d+) answers among fit rows, each a disagreement: 'c' (\d+)\n", result.stdout)
    assert told is not None, result.stdout
    assert 0 < int(told[1]) == int(told[2]) < n
    assert result.stdout.endswith("old.tracer is left as it was, from an earlier build\n")


def test_the_answers_off_the_list_are_counted_alike_wherever_a_story_tells_of_them(run, spec):
    (spec.parent / "traces.jsonl").write_bytes((ROOT / "specs" / "quickstart" / "traces.jsonl").read_bytes())
    labels = "[order_status, cancel_order, return_item, refund_status, damaged_item, payment_failed, change_address]"
    changes = ("--set", f"traces.labels.allowed={labels}", "--set", "target.agreement=0.8")
    story = run("build", "router.yaml", "-q", *changes).stdout
    counted = re.search(r"^  traces .*; (\d+) answers off the list$", story, re.MULTILINE)
    named = re.search(r"^  off list +(\d+) answers, each a disagreement: ", story, re.MULTILINE)
    assert counted is not None, story
    assert named is not None, story
    assert counted[1] == named[1]


# --- on a terminal ------------------------------------------------------------------------------------------


def on_a_terminal(args: list[str], cwd: Path, extra: dict[str, str]) -> tuple[int, str]:
    """Run a command on a pseudo-terminal and return its exit code and all it wrote."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1", **extra}
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer_spec", *args],
        cwd=cwd,
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    written = bytearray()
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        written += block
    os.close(master)
    return process.wait(timeout=120), written.decode()


def test_on_a_terminal_bars_move_and_the_verdict_is_coloured(noise, tmp_path):
    code, written = on_a_terminal(["build", "router.yaml"], tmp_path, {})
    assert code == 3
    assert "\x1b[?25l" in written  # rich hides the cursor while bars move
    assert "\x1b[1;31mrefused  small" in written
    assert "logreg" in written


def test_no_color_leaves_no_colour_on_a_terminal(noise, tmp_path):
    code, written = on_a_terminal(["build", "router.yaml"], tmp_path, {"NO_COLOR": "1"})
    assert code == 3
    assert "refused  small" in written
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", written)


def test_on_a_narrow_terminal_lines_break_at_words(noise, tmp_path):
    code, written = on_a_terminal(["build", "router.yaml", "-q"], tmp_path, {"COLUMNS": "60"})
    assert code == 3
    lines = re.sub(r"\x1b\[[\d;]*m", "", written).splitlines()
    assert max(map(len, lines)) <= 60
    text = " ".join(line.strip() for line in lines)
    assert "building again and again on the same traces until something passes would be no certificate" in text


# --- wording ------------------------------------------------------------------------------------------------


def test_a_policy_reads_as_a_sentence():
    assert policy_text("global", [("logreg", None)]) == "global: logreg for all"
    assert policy_text("l2d", [("mlp", 0.5)]) == "l2d: mlp where accept >= 0.5000, else defer"
    assert policy_text("rsb", [("a", 0.5), ("b", None)]) == "rsb: a where accept >= 0.5000, then b for all"


def test_drops_are_told_by_reason():
    assert dropped_text(3, 3, {}) == "3 read, 3 kept"
    assert dropped_text(5, 3, {"no text": 1, "duplicate id": 1}) == "5 read, 3 kept; dropped: 1 no text, 1 duplicate id"


def test_a_draft_ends_with_the_command_that_certifies_it(built, call_in, tmp_path):
    for name in ("router.yaml", "traces.jsonl"):
        (tmp_path / name).write_bytes((Path(built.args[-1]) / name).read_bytes())
    result = call_in("build", "router.yaml", "--draft", "-q", "--set", "target.agreement=0.85", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "tracer-spec build router.yaml --set target.agreement=0.85  (certify it" in result.stdout


def test_a_draft_that_a_build_would_likelier_refuse_says_what_is_nearest(built, call_in, tmp_path):
    lines = (Path(built.args[-1]) / "traces.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "traces.jsonl").write_text("".join(lines[:300]))
    (tmp_path / "router.yaml").write_bytes((Path(built.args[-1]) / "router.yaml").read_bytes())
    told = {}
    for target in ("0.8", "0.93"):
        call = ("build", "router.yaml", "--draft", "-q", "--set", f"target.agreement={target}")
        result = call_in(*call, "--json", cwd=tmp_path)
        assert json.loads(result.stdout)["status"] == "draft"
        advice = json.loads(result.stdout)["advice"]
        told[target] = advice and advice["nearest"], call_in(*call, cwd=tmp_path).stdout
    assert told["0.8"][0] is None
    assert "advice" not in told["0.8"][1]
    nearest, text = told["0.93"]
    assert "by these estimates a new look would likelier refuse every policy than certify one" in " ".join(text.split())
    assert "likelier refused than not: one look" in text
    assert "likelier" not in told["0.8"][1]
    assert (
        f"nearest: about {nearest['more_traces']:,} more traces, or target.agreement {nearest['target_now']:.2f} now"
        in text
    )


def test_advice_says_to_raise_a_bound_that_leaves_out_traces(built, call_in, tmp_path):
    for name in ("router.yaml", "traces.jsonl"):
        (tmp_path / name).write_bytes((Path(built.args[-1]) / name).read_bytes())
    call = ("--draft", "-q", "--set", "target.agreement=0.99", "--set", "traces.max_rows=300")
    told = " ".join(call_in("build", "router.yaml", *call, cwd=tmp_path).stdout.split())
    n_beyond = re.search(r"([\d,]+) beyond max_rows", told)[1]
    assert re.search(rf"'traces.max_rows' leaves out {n_beyond} traces(; raise it to|: raise it first)", told), told


def test_a_refused_draft_says_that_nothing_is_worth_a_test_and_what_is_nearest(run, noise):
    result = run("build", "router.yaml", "--draft", "-q")
    assert result.returncode == 3
    assert re.search(
        r"^  finding +a draft: by the fit rows no policy is worth a test on the certify rows", result.stdout, re.M
    )
    assert re.search(r"^  advice +nearest: ", result.stdout, re.M)
    assert "a chance failure" not in result.stdout


def test_a_refused_draft_names_the_file_that_a_draft_writes(run, spec, tmp_path):
    rows = ({"id": f"e{i}", "input": f"text {i}", "teacher": "ab"[i % 2]} for i in range(60))
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec.write_text(spec.read_text().replace("agreement: 0.9", "agreement: 0.99"))
    result = run("build", "router.yaml", "--draft", "-q")
    assert result.returncode == 3
    assert result.stdout.endswith("dist/small.draft.tracer was not written\n")
