"""The certified walk: the one look at the certify rows."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.report import charts
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import count, counted, p_value, percent
from tracer_spec.report.section import Absent, Chart, Room, Section, Shown

TITLE = "The certified walk"
_TICK = "datum.value < 0.000002 ? '\u2264\u00a00.000001' : format(datum.value, '~f')"
_SHORT = 12
_SMALLEST = 1e-6  # what is surer than that is drawn at the edge: the first failure is what matters


def walk(facts: Facts, room: Room) -> Section | Absent:
    """Show every test that was made, in its order."""
    certificate = facts.certificate
    if not certificate.walk:
        draft = facts.bundle.manifest.status == "draft"
        return Absent(TITLE, "a draft opens no certify row" if draft else "the certificate lists no test")
    ships = _shipped(certificate)
    rows = tuple(
        {"step": step, "number": number, "ships": number == ships}
        for number, step in enumerate(certificate.walk, start=1)
    )
    end_to_end = certificate.measure == "end_to_end"
    tested = any(step.p_value is not None for step in certificate.walk)
    return Section(
        id="walk",
        title=TITLE,
        shows=f"The one look at {count(certificate.n_certify or 0)} rows that nothing was trained, tuned or ordered on. "
        f"{counted(len(rows), 'candidate')} tested, in an order that was fixed beforehand; the walk ends at the first "
        "failure, and of those that passed, the one of the largest estimated coverage ships.",
        caveat="The share of these rows that agree is no estimate for the policy that ships: they chose it. What may be said "
        "is the claim, of traffic like the traces.",
        view={
            "rows": Shown.first(rows, max(room.rows, 10)),
            "last": _last(rows),
            "trials": "Certify rows" if end_to_end else "Handled",
            "successes": "No wrong label" if end_to_end else "Agree",
            "level": certificate.level,
            "look": certificate.look,
        },
        charts=(Chart("walk", _chart(certificate, ships), _says(certificate)),) if tested else (),
    )


def _last(rows: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Return the end of a long walk, with what ships; all of a short one."""
    if len(rows) <= _SHORT:
        return rows
    return tuple(row for row in rows if row["ships"] or row["number"] > len(rows) - _SHORT // 2)


def _shipped(certificate: CertificateDocument) -> int | None:
    """Return the number of the step that ships."""
    found = [
        number
        for number, step in enumerate(certificate.walk, start=1)
        if step.passed and (step.n, step.k, step.p_value) == (certificate.n, certificate.k, certificate.p_value)
    ]
    return found[-1] if found else None


def _chart(certificate: CertificateDocument, ships: int | None) -> dict[str, Any]:
    outcomes = ["passed", "failed"]
    data = [
        {
            "x": step.coverage,
            "y": max(step.p_value or 0.0, _SMALLEST),
            "v": "passed" if step.passed else "failed",
            "w": number == ships,
            "d": [
                str(number),
                "passed" if step.passed else "failed",
                percent(step.coverage),
                f"{count(step.k)} of {count(step.n)}",
                p_value(step.p_value),
            ],
        }
        for number, step in enumerate(certificate.walk, start=1)
        if step.p_value is not None
    ]
    x = charts.rates("x", "Coverage (estimate)")
    y = charts.numbers("y", "p-value (lower is surer)", type="log", domain=[_SMALLEST, 1]) | {
        "axis": {"values": [10.0**-power for power in range(7)], "labelExpr": _TICK}
    }
    points = {
        "data": {"values": data},
        "params": [charts.nearest("near")],
        "mark": {"type": "point", "filled": True, "opacity": 1, **charts.DETAILS},
        "encoding": {
            "x": x,
            "y": y,
            "color": charts.colours("v", outcomes, ["var(--blue)", "var(--orange)"]),
            "shape": {**charts.shapes("v", outcomes), "scale": {"domain": outcomes, "range": ["circle", "cross"]}},
            "size": {"condition": {"param": "near", "empty": False, "value": 170}, "value": 75},
        },
    }
    line = {
        "data": {"values": data},
        "mark": {"type": "line", "stroke": "var(--muted)", "strokeWidth": 1, "opacity": 0.6},
        "encoding": {"x": x, "y": y},
    }
    ring = {
        "data": {"values": [each for each in data if each["w"]]},
        "mark": {"type": "point", "filled": False, "size": 260, "stroke": "var(--ink)", "strokeWidth": 2.5},
        "encoding": {"x": x, "y": y},
    }
    limit = certificate.level
    allowed = charts.level_line(limit, f"allowed: {limit:.2g}", axis="y") if limit else []
    names = ("Test", "Outcome", "Coverage", "Agree", "p-value")
    return charts.layered([*allowed, line, points, ring], height=280, details=names)


def _says(certificate: CertificateDocument) -> str:
    passed = sum(step.passed for step in certificate.walk)
    return (
        f"The p-value of each of {counted(len(certificate.walk), 'test')} over estimated coverage: {passed} passed. "
        "The table below holds the numbers."
    )
