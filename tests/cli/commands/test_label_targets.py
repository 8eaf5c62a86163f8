"""A label with a target of its own, from plan to monitor, as people and programs see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUICKSTART = Path(__file__).parents[3] / "specs" / "quickstart"
LABEL = "return_item"
LABELS = {json.loads(line)["teacher"] for line in (QUICKSTART / "traces.jsonl").read_text("utf-8").splitlines()}
KEPT = f"target.labels={{{LABEL}: {{missed: 0.15, agreement: 0.8}}}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    for name in ("router.yaml", "traces.jsonl"):
        (folder / name).write_bytes((QUICKSTART / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def built(call_in, folder):
    result = call_in(
        "build", "router.yaml", "--set", KEPT, "--set", "zoo=[logreg]", "--out", "kept.tracer", "--json", cwd=folder
    )
    assert result.returncode == 0, result.stderr + result.stdout
    return json.loads(result.stdout)


def test_plan_tells_how_many_rows_the_test_of_a_label_needs(call_in, folder):
    document = json.loads(call_in("plan", "router.yaml", "-q", "--json", "--set", KEPT, cwd=folder).stdout)
    missed, agreement = document["certifiable"]["labels"]
    assert (missed["label"], missed["measure"], missed["limit"], missed["fewest"]) == (LABEL, "missed", 0.15, 20)
    assert missed["expected"] == round(document["labels"][LABEL] / 910 * 590)
    assert (agreement["fewest"], agreement["expected"]) == (14, missed["expected"])
    story = call_in("plan", "router.yaml", "-q", "--set", KEPT, cwd=folder).stdout
    assert (
        f"'{LABEL}', at most 0.15 missed: at least 20 certify rows that the teacher calls so must come, none of them"
        in story
    )
    told = f"about {agreement['expected']:,} can be expected, or fewer: as many as the teacher calls so, less what is "
    assert story.count(f"{told}deferred") == 1
    without = json.loads(call_in("plan", "router.yaml", "-q", "--json", "--no-curve", cwd=folder).stdout)
    assert "labels" not in without["certifiable"]


def test_plan_says_where_a_label_is_too_rare_and_names_what_would_settle_it(call_in, folder):
    story = call_in("plan", "router.yaml", "-q", "--set", f"target.labels.{LABEL}.missed=0.001", cwd=folder).stdout
    assert story.startswith("uncertifiable  support-intents\n")
    assert f"more traces before target.labels.{LABEL}.missed could be certified, or ask less of it\n" in story


def test_a_label_that_no_fit_row_has_is_corrected(call_in, folder):
    other = ["--set", "traces.labels={allowed: infer}"]
    for verb in ("plan", "build"):
        result = call_in(verb, "router.yaml", "-q", "--set", "target.labels.retrun_item.missed=0.1", *other, cwd=folder)
        assert result.returncode == 1
        assert (
            "target.labels\n  no fit row has the label 'retrun_item'\n  hint: did you mean 'return_item'?"
            in result.stderr
        )
    result = call_in("validate", "router.yaml", "--set", "target.labels.retrun_item.missed=0.1", cwd=folder)
    assert result.returncode == 2
    assert "'retrun_item' is not an allowed label; known: " in result.stderr
    assert "hint: did you mean 'return_item'?" in result.stderr


def test_a_build_certifies_the_label_and_every_face_says_it(call_in, folder, built):
    missed, agreement = built["certificate"]["labels"]
    assert missed["p_value"] <= 0.045
    assert agreement["p_value"] <= 0.045
    assert (
        f"at most 15 % of what the teacher calls '{LABEL}' gets another label from it" in built["certificate"]["claim"]
    )
    story = call_in("inspect", "kept.tracer", cwd=folder).stdout
    counted = f"{missed['k']:,} of {missed['n']:,} certify rows that the teacher calls '{LABEL}' get no other label, 85 % asked"
    assert counted in story
    assert json.loads(call_in("inspect", "kept.tracer", "--json", cwd=folder).stdout)["certificate"]["labels"] == [
        missed,
        agreement,
    ]
    assert call_in("report", "kept.tracer", "-o", "kept.html", cwd=folder).returncode == 0
    page = (folder / "kept.html").read_text("utf-8")
    assert "The tests by label, of what ships" in page
    assert f"{LABEL}: missed" in page


def test_a_label_that_is_always_deferred_is_not_tested_for_its_agreement_and_that_is_said(call_in, folder):
    asked = ["--set", KEPT, "--set", f"defer_labels=[{LABEL}]", "--set", "zoo=[logreg]"]
    result = call_in("build", "router.yaml", "--out", "deferred.tracer", "--draft", "--json", "-q", *asked, cwd=folder)
    document = json.loads(result.stdout)
    assert [each["measure"] for each in document["certificate"]["labels"]] == ["missed"]
    said = f"the router never answers '{LABEL}' (defer_labels), so that its agreement target holds of nothing and is not tested"
    assert said in document["warnings"]
    assert said in call_in("plan", "router.yaml", "-q", *asked, cwd=folder).stdout


def test_a_refusal_names_the_test_that_failed(call_in, folder):
    asked = ["--set", f"target.labels.{LABEL}.missed=0.05", "--set", "zoo=[logreg]", "--set", "target.agreement=0.8"]
    result = call_in("build", "router.yaml", "-q", "--out", "refused.tracer", *asked, cwd=folder)
    assert result.returncode == 3
    assert f"'{LABEL}' missed: " in result.stdout
    assert "at most 0.05 is asked; its test needs" in result.stdout
    document = json.loads(
        call_in("build", "router.yaml", "-q", "--json", "--out", "refused.tracer", *asked, cwd=folder).stdout
    )
    (told,) = document["advice"]["labels"]
    assert (told["label"], told["measure"], told["limit"]) == (LABEL, "missed", 0.05)
    assert f"ask 'target.labels.{LABEL}.missed: {told['within_reach']:.6g}', which is within reach now" in result.stdout


@pytest.fixture
def refused_alone(call_in, tmp_path):
    """Return a function that builds with a limit to what may be missed, where nothing was looked at before."""

    def build(label, limit, *more):
        for name in ("router.yaml", "traces.jsonl"):
            (tmp_path / name).write_bytes((QUICKSTART / name).read_bytes())
        (tmp_path / "router.lock").unlink(missing_ok=True)
        asked = ["--set", "zoo=[logreg]", "--set", "target.agreement=0.8", "--out", "none.tracer", *more]
        asked += ["--set", f"target.labels.{label}.missed={limit}"]
        return call_in("build", "router.yaml", "-q", "--json", *asked, cwd=tmp_path)

    return build


def test_what_a_refusal_says_is_within_reach_is_certified(refused_alone):
    (told,) = json.loads(refused_alone(LABEL, 0.02).stdout)["advice"]["labels"]
    # no fit row fails: the bound of n trials without a failure, in closed form at the level of the next look
    n_trials = int(told["expected"] - told["expected"] ** 0.5)
    assert told["within_reach"] == pytest.approx(1 - 0.045 ** (1 / n_trials), abs=0.001)
    assert told["instead"] == []
    assert refused_alone(LABEL, told["within_reach"]).returncode == 0


def test_a_refusal_names_the_labels_to_defer_where_such_requests_get_them(refused_alone):
    # one policy, which handles all
    (told,) = json.loads(refused_alone("product_question", 0.05, "--set", "families=[global]").stdout)["advice"][
        "labels"
    ]
    assert told["within_reach"] > 1 - told["estimated_successes"] > 0.05
    first, *others = told["instead"]
    assert first in LABELS - {"product_question"}
    assert len({first, *others}) == len(told["instead"])
    ways = ["--set", "families=[global]", "--set", f"defer_labels=[{', '.join(told['instead'])}]"]
    (after,) = json.loads(refused_alone("product_question", 0.05, *ways).stdout)["advice"]["labels"]
    assert after["estimated_successes"] == 1


def test_verify_exits_with_4_where_a_label_is_contradicted(call_in, folder, built):
    rows = [json.loads(line) for line in (folder / "traces.jsonl").read_text("utf-8").splitlines()]
    fresh = []
    for number, row in enumerate(rows):
        text, label = f"{row['input']} please {number}", row["teacher"]
        # today's teacher calls half of the cancellations returns
        changed = LABEL if label == "cancel_order" and number % 2 else label
        fresh.append({"id": f"new{number}", "input": text, "teacher": changed})
    (folder / "fresh.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in fresh), "utf-8")
    result = call_in("verify", "kept.tracer", "fresh.jsonl", "-q", cwd=folder)
    assert result.returncode == 4, result.stdout + result.stderr
    assert f"fresh rows contradict what is claimed of '{LABEL}' (missed)" in result.stdout
    assert "the doubt is shared among 3 claims (Bonferroni)" in result.stdout
    measured = json.loads(call_in("verify", "kept.tracer", "fresh.jsonl", "-q", "--json", cwd=folder).stdout)[
        "measured"
    ]
    assert [each["is_contradicted"] for each in measured["label_claims"]] == [True, False]


def test_monitor_names_the_label_whose_claim_fell(call_in, folder, built):
    version, lines = built["version"], []
    for number in range(400):
        of_label = number % 3 == 0
        given = "order_status" if of_label and number % 2 else LABEL if of_label else "cancel_order"
        story = {
            "name": "support-intents",
            "version": version,
            "mode": "shadow",
            "label": given,
            "handled": True,
            "score": 0.9,
        }
        story |= {"stage": 0, "reason": "handled", "audit": True, "audit_rate": 1.0, "served": "teacher"}
        teacher = LABEL if of_label else "cancel_order"
        time = f"2026-03-01T{number // 60:02}:{number % 60:02}:00Z"
        lines.append({"id": f"m{number}", "time": time, "input": "x", "teacher": teacher, "router": story})
    log = folder / "decisions"
    log.mkdir()
    (log / "1.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    result = call_in("monitor", "kept.tracer", "decisions", cwd=folder)
    assert result.returncode == 4, result.stdout + result.stderr
    assert f"what was claimed of '{LABEL}' (missed) is refuted" in result.stdout
    document = json.loads(call_in("monitor", "kept.tracer", "decisions", "--json", cwd=folder).stdout)
    missed, agreement = document["label_claims"]
    assert (missed["successes"]["n"], missed["successes"]["k"]) == (134, 67)
    assert missed["e_value"]["refuted"] is not None
    assert (agreement["successes"]["n"], agreement["e_value"]["refuted"]) == (67, None)


def test_a_refusal_names_the_label_the_traces_that_it_takes_and_the_ways_out(call_in, folder):
    asked = ("--set", f"target.labels={{{LABEL}: {{missed: 0.02}}}}", "--set", "zoo=[logreg]", "--out", "none.tracer")
    result = call_in("build", "router.yaml", "-q", *asked, cwd=folder)
    assert result.returncode == 3
    (advice,) = [line for line in result.stdout.splitlines() if f"'{LABEL}' missed: " in line]
    assert "its test needs 268 certify rows or more" in advice
    assert (
        f"traces in all would show it nine times in ten; without them: ask 'target.labels.{LABEL}.missed: 0." in advice
    )
    assert advice.endswith("which is within reach now (likelier than not, as estimated)")
    result = call_in("build", "router.yaml", "-q", *asked, "--set", "families=[global]", cwd=folder)
    (advice,) = [line for line in result.stdout.splitlines() if f"'{LABEL}' missed: " in line]
    assert "'defer_labels: [" in advice
    assert "]', which such requests get instead, leaves those to the teacher, or ask 'target.labels." in advice
