"""The outcome of a monitor, and the document of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from tracer_spec.cli.text.outcome import Outcome
from tracer_spec.production.monitoring.claims import e_value_of
from tracer_spec.production.monitoring.course import gap_of
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import WARNING_BAR, Monitor
from tracer_spec.production.monitoring.tally import LabelTally, Moment, Tally
from tracer_spec.production.way_back import shadowed_by, to_shadow, undone_by
from tracer_spec.report.facts import Fact
from tracer_spec.report.monitor_facts import monitor_facts, of_which_log
from tracer_spec.report.monitor_warnings import has_stopped, have_changed, late_coverage_of, silence_of, teachers_of
from tracer_spec.runtime import Bundle
from tracer_spec.stats.rate import at_release_document


def monitor_outcome(monitor: Monitor, reading: Reading, bundle: Bundle, now: datetime) -> Outcome:
    """Return what a log says of a bundle: the verdict first, then the numbers, then what limits them."""
    reference = monitor.reference
    facts = [*monitor_facts(monitor, reading, now=now, remedy=_way_back(bundle)), Fact("sha256", bundle.sha256)]
    of = f"{reference.name} {reference.version}"
    return Outcome(monitor.verdict, of, facts, ending=of_which_log(monitor))


def _way_back(bundle: Bundle) -> str:
    """Return how the bundle is taken out of charge, where it is read from a folder of releases."""
    if (folder := undone_by(bundle)) is not None:
        told = f"take it back: {shlex.join(['tracer-spec', 'rollback', str(folder)])}"
    elif (folder := shadowed_by(bundle)) is not None:
        told = f"let the teacher answer until the next bundle: {to_shadow(folder)}"
    else:
        return ""
    return f"{told}; running apps keep it until they are restarted (serve: until a reload)"


def monitor_document(monitor: Monitor, reading: Reading, bundle: Bundle, now: datetime) -> dict[str, Any]:
    """Return the document of ``monitor --json``."""
    reference, tally, drift = monitor.reference, monitor.tally, monitor.drift
    return {
        "schema_version": 1,
        "status": monitor.verdict,
        "file": {"path": bundle.where, "sha256": bundle.sha256},
        "name": reference.name,
        "version": reference.version,
        "claim": {
            "text": reference.claim,
            "measure": reference.measure,
            "target": reference.target,
            "confidence": reference.confidence,
        },
        "alpha": monitor.alpha,
        "claimed": monitor.rate.document(),
        "at_release": at_release_document(monitor.rate, monitor.rate_of(*reference.tested)),
        "agreement": monitor.agreement.document(),
        "coverage": monitor.coverage.document(),
        "coverage_lately": _late_coverage_document(monitor),
        **_evidence_document(monitor),
        "audited": {**_audited_document(tally), "silent_since": _silent_since(monitor)},
        "asked_lately": {
            "n": tally.answers.n_latest,
            "unanswered": tally.answers.n_silent,
            "last_answer": tally.answers.last or None,
            "is_silent": tally.answers.is_silent,
        },
        "teachers": [{"model": name, **asdict(each)} for name, each in teachers_of(monitor)],
        "teacher_has_changed": have_changed(monitor),
        "drift": {**asdict(drift), "is_seen": drift.is_seen} if drift else None,
        "deferred": dict(tally.reasons),
        "labels": list(map(partial(_label_document, monitor), reference.labels)),
        "moved": {
            "teacher": [asdict(each) for each in monitor.teachers_moved],
            "router": [asdict(each) for each in monitor.routers_moved],
        },
        "log": {**_log_document(tally, reading, has_stopped=has_stopped(monitor, now)), "gap": _gap_document(tally)},
        "period_days": tally.calendar.width,
        "periods": [
            {
                "first_day": each.day.isoformat(),
                "rows": each.rows,
                "handled": each.handled,
                "claimed": each.own.document(),
                "since_release": each.since.document(),
            }
            for each in monitor.progress()
        ],
    }


def _evidence_document(monitor: Monitor) -> dict[str, Any]:
    """Return the evidence against the claim, and against that of each label."""
    reference, tally = monitor.reference, monitor.tally
    return {
        "e_value": {
            "now": monitor.e_value_now,
            "largest": monitor.e_value,
            "refutes_at": monitor.refutes_at,
            "refuted": _moment(tally.refuted),
        },
        **({"label_claims": list(_label_claims(monitor))} if monitor.claims else {}),
        "warning": {
            "detector": monitor.detector,
            "warns_at": WARNING_BAR,
            "level": reference.warning_level,
            "measured_at_release": reference.measured,
            "warned": _moment(tally.warned),
            "is_warning": tally.is_warning,
        },
    }


def _late_coverage_document(monitor: Monitor) -> dict[str, Any] | None:
    found = late_coverage_of(monitor)
    if found is None:
        return None
    return {
        "first_day": found.day.isoformat(),
        **found.late.document(),
        "before": found.before.share,
        "has_fallen": found.has_fallen,
    }


def _silent_since(monitor: Monitor) -> str | None:
    """Return since which day no audited row tells of the claim, where chance does not explain it."""
    found = silence_of(monitor)
    return found.day.isoformat() if found else None


def _audited_document(tally: Tally) -> dict[str, Any]:
    return {
        "n": tally.audited,
        "expected": tally.draws.expected,
        "is_by_chance": tally.draws.explain(tally.audited),
        "rates": [tally.draws.least, tally.draws.greatest] if tally.rows else None,
        "unanswered": tally.unanswered,
        "handled": tally.compared,
        "unknown_labels": tally.unknown,
        "answer_forms": tally.changed_forms,
    }


def _label_document(monitor: Monitor, label: str) -> dict[str, Any]:
    reference, counts = monitor.reference, monitor.tally.labels.get(label, LabelTally())
    return {
        "label": label,
        "teacher": counts.teacher,
        "router": counts.router,
        "teacher_at_release": reference.teacher.get(label),
        "router_at_release": reference.router.get(label),
    }


def _log_document(tally: Tally, reading: Reading, *, has_stopped: bool) -> dict[str, Any]:
    return {
        "rows": tally.rows,
        "first": tally.first or None,
        "last": tally.last or None,
        "has_stopped": has_stopped,
        "unanswered": tally.failed,
        "other_versions": dict(tally.versions),
        "passed_over": dict(tally.passed_over),
        "missing_files": tally.missing_files,
        "read_in_this_run": reading.n_lines,
        "notes": list(reading.notes),
    }


def _gap_document(tally: Tally) -> dict[str, Any] | None:
    found = gap_of(tally.calendar)
    if found is None:
        return None
    return {"after": found.after.isoformat(), "before": found.before.isoformat(), "rows_before": found.n_before}


def _label_claims(monitor: Monitor) -> Iterator[dict[str, Any]]:
    for claim, tally in monitor.label_claims:
        yield {
            **asdict(claim),
            "claimed": claim.level,
            "successes": monitor.rate_of(tally.n, tally.k).document(),
            "e_value": {"largest": e_value_of(tally), "refuted": _moment(tally.refuted)},
        }


def _moment(moment: Moment | None) -> dict[str, Any] | None:
    return None if moment is None else {"n": moment.n, "time": moment.time or None}
