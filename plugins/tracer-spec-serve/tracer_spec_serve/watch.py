"""Whether a bundle's claim still holds, by the log that this server and its siblings write."""

from __future__ import annotations

import copy
import logging
import math
import threading
from pathlib import Path

from tracer_spec.errors import DataError, TracerError
from tracer_spec.production.monitoring.log import find_files, read_log
from tracer_spec.production.monitoring.monitor import NOT_MEASURED, Monitor
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.state import read_state, write_state
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.inputs import place_of

LOGGER = logging.getLogger("tracer_spec.serve")


class Watch:
    """The monitor of one bundle, which reads what is new in the log whenever it looks.

    Parameters
    ----------
    bundle : Bundle
    log : Path
        The folder of the log: every process that serves the bundle may write there, and all of it counts.
    state : Path
        The folder of what is remembered, as ``monitor-VERSION.json``: a claim that was refuted is so after a restart.

    Raises
    ------
    BundleError
        Where the bundle has no target that a log could be held against.
    DataError
        Where the state cannot be read, or is none.
    """

    def __init__(self, bundle: Bundle, log: Path, state: Path) -> None:
        reference = Reference.of(bundle)
        self._log, self._path = log, state / f"monitor-{reference.version}.json"
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the monitor's state cannot be kept there: {error.strerror}", where=str(state)) from None
        self._monitor, self._files = read_state(self._path, reference, None)
        self._looking = threading.Lock()
        self._is_told = self.is_refuted
        self._is_kept = True
        self._is_measured, self.trouble = True, ""

    def look(self) -> bool:
        """Read what is new; return whether the claim is refuted and was not yet. Blocks: call it in a thread.

        What goes wrong is logged once, stands in :attr:`trouble`, and the next look tries again.
        """
        with self._looking:
            trouble = self._read()
            self._is_measured = not trouble
            trouble = trouble or self._keep()
            before, self.trouble = self.trouble, trouble  # first: who reads what is logged may ask a probe at once
            if trouble and trouble != before:
                LOGGER.warning("the claim of %s: %s", self._monitor.reference.name, trouble)
            elif before and not trouble:
                LOGGER.warning("the claim of %s is measured again, and its state kept", self._monitor.reference.name)
            is_new = self.is_refuted and not self._is_told
            self._is_told = self.is_refuted
            return is_new

    def _read(self) -> str:
        """Read what is new; return what went wrong."""
        before = self._monitor
        # a copy counts, so that lines of a look that failed on its way are counted once when they are read again
        monitor = Monitor(
            before.reference,
            alpha=before.alpha,
            tally=copy.deepcopy(before.tally),
            claims=copy.deepcopy(before.claims),
        )
        try:
            reading = read_log(find_files([str(self._log)], may_be_gone=True), self._files, monitor)
        except Exception as error:  # noqa: BLE001 - whatever it is, the claim must be looked at again
            return f"it is not measured: {_told(error)}"
        self._monitor, self._files = monitor, list(reading.files)
        self._is_kept = self._is_kept and not reading.n_lines
        return ""

    def _keep(self) -> str:
        """Write what was read, unless it is kept already; return what went wrong."""
        if not self._is_kept:
            try:
                write_state(self._path, self._monitor, self._files)
            except Exception as error:  # noqa: BLE001 - what is read counts all the same
                return f"it is measured, but a restart will forget what was read: {_told(error)}"
            self._is_kept = True
        return ""

    @property
    def is_refuted(self) -> bool:
        """Return whether the claim is refuted; it stays so."""
        return self._monitor.is_refuted

    @property
    def verdict(self) -> str:
        """Return how the claim stands, in the monitor's words; while the log cannot be read, it is not measured."""
        return self._monitor.verdict if self._is_measured or self.is_refuted else NOT_MEASURED

    @property
    def n_audits(self) -> int:
        """Return the number of audited requests that the router handles."""
        return self._monitor.tally.compared

    @property
    def n_agree(self) -> int:
        """Return how many of them have the teacher's label."""
        return self._monitor.tally.agree

    @property
    def agreement(self) -> float | None:
        """Return the agreement on them, None where there are none."""
        return self.n_agree / self.n_audits if self.n_audits else None

    @property
    def e_value(self) -> float:
        """Return the evidence against the claim so far."""
        return self._monitor.e_value

    @property
    def bar(self) -> float:
        """Return the evidence that refutes it."""
        return self._monitor.refutes_at if self._monitor.alpha else math.inf

    @property
    def target(self) -> float:
        """Return what is claimed."""
        return self._monitor.reference.target


def _told(error: Exception) -> str:
    """Return an error on one line, which is the same when it comes again; of one that nobody foresaw, where it came from."""
    if not isinstance(error, TracerError):
        return place_of(error)
    found = error.problems[0]
    return f"{found.where}: {found.what}"
