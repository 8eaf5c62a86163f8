"""What is told of a policy besides its claim: that it never defers, and whose requests get another label."""

import json

import pytest

import tracer_spec as ts
from tracer_spec.flow.documents.audit import AuditDocument, LabelTally
from tracer_spec.flow.documents.certificate import CertificateDocument, Estimate
from tracer_spec.flow.remarks import NEVER_DEFERS, remarks
from tracer_spec.runtime import read_bundle
from tracer_spec.runtime.manifest import PolicySummary, StageSummary


def policy(*stages, defer=()):
    return PolicySummary("f", stages, tuple(defer))


def stage(threshold=None, guards=()):
    return StageSummary("s", None if threshold is None else "a", tuple(guards), threshold)


def audit(**labels):
    """Return an audit of labels, each with (rows, handled, agreeing)."""
    tallies = [LabelTally(label=label, n=n, handled=h, agree=k) for label, (n, h, k) in labels.items()]
    n, handled, agree = (sum(column) for column in zip(*labels.values(), strict=True)) if labels else (0, 0, 0)
    return AuditDocument(n=n, handled=handled, agree=agree, labels=tuple(tallies))


@pytest.mark.parametrize(
    ("stages", "defer", "never"),
    [
        ((stage(),), (), True),
        ((stage(0.5), stage()), (), True),
        ((stage(0.5),), (), False),
        ((stage(guards=["prototypes"]),), (), False),
        ((stage(),), ("fraud",), False),
    ],
)
def test_a_policy_that_never_defers_says_so(stages, defer, never):
    assert remarks(policy(*stages, defer=defer), audit()) == ((NEVER_DEFERS,) if never else ())


@pytest.mark.parametrize(
    ("status", "measure", "estimate", "is_told"),
    [
        ("certified", "agreement", 0.9, True),
        ("certified", "agreement", 0.93, False),
        ("draft", "agreement", 0.9, False),
        ("certified", "end_to_end", 0.9, False),
    ],
)
def test_an_estimate_under_what_is_certified_is_explained(status, measure, estimate, is_told):
    certificate = CertificateDocument.model_construct(
        status=status, measure=measure, target=0.92, estimate=Estimate(coverage=0.8, agreement=estimate)
    )
    told = remarks(policy(stage(0.5)), audit(), certificate)
    assert [each[:34] for each in told] == (["the estimate of agreement, 0.900 on"[:34]] if is_told else [])
    assert any("certify rows say what fit rows say" in each and "'traces.repeats'" in each for each in told) == is_told


def test_a_deferred_label_is_told_with_the_rows_of_it_that_get_another_label():
    (told,) = remarks(policy(stage(), defer=["fraud"]), audit(fraud=(37, 30, 0), other=(963, 963, 933)))
    assert told.startswith("fit rows of deferred labels answered with another label: 'fraud' 30 of 37 (")


def test_a_deferred_label_whose_requests_all_go_to_the_teacher_is_not_told():
    assert remarks(policy(stage(0.5), defer=["fraud"]), audit(fraud=(37, 0, 0), other=(963, 963, 963))) == ()


def test_rare_labels_are_those_of_few_rows_or_of_a_hundredth_and_the_worst_come_first():
    counted = audit(a=(19, 19, 10), b=(20, 20, 0), c=(4, 4, 0), d=(18, 18, 18), e=(1900, 1900, 1800))
    (told,) = remarks(policy(stage(0.5)), counted)
    assert told == "fit rows of rare labels answered with another label: 'c' 4 of 4, 'a' 9 of 19"
    (told,) = remarks(policy(stage(0.5)), audit(b=(20, 20, 0), e=(3000, 3000, 3000)))
    assert told.endswith("label: 'b' 20 of 20")


def test_ten_labels_are_told_and_the_others_counted():
    (told,) = remarks(policy(stage(0.5)), audit(**{f"r{number}": (9, 9, 0) for number in range(13)}))
    assert told.count(" of 9") == 10
    assert told.endswith(", and 3 more")


def test_a_label_disturbs_no_terminal():
    (told,) = remarks(policy(stage(0.5)), audit(**{"x\x1b[2J\n": (9, 9, 0), "e": (999, 999, 999)}))
    assert "'x\\x1b[2J\\n' 9 of 9" in told


def test_a_build_tells_of_a_deferred_label_that_is_answered_with_another(tmp_path):
    """The teacher's fraud looks like anything else, and no surrogate may answer it: all of it is called other."""
    traces = [
        {"input": f"message number {row} about parcel {row % 7}", "teacher": "fraud" if row % 30 == 0 else "other"}
        for row in range(600)
    ]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(each) + "\n" for each in traces))
    spec = {
        "version": 1,
        "name": "t",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "traces.jsonl")}},
        "embedder": {"use": "lsa", "with": {"dim": 16}},
        "zoo": ["logreg"],
        "families": ["global"],
        "target": {"agreement": 0.9},
        "defer_labels": ["fraud"],
    }
    result = ts.build(spec, out=tmp_path / "t.tracer", workers=1, cache=False)
    assert result.status == "certified"
    bundle = read_bundle(result.bundle)
    fraud = next(each for each in AuditDocument.of_bundle(bundle).labels if each.label == "fraud")
    assert f"'fraud' {fraud.handled} of {fraud.n}" in result.remarks[0]
    assert fraud.handled > 0.9 * fraud.n
    assert result.document()["remarks"] == list(result.remarks)
    assert remarks(bundle.manifest.policy, AuditDocument.of_bundle(bundle)) == result.remarks


def test_counts_of_a_sample_are_told_as_such():
    sample = audit(billing=(10, 10, 9)).model_copy(update={"n_fit": 2868})
    (told,) = remarks(policy(stage(0.5)), sample)
    assert told.startswith("fit rows (of 10 of 2,868, a sample that is like the traffic) of rare labels answered with")
