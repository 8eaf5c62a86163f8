"""The state of a monitor as one small JSON file: ``schemas/monitor.v1.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from tracer_spec.atomic_write import replace_file
from tracer_spec.errors import BundleError, DataError, UsageError, printable, remedy_of
from tracer_spec.production.monitoring.claims import ClaimTally
from tracer_spec.production.monitoring.events import Events
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.tally import (
    Calendar,
    Draws,
    LabelTally,
    Moment,
    Period,
    Tally,
    TeacherTally,
    is_finite,
    time_of,
)
from tracer_spec.production.monitoring.teacher_answers import ANSWERED, N_LATEST, SILENT, TeacherAnswers
from tracer_spec.runtime.limits import read_regular
from tracer_spec.runtime.strict_json import canonical_json, read_json
from tracer_spec.stats.anytime import N_BETS, Floats

SCHEMA_VERSION = 1
_MOST_BYTES = 64 << 20
_AGAIN = "name another file; or, where it was a state, remove it, and the whole log is read again"
_COUNTS = ("rows", "handled", "audited", "unanswered", "compared", "agree", "unknown", "failed")
_NAMED = ("reasons", "versions", "passed_over")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """How far a file of the log has been read.

    Parameters
    ----------
    path : str
        Absolute, where it was read last.
    n_bytes : int
        Read so far, up to the end of a line; of what is unpacked, where the file is compressed.
    head : str
        The digest of its first bytes, by which a file is known again under another name.
    is_gone : bool
        Whether it was not there any more. It may come back, as of an archive or a mount, and its lines then count once.
    """

    path: str
    n_bytes: int
    head: str
    is_gone: bool = False


def write_state(path: Path, monitor: Monitor, files: Sequence[ReadFile]) -> None:
    """Write the state of a monitor, in one step."""
    replace_file(path, canonical_json(state_document(monitor, files)) + b"\n", what="the monitor's state")


def read_state(path: Path, reference: Reference, alpha: float | None) -> tuple[Monitor, list[ReadFile]]:
    """Return a monitor as it was left, and the files that it had read; a fresh one where there is no state.

    Raises
    ------
    DataError
        Where the file cannot be read, or holds no state of a monitor of this bundle.
    UsageError
        Where it was begun with another alpha.
    """
    try:
        data = read_regular(path, _MOST_BYTES)
    except FileNotFoundError:
        return Monitor(reference, alpha=alpha), []
    except OSError as error:
        fact = f"the monitor's state cannot be read: {error.strerror}"
        raise DataError(fact, where=str(path), hint=remedy_of(error)) from None
    try:
        document = read_json(data, member="it")
        if document.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {document.get('schema_version')}; this release reads {SCHEMA_VERSION}")
        bundle, begun = document["bundle"], _number(document["alpha"])
        if not 0 < begun < 1:
            raise ValueError(f"alpha is {begun}")
        is_its_own = bundle["sha256"] == reference.sha256
        tally = _tally(document, len(reference.bins)) if is_its_own else None
        claims = list(_claims(document, len(reference.label_claims))) if is_its_own else []
        files = list(map(_file, document["files"]))
        of = printable(f"{bundle['name']} {bundle['version']}")
    except (BundleError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"this is no state of a monitor: {_reason(error)}", where=str(path), hint=_AGAIN) from None
    if tally is None:
        what = f"this is the state of a monitor of {of}, not of {reference.name} {reference.version}"
        raise DataError(what, where=str(path), hint="give --state a folder, which holds a file for each version")
    if alpha is not None and alpha != begun:
        what = f"this state was begun with alpha {begun}, and {alpha} is given"
        raise UsageError(
            what,
            where=str(path),
            hint="leave alpha out, or begin another state: a level that is changed after a look means nothing",
        )
    return Monitor(reference, alpha=begun, tally=tally, claims=claims), files


def state_document(monitor: Monitor, files: Sequence[ReadFile]) -> dict[str, Any]:
    """Return the state of a monitor as JSON values."""
    tally, reference = monitor.tally, monitor.reference
    calendar = tally.calendar
    return {
        "schema_version": SCHEMA_VERSION,
        "bundle": {"name": reference.name, "version": reference.version, "sha256": reference.sha256},
        "alpha": monitor.alpha,
        "counts": {name: getattr(tally, name) for name in _COUNTS},
        "first": tally.first or None,
        "last": tally.last or None,
        "draws": asdict(tally.draws),
        "log_peak": tally.log_peak,
        "evidence": tally.evidence.tolist(),
        "detectors": tally.detectors.tolist(),
        "refuted": asdict(tally.refuted) if tally.refuted else None,
        "warned": asdict(tally.warned) if tally.warned else None,
        "is_warning": tally.is_warning,
        **{name: dict(getattr(tally, name)) for name in _NAMED},
        "scores": list(tally.scores),
        "labels": {label: [each.teacher, each.router] for label, each in tally.labels.items()},
        "period_days": calendar.width,
        "periods": {
            calendar.first_day(number).isoformat(): [each.rows, each.handled, each.n, each.k]
            for number, each in calendar.periods.items()
        },
        "files": [
            {"path": each.path, "bytes": each.n_bytes, "head": each.head, **({"gone": True} if each.is_gone else {})}
            for each in files
        ],
        **({"teachers": {name: asdict(each) for name, each in tally.teachers.items()}} if tally.teachers else {}),
        **({"teacher_answers": asdict(tally.answers)} if tally.answers != TeacherAnswers() else {}),
        **({"events": tally.events.document()} if tally.events else {}),
        **({"missing_files": tally.missing_files} if tally.missing_files else {}),
        **({"answer_forms": dict(tally.answer_forms)} if tally.answer_forms else {}),
        **({"label_claims": list(map(_claim_document, monitor.claims))} if monitor.claims else {}),
    }


def _file(document: Mapping[str, Any]) -> ReadFile:
    is_gone = document.get("gone", False) is True
    return ReadFile(str(document["path"]), _count(document["bytes"]), str(document["head"]), is_gone)


def _claim_document(claim: ClaimTally) -> dict[str, Any]:
    return {
        "n": claim.n,
        "k": claim.k,
        "log_peak": claim.log_peak,
        "evidence": claim.evidence.tolist(),
        "refuted": asdict(claim.refuted) if claim.refuted else None,
    }


def _reason(error: Exception) -> str:
    if isinstance(error, BundleError):
        return f"it {error.problems[0].what}"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _tally(document: Mapping[str, Any], n_bins: int) -> Tally:
    """Return the counts of a state; raise where a value is not of its kind."""
    counts: dict[str, Any] = {name: _count(document["counts"][name]) for name in _COUNTS}
    _check_order(counts, ("agree", "compared", "audited", "rows"), ("handled", "rows"), ("unanswered", "audited"))
    counts |= {name: {str(key): _count(n) for key, n in document[name].items()} for name in _NAMED}
    scores = [_count(each) for each in document["scores"]]
    if len(scores) != n_bins:
        raise ValueError(f"there are {len(scores)} bins of scores, not {n_bins}")
    labels = {label: LabelTally(*map(_count, each)) for label, each in document["labels"].items()}
    return Tally(
        **counts,
        draws=_draws(document["draws"]),
        log_peak=_number(document["log_peak"]),
        evidence=_per_bet(document["evidence"]),
        detectors=_per_bet(document["detectors"]),
        refuted=_moment(document["refuted"]),
        warned=_moment(document["warned"]),
        is_warning=document["is_warning"] is True,
        first=_time(document["first"]),
        last=_time(document["last"]),
        scores=scores,
        labels=labels,
        answer_forms={str(form): _count(n) for form, n in document.get("answer_forms", {}).items()},
        teachers=dict(_teachers(document.get("teachers", {}))),
        answers=_answers(document.get("teacher_answers", {})),
        events=Events.of(document["events"]) if "events" in document else Events(),
        missing_files=_count(document.get("missing_files", 0)),
        calendar=_calendar(document),
    )


def _draws(document: Mapping[str, Any]) -> Draws:
    told = {name: _number(document[name]) for name in ("expected", "variance", "least", "greatest")}
    return Draws(**told, least_above_zero=_number(document.get("least_above_zero", told["least"])))


def _teachers(named: Mapping[str, Any]) -> Iterator[tuple[str, TeacherTally]]:
    for name, each in named.items():
        yield name, TeacherTally(_count(each["n"]), _time(each["first"] or None), _time(each["last"] or None))


def _answers(document: Mapping[str, Any]) -> TeacherAnswers:
    latest = str(document.get("latest", ""))
    if len(latest) > N_LATEST or set(latest) - {ANSWERED, SILENT}:
        raise ValueError(f"{latest[:40]!r} tells of no answers")
    return TeacherAnswers(latest, _time(document.get("last") or None))


def _claims(document: Mapping[str, Any], n_claims: int) -> Iterator[ClaimTally]:
    """Yield the counts of the claims of single labels."""
    found = document.get("label_claims", [])
    if len(found) != n_claims:
        raise ValueError(f"there are {len(found)} claims of labels, not {n_claims}")
    for each in found:
        n, k = _count(each["n"]), _count(each["k"])
        if k > n:
            raise ValueError("k, n of a claim do not rise")
        yield ClaimTally(n, k, _number(each["log_peak"]), _per_bet(each["evidence"]), _moment(each["refuted"]))


def _calendar(document: Mapping[str, Any]) -> Calendar:
    calendar = Calendar(max(1, _count(document["period_days"])))
    for day, counts in document["periods"].items():
        period = Period(*map(_count, counts))
        if period.k > period.n or period.handled > period.rows:  # an answer may come on a later day than its row
            raise ValueError(f"the counts of {day} are not in order")
        calendar.at(date.fromisoformat(day)).add(period)
    return calendar


def _check_order(counts: Mapping[str, int], *orders: Sequence[str]) -> None:
    for names in orders:
        found = [counts[name] for name in names]
        if found != sorted(found):
            raise ValueError(f"{', '.join(names)} do not rise")


def _per_bet(values: Sequence[float]) -> Floats:
    found = np.array(values, np.float64)
    if found.shape != (N_BETS,) or not np.isfinite(found).all():
        raise ValueError(f"there are not {N_BETS} numbers for the bets")
    return found


def _moment(value: Mapping[str, Any] | None) -> Moment | None:
    return None if value is None else Moment(_count(value["n"]), _time(value["time"] or None))


def _number(value: Any) -> float:
    if not is_finite(value):
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return float(value)


def _time(value: Any) -> str:
    if value is None:
        return ""
    if time_of(value) is None:
        raise ValueError(f"{str(value)[:40]!r} is no time")
    return str(value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no count")
    return value
