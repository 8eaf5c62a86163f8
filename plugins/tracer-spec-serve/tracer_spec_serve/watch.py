"""Whether a bundle's claim still holds, by the log that this server and its siblings write."""

from __future__ import annotations

import logging
import math
import threading
from pathlib import Path

from tracer_spec.errors import DataError
from tracer_spec.production.monitoring.log import find_files, read_log
from tracer_spec.production.monitoring.reference import Reference
from tracer_spec.production.monitoring.state import read_state, write_state
from tracer_spec.runtime import Bundle

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
        self._trouble = ""

    def look(self) -> bool:
        """Read what is new; return whether the claim is refuted and was not yet. Blocks: call it in a thread."""
        with self._looking:
            trouble = self._read()
            if trouble and trouble != self._trouble:
                LOGGER.warning("the claim of %s is not measured: %s", self._monitor.reference.name, trouble)
            self._trouble = trouble
            is_new = self.is_refuted and not self._is_told
            self._is_told = self.is_refuted
            return is_new

    def _read(self) -> str:
        """Read what is new; return what went wrong, which the next look tries again."""
        if not any(self._log.glob("*.jsonl")):
            return ""
        try:
            reading = read_log(find_files([str(self._log)]), self._files, self._monitor)
        except DataError as error:  # lines of a part may be counted by now: they are read again, and counted once
            self._monitor, self._files = read_state(self._path, self._monitor.reference, None)
            return " ".join(str(error).split())
        self._files = list(reading.files)
        try:
            if reading.n_lines:
                write_state(self._path, self._monitor, self._files)
        except (DataError, OSError) as error:
            return " ".join(str(error).split())
        return ""

    @property
    def is_refuted(self) -> bool:
        """Return whether the claim is refuted; it stays so."""
        return self._monitor.is_refuted

    @property
    def verdict(self) -> str:
        """Return how the claim stands, in the monitor's words."""
        return self._monitor.verdict

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
