"""One run of a monitor over the files of a log, with or without a state from the run before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.log import Reading, find_files, missing_files, read_log
from tracer_spec.production.monitoring.monitor import NO_BUNDLE, Monitor
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.state import read_state, write_state
from tracer_spec.runtime.bundle import Bundle
from tracer_spec.text_format import counted_names, plural, reasons


def read_on(
    bundle: Bundle, logs: Sequence[str], *, state: Path | None = None, alpha: float | None = None
) -> tuple[Monitor, Reading]:
    """Read what is new in a log; :func:`keep` remembers it.

    Parameters
    ----------
    bundle : Bundle
    logs : sequence of str
        Folders, files or patterns; none, to read a state alone.
    state : Path or None
        What remembers what has been read: a file, or a folder with a file for each version of a bundle. None reads the whole
        log.
    alpha : float or None
        See :class:`~tracer_spec.production.monitoring.monitor.Monitor`.

    Raises
    ------
    DataError
        Where a file cannot be read, the state is another bundle's, or the log holds no decision of this bundle.
    UsageError
        Where alpha is not in (0, 1), or not the one that the state was begun with.
    """
    reference = Reference.of(bundle)
    state = None if state is None else _file_of(state, reference)
    monitor, before = (Monitor(reference, alpha=alpha), []) if state is None else read_state(state, reference, alpha)
    is_begun = monitor.tally.rows > 0
    paths = find_files(logs, may_be_gone=is_begun)
    monitor.tally.missing_files += missing_files(paths, before, reference.version, is_begun=is_begun)
    reading = read_log(paths, before, monitor)
    if not monitor.tally.rows and not logs:
        raise DataError(
            "there is no state of a monitor here", where=str(state), hint="'tracer-spec monitor --state' writes it"
        )
    if not monitor.tally.rows:
        raise _no_decision(monitor, reading, ", ".join(logs))
    return monitor, reading


def keep(state: Path, monitor: Monitor, reading: Reading) -> None:
    """Remember what has been read.

    Raises
    ------
    TracerError
        Where the state cannot be written.
    """
    write_state(_file_of(state, monitor.reference), monitor, reading.files)


def _file_of(state: Path, reference: Reference) -> Path:
    return state / f"monitor-{reference.version}.json" if state.is_dir() else state


def _no_decision(monitor: Monitor, reading: Reading, where: str) -> DataError:
    """Say what a log holds instead of decisions of this bundle."""
    of, tally = f"{monitor.reference.name} {monitor.reference.version}", monitor.tally
    if tally.versions:
        others = counted_names(sorted(tally.versions.items(), key=lambda each: -each[1]))
        hint = (
            "if it was promoted lately, the app may not have restarted since, or has had no traffic yet; else name the bundle "
            "whose version it is, which 'tracer-spec inspect BUNDLE' prints"
        )
        return DataError(f"no line is a decision of {of}; versions in the log: {others}", where=where, hint=hint)
    if not reading.n_lines:
        return DataError(
            "the log is empty so far", where=where, hint="requests are logged by ts.deploy(..., log=FOLDER)"
        )
    held = reasons(tally.passed_over.items())
    hint = "a log of decisions is what ts.deploy(..., log=FOLDER) writes"
    if tally.passed_over.keys() == {NO_BUNDLE}:
        hint = "deploy the bundle, with mode='shadow' if the teacher is still to answer everything"
    return DataError(f"none of {plural(reading.n_lines, 'line')} is a decision of {of}: {held}", where=where, hint=hint)
