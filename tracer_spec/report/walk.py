"""The certified walk: the one look at the certify rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer_spec.flow.documents.certificate import CertificateDocument, LabelClaim, Step
from tracer_spec.report.charts import Spec, chart, level_line
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import Absent, Chart, Room, Section, Shown
from tracer_spec.text_format import as_share, label_counted_text, listing, one_line, p_value, percent, plural

TITLE = "The certified walk"
_SHORT = 12
_SMALLEST = 1e-6  # what is surer than that is drawn at the edge: the first failure is what matters


def walk(documents: Documents, room: Room) -> Section | Absent:
    """Show every test that was made, in its order."""
    certificate = documents.certificate
    if not certificate.walk:
        draft = documents.bundle.manifest.status == "draft"
        return Absent(TITLE, "a draft opens no certify row" if draft else "the certificate lists no test")
    ships = _shipped(certificate)
    rows = [
        {"step": step, "number": number, "ships": number == ships, "failed": _failed(certificate, step)}
        for number, step in enumerate(certificate.walk, start=1)
    ]
    end_to_end = certificate.measure == "end_to_end"
    tested = any(step.p_value is not None for step in certificate.walk)
    says = (
        f"The p-value of each of {plural(len(rows), 'test')} over estimated coverage: "
        f"{sum(step.passed for step in certificate.walk)} passed. The table below holds the numbers."
    )
    return Section(
        id="walk",
        title=TITLE,
        shows=f"The one look at {certificate.n_certify:,} rows that nothing was trained, tuned or ordered on. "
        f"{plural(len(rows), 'candidate')} tested, in an order that was fixed beforehand; the walk ends at the first "
        "failure, and of those that passed, the one of the largest estimated coverage ships." + _of_labels(certificate),
        caveat="The share of these rows that agree is no estimate for the policy that ships: they chose it. What may be said "
        "is the claim, of traffic like the traces.",
        view={
            "rows": Shown.first(rows, max(room.rows, 10)),
            "last": _last(rows),
            "trials": "Certify rows" if end_to_end else "Handled",
            "successes": "No wrong label" if end_to_end else "Agree",
            "level": certificate.level,
            "look": certificate.look,
            "labels": [_label_row(each) for each in certificate.labels or ()],
        },
        charts=[Chart("walk", _chart(certificate, ships), says)] if tested else [],
    )


def _failed(certificate: CertificateDocument, step: Step) -> str:
    """Name the labels whose test failed, each with its p-value."""
    tests = zip(certificate.labels or (), step.labels or (), strict=False)
    failed = [(claim, test) for claim, test in tests if certificate.level and test.p_value > certificate.level]
    told = [f"'{one_line(claim.label)}' {claim.measure} (p = {p_value(test.p_value)})" for claim, test in failed]
    return listing(told, 4)


def _of_labels(certificate: CertificateDocument) -> str:
    """Say that labels have tests of their own."""
    return " A candidate fails where one of its tests by label does." if certificate.labels else ""


def _label_row(claim: LabelClaim) -> dict[str, Any]:
    """Return a claim of a label with its test, in words and numbers."""
    missed = claim.measure == "missed"
    asked = f"{'at most' if missed else 'at least'} {percent(claim.limit)}"
    return {
        "counted": label_counted_text(claim.measure, claim.label, "rows"),
        "asked": f"{asked} {'missed' if missed else 'so'}",
        "claim": claim,
    }


def _last(rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the end of a long walk, with what ships; all of a short one."""
    if len(rows) <= _SHORT:
        return rows
    return [row for row in rows if row["ships"] or row["number"] > len(rows) - _SHORT // 2]


def _shipped(certificate: CertificateDocument) -> int | None:
    """Return the number of the step that ships."""
    shipped = (True, certificate.n, certificate.k, certificate.p_value)
    steps = [(step.passed, step.n, step.k, step.p_value) for step in certificate.walk]
    return max((number for number, step in enumerate(steps, start=1) if step == shipped), default=None)


def _chart(certificate: CertificateDocument, ships: int | None) -> Spec:
    tests = []
    for number, step in enumerate(certificate.walk, start=1):
        if step.p_value is not None:
            outcome, counts = "passed" if step.passed else "failed", f"{step.k:,} of {step.n:,}"
            weakest = max([step.p_value, *(each.p_value for each in step.labels or ())])
            told = [str(number), outcome, as_share(step.coverage), counts, p_value(weakest)]
            height = max(weakest, _SMALLEST)
            tests.append({"x": step.coverage, "y": height, "v": outcome, "w": number == ships, "d": told})
    limit = certificate.level
    allowed = level_line(limit, f"allowed: {limit:.2g}", axis="y") if limit else []
    return chart("walk", tests=tests, ships=[each for each in tests if each["w"]], allowed=allowed)
