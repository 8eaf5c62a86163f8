"""``plan`` as people and programs see it; it writes nothing and trains nothing."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def quickstart(tmp_path):
    for name in ("router.yaml", "traces.jsonl"):
        (tmp_path / name).write_bytes((ROOT / "specs" / "quickstart" / name).read_bytes())
    return tmp_path


def test_the_story_tells_what_can_be_certified_before_anything_is_trained(run, quickstart):
    result = run("plan", "router.yaml")
    assert result.returncode == 0, result.stderr
    story = result.stdout
    assert story.startswith("certifiable  support-intents\n")
    assert re.search(r"^  target +0\.92 agreement on the traffic handled, at 0\.95 confidence$", story, re.M)
    assert re.search(r"^  ceiling +0\.9\d\d at most for a router that answers everything", story, re.M)
    assert re.search(
        r"^  traces +1,521 read, 1,500 kept; dropped: 21 duplicate id\n +910 fit rows, 590 certify rows$", story, re.M
    )
    fewest = math.ceil(math.log(0.05 * 0.9) / math.log(0.92))
    assert (
        f"at least {fewest} certify rows must be handled, all of them with the teacher's label; there are 590\n"
        in story
    )
    assert f"the smallest coverage that could be certified is {fewest / 590:.3f}\n" in story
    assert "would be number 1: its test spends 0.045 of error" in story
    assert re.search(r"^  plugins +source jsonl; embedder lsa; surrogate logreg, logreg-smooth, mlp; ", story, re.M)
    assert re.search(r"^ +from tracer-spec \d", story, re.M)
    assert story.endswith("  next        tracer-spec build router.yaml\n")
    assert [line.split()[0] for line in result.stderr.splitlines() if line] == ["plan", "read", "split", "curve"]
    assert re.search(r"^ +> 1,500 +1\.00 ", story, re.M)


def test_the_curve_is_drawn_from_fit_rows_alone_where_it_is_asked_for(run, quickstart):
    def drawn(*options):
        return json.loads(run("plan", "router.yaml", "-q", "--json", *options).stdout)["curve"]

    assert drawn("--no-curve") is None
    before = drawn("--curve")
    assert [each["traces"] for each in before["points"]] == [300, 1000, 1500, 3000, 10000]
    chances = [each["expected"][-1]["chance"] for each in before["points"]]
    assert chances == sorted(chances)
    _answer_certify_rows_at_random(quickstart)
    assert drawn("--curve") == before


def _answer_certify_rows_at_random(folder):
    """Give every certify row another label of those there are."""
    from tracer_spec.flow.prepare import part, read_traces
    from tracer_spec.plan import load_plan
    from tracer_spec.plugin.registry import find_plugins

    plan = load_plan(folder / "router.yaml", find_plugins())
    traces = read_traces(plan)
    certify = set(traces.rows[part(traces, plan.spec.split).certify].tolist())
    labels = sorted(set(traces.labels))
    lines = (folder / "traces.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    changed = [row | {"teacher": labels[at % len(labels)]} if at in certify else row for at, row in enumerate(rows)]
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))


def test_an_end_to_end_target_is_told_in_its_own_words(run, quickstart):
    asked = ["--set", "target={end_to_end: 0.95, calibrator: risk-control}"]
    story = run("plan", "router.yaml", "-q", *asked).stdout
    assert "0.95 of all traffic gets no label but the teacher's, at 0.95 confidence\n" in story
    fewest = math.ceil(math.log(0.05 * 0.9) / math.log(0.95))
    needed = f"at least {fewest} certify rows are needed, none of them with a label that is not the teacher's; there are 590\n"
    assert needed in story
    assert "the smallest coverage" not in story
    asked = ["--set", "target.calibrator=empirical"]
    story = run("plan", "router.yaml", "-q", *asked).stdout
    assert story.startswith("untested  support-intents\n")
    assert "'empirical' makes none: it promises nothing, whatever the number of rows\n" in story
    assert "  target      0.92 agreement on the traffic handled\n" in story
    assert (
        "target.confidence: the calibrator 'empirical' makes no test and states no confidence; take it out, or "
        in story
    )


def test_nothing_is_written(run, quickstart):
    before = {path.name: path.read_bytes() for path in quickstart.iterdir()}
    assert run("plan", "router.yaml", "-q").stderr == ""
    assert {path.name: path.read_bytes() for path in quickstart.iterdir()} == before


def test_the_document_holds_what_the_story_tells(run, quickstart):
    result = run("plan", "router.yaml", "--json", "-q", "--set", "target.agreement=0.95")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert (document["schema_version"], document["status"], document["name"]) == (1, "certifiable", "support-intents")
    assert document["target"] == {"agreement": 0.95, "end_to_end": None, "confidence": 0.95, "min_coverage": 0.05}
    assert document["traces"]["dropped"] == {"duplicate id": 21}
    assert sum(document["labels"].values()) + document["unknown_labels"]["n"] == document["traces"]["fit"] == 910
    able = document["certifiable"]
    assert able["smallest_coverage"] == able["fewest"] / document["traces"]["certify"]
    assert {each["kind"] for each in document["plugins"]} >= {"source", "embedder", "surrogate", "calibrator"}
    assert all(each["version"] for each in document["plugins"])


def test_where_nothing_can_be_certified_it_says_how_many_more_traces_it_takes(run, spec, tmp_path):
    rows = [{"input": f"text {number}", "teacher": "ab"[number % 2]} for number in range(40)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("plan", "router.yaml", "-q")
    assert result.returncode == 0
    assert result.stdout.startswith("uncertifiable  small\n")
    fewest = math.ceil(math.log(0.05 * 0.9) / math.log(0.9))
    assert f"  about {math.ceil(fewest / 0.4) - 40} more traces before anything could be certified" in result.stdout
    document = json.loads(run("plan", "router.yaml", "--json", "-q").stdout)
    assert (document["status"], document["certifiable"]["smallest_coverage"]) == ("uncertifiable", None)


def test_where_a_bound_leaves_out_the_traces_that_are_missing_it_says_to_raise_it(run, spec, tmp_path):
    rows = [{"id": f"e{n}", "input": f"text {n}", "teacher": "ab"[n % 2]} for n in range(400)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = " ".join(run("plan", "router.yaml", "-q", "--set", "traces.max_rows=40").stdout.split())
    more = int(re.search(r"about (\d+) more traces before anything", told)[1])
    assert f"they are there: 'traces.max_rows' leaves out 360 traces; raise it to {40 + more} or more" in told
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:45]))
    told = " ".join(run("plan", "router.yaml", "-q", "--set", "traces.max_rows=40").stdout.split())
    assert "'traces.max_rows' leaves out 5 traces: raise it first, or leave it out" in told


def test_a_ceiling_under_the_target_is_warned_of_beside_it(run, spec, tmp_path):
    rows = [{"input": f"text {number // 10}", "teacher": "ab"[number % 10 < 3]} for number in range(1000)]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    story = run("plan", "router.yaml", "-q").stdout
    assert re.search(r"^  ceiling +0\.[67]\d\d at most", story, re.M)
    assert re.search(
        r"^  warning +the teacher's answers allow an agreement of at most 0\.[67]\d\d on all traffic, under",
        story,
        re.M,
    )


def test_a_spec_or_traces_that_cannot_be_read_end_as_they_do_in_a_build(run, spec, tmp_path):
    assert run("plan", "nowhere.yaml").returncode == 2
    assert run("plan", "router.yaml", "--set", "zoo=[logrge]").returncode == 2
    result = run("plan", "router.yaml", "-q")
    assert (result.returncode, result.stdout) == (1, "")
    assert "folds cannot share" in result.stderr
    (tmp_path / "traces.jsonl").unlink()
    assert run("plan", "router.yaml", "-q").returncode == 1


def test_on_real_answers_of_an_llm_the_labels_it_made_up_show_in_the_ceiling(run, tmp_path):
    traces = DATA / "banking77_gpt_5_2_500.jsonl"
    if not traces.exists():
        pytest.skip("needs the real answers in ../shared/data")
    path = ROOT / "specs" / "banking77-llm" / "router.yaml"
    result = run("plan", str(path), "--json", "-q", env={"LLM_TRACES": str(traces)})
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    n_fit, unknown = document["traces"]["fit"], document["unknown_labels"]["n"]
    assert unknown > 20
    assert document["ceiling"]["share"] == pytest.approx(1 - unknown / n_fit, abs=0.02)
    assert any("no model reaches it by handling everything" in warning for warning in document["warnings"])


# --- what is not read as it should be ----------------------------------------------------------------------------------


def logged(quickstart, change):
    """Change every trace of the quickstart."""
    path = quickstart / "traces.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row | change(at, row)) + "\n" for at, row in enumerate(rows)))


def test_answers_that_give_no_label_are_the_headline_and_nothing_is_called_certifiable(run, quickstart):
    logged(
        quickstart,
        lambda at, row: {} if at % 5 == 0 else {"teacher": f"I think: {{'x': '{row['teacher']}'}}, case {at}"},
    )
    spec = quickstart / "router.yaml"
    spec.write_text(spec.read_text().replace("normalize: [strip, first-line]", 'normalize: ["json?:intent", strip]'))
    assert "json?:intent" in spec.read_text()
    result = run("plan", "router.yaml", "-q")
    assert result.returncode == 0, result.stderr
    assert re.match(r"unlabelled  support-intents: (79|80|81) % of the answers give no label\n", result.stdout)
    assert """these steps would read them: 'traces.labels.normalize: ["json?:x", "strip"]'""" in result.stdout
    assert "advice      make labels of the answers first: 'traces.labels.normalize'" in result.stdout
    assert json.loads(run("plan", "router.yaml", "-q", "--json", "--no-curve").stdout)["status"] == "unlabelled"


def test_a_prompt_around_the_texts_is_told_with_the_step_that_takes_them_out(run, quickstart):
    logged(quickstart, lambda _, row: {"input": f"Classify.\nRequest: {row['input']}\n\nLabel:"})
    call = ("plan", "router.yaml", "-q", "--json", "--no-curve")
    warning = json.loads(run(*call).stdout)["warnings"][0]
    assert warning.startswith("100 % of the texts stand in one prompt template")
    assert r"""'traces.extract: ["between:\nRequest: ...\n\nLabel:"]'""" in warning
    told = run(*call, "--set", r'traces.extract=["between:\nRequest: ...\n\nLabel:"]')
    assert not [each for each in json.loads(told.stdout)["warnings"] if "template" in each]


def test_texts_that_would_be_cut_again_without_their_prompt_are_counted(run, quickstart):
    logged(quickstart, lambda at, row: {"input": f"Request: {'Request: ' * (at % 50 == 0)}{row['input']}"})
    told = run("plan", "router.yaml", "-q", "--json", "--no-curve", "--set", 'traces.extract=["after:Request: "]')
    warnings = json.loads(told.stdout)["warnings"]
    what = "a text that 'traces.extract' would cut again where it is routed without its prompt, on 31 traces"
    assert what in warnings, warnings


def test_where_a_build_would_likely_be_refused_the_headline_says_so_and_a_draft_is_next(run, quickstart):
    lines = [json.loads(line) for line in (quickstart / "traces.jsonl").read_text().splitlines()]
    labels = sorted({line["teacher"] for line in lines})
    noisy = [line | {"teacher": labels[at % len(labels)]} if at % 5 < 2 else line for at, line in enumerate(lines)]
    (quickstart / "traces.jsonl").write_text("".join(json.dumps(line) + "\n" for line in noisy))
    result = run("plan", "router.yaml", "-q")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(
        "certifiable  support-intents: by the number of rows; a build would likely be refused\n"
    )
    following = [line.strip() for line in result.stdout.splitlines()[-2:]]
    assert following == [
        "next        tracer-spec build --draft router.yaml",
        "which opens no certify row, so that no look is spent",
    ]
