"""What a build needs of its surroundings, checked before anything is read, trained or counted as a look."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tracer_spec.atomic_write import check_writable
from tracer_spec.errors import UsageError
from tracer_spec.runtime.onnx_runtime import import_onnxruntime


def check_surroundings(outputs: Mapping[str, Path | None], environ: Mapping[str, str] = os.environ) -> None:
    """Find out that a build could not be finished before it begins.

    Parameters
    ----------
    outputs : mapping of str to Path or None
        What will be written, as messages call it, and where; None where it will not be.
    environ : mapping of str to str
        Holds ``SOURCE_DATE_EPOCH``, perhaps.

    Raises
    ------
    UsageError
        Where ``SOURCE_DATE_EPOCH`` is no time.
    TracerError
        Where ONNX Runtime cannot be imported, or an output cannot be written.
    """
    source_date(environ)
    for what, place in outputs.items():
        if place is not None:
            check_writable(place, what=what)
    import_onnxruntime()


def source_date(environ: Mapping[str, str]) -> str | None:
    """Return the time of ``SOURCE_DATE_EPOCH``, None where it is not set: the clock is not asked."""
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    try:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(text)
        return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is '{text}'", hint="it is a whole number of seconds since 1970") from None
