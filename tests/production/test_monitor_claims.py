"""Claims of single labels in a log: which rows tell of them, when they are refuted, what is remembered."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.production import decisions
from tests.production.decisions import line, reference
from tracer_spec.errors import BundleError, DataError
from tracer_spec.flow.documents.monitor import MonitorState
from tracer_spec.production.monitoring.claims import LabelClaim, read_label_claims
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.state import read_state, state_document, write_state
from tracer_spec.report.monitor_facts import monitor_facts
from tracer_spec.stats.anytime import evidence, gather, log_e_value

MISSED, AGREES = LabelClaim("a", "missed", 0.1), LabelClaim("a", "agreement", 0.9)


def watched(lines, *claims, **changed) -> Monitor:
    return decisions.watched(lines, label_claims=claims or (MISSED, AGREES), **changed)


def counts(monitor):
    return [(each.n, each.k) for each in monitor.claims]


def test_missed_counts_audited_rows_that_the_teacher_calls_so_and_only_another_label_against_it():
    lines = [
        line(0, audit=True, teacher="a"),
        line(1, audit=True, teacher="a", label="b"),
        line(2, audit=True, teacher="a", handled=False),
        line(3, audit=True, teacher="b"),
        line(4, teacher="a", handled=False),  # deferred, and no coin fell
        line(5, audit=True, served="nobody"),
    ]
    assert counts(watched(lines, MISSED)) == [(3, 2)]


def test_agreement_counts_audited_rows_that_the_router_calls_so():
    lines = [
        line(0, audit=True, teacher="a"),
        line(1, audit=True, teacher="b"),
        line(2, audit=True, teacher="a", label="b"),
        line(3, audit=True, teacher="a", handled=False),
        line(4, audit=True, teacher="no label"),
        line(5),
    ]
    assert counts(watched(lines, AGREES)) == [(3, 1)]


def test_each_claim_has_an_e_process_of_its_own_and_alpha_is_shared_among_all():
    outcomes = [True, False, False, True, False]
    lines = [line(n, audit=True, teacher="a", label="a" if right else "b") for n, right in enumerate(outcomes)]
    monitor = watched(lines, MISSED)
    now = evidence()
    values = [0.0]
    for n, right in enumerate(outcomes):
        now = gather(now, n, right, 0.9)
        values.append(float(log_e_value(now, n + 1)))
    assert monitor.claims[0].log_peak == pytest.approx(max(values))
    assert monitor.refutes_at == pytest.approx(2 / 0.05)
    assert Monitor(reference()).refutes_at == pytest.approx(1 / 0.05)


def test_a_label_that_goes_wrong_refutes_its_own_claim_and_is_named():
    right = [line(n, audit=True, teacher="b", label="b") for n in range(400)]
    wrong = [line(400 + n, audit=True, teacher="a", label="b" if n % 3 == 0 else "a") for n in range(150)]
    monitor = watched([*right, *wrong], target=0.6, measured=None)
    assert monitor.tally.refuted is None
    assert (monitor.verdict, monitor.is_refuted) == ("refuted", True)
    assert monitor.claims[0].refuted is not None
    assert monitor.claims[1].refuted is None
    told = {each.name: each.text for each in monitor_facts(monitor, Reading((), 550, ()))}
    assert told["verdict"].startswith(
        "what was claimed of 'a' (missed) is refuted, see 'by label'; agreement has not been shown"
    )
    first, second = told["by label"].splitlines()
    assert first.startswith("0.667 in ")
    assert "100 of 150 audited rows that the teacher calls 'a' get no other label; 0.9 is claimed" in first
    assert f"refuted after {monitor.claims[0].refuted.n} audited rows" in first
    assert "100 of 100 audited rows that the router calls 'a' are so by the teacher" in second
    assert "alpha being shared among 3 claims" in told["e-value"]


def test_true_claims_are_refuted_together_in_at_most_alpha_of_all_logs():
    """Each of three claims is just true; however often one looks at 500 rows, one log in twenty may be refuted."""
    claims = [LabelClaim(label, "missed", 0.1) for label in "abc"]
    runs, alpha, refuted = 120, 0.2, 0
    rng = np.random.default_rng(3)
    for _ in range(runs):
        monitor = Monitor(reference(label_claims=tuple(claims), target=0.9, measured=None), alpha=alpha)
        for number in range(500):
            teacher = "abc"[rng.integers(3)]
            label = teacher if rng.uniform() < 0.9 else "abc"[("abc".index(teacher) + 1) % 3]
            monitor.add(line(number, audit=True, teacher=teacher, label=label))
        refuted += monitor.is_refuted
    from scipy.stats import binom

    assert refuted <= binom.ppf(0.999, runs, alpha)


def test_the_state_remembers_the_claims_and_fits_the_schema(tmp_path):
    lines = [line(n, audit=True, teacher="a", label="ab"[n % 7 == 0]) for n in range(60)]
    monitor = watched(lines)
    state = tmp_path / "state.json"
    write_state(state, monitor, [])
    MonitorState.model_validate(json.loads(state.read_text("utf-8")))
    again, _ = read_state(state, monitor.reference, None)
    assert state_document(again, []) == state_document(monitor, [])
    other = reference(label_claims=(MISSED,))
    with pytest.raises(DataError, match="there are 2 claims of labels, not 1"):
        read_state(state, other, None)
    assert "label_claims" not in state_document(Monitor(reference()), [])


def test_a_state_whose_claims_are_out_of_order_is_refused(tmp_path):
    monitor = watched([line(0, audit=True, teacher="a")])
    document = state_document(monitor, [])
    document["label_claims"][0] |= {"n": 1, "k": 2}
    state = tmp_path / "state.json"
    state.write_text(json.dumps(document), "utf-8")
    with pytest.raises(DataError, match="k, n of a claim do not rise"):
        read_state(state, monitor.reference, None)


@pytest.mark.parametrize(
    "claim",
    [
        {"label": "x", "measure": "missed", "limit": 0.1},
        {"label": "a", "measure": "recall", "limit": 0.1},
        {"label": "a", "measure": "missed", "limit": 1.0},
        {"label": ["a"], "measure": "missed", "limit": 0.1},
        {"label": "a", "measure": "missed", "limit": math.inf},
        "a",
    ],
)
def test_a_certificate_whose_claims_are_none_is_refused(claim):
    with pytest.raises(BundleError, match="holds a claim of a label that a log cannot be held against"):
        list(read_label_claims({"labels": [claim]}, ("a", "b")))
    with pytest.raises(BundleError):
        list(read_label_claims({"labels": claim}, ("a", "b")))
    assert list(read_label_claims({}, ("a",))) == []
