"""What a build needs of its surroundings, checked before anything is read, trained or counted as a look."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tracer_spec.atomic_write import check_replaces_its_own, check_writable
from tracer_spec.errors import UsageError
from tracer_spec.runtime.onnx_runtime import import_onnxruntime


def check_surroundings(bundle: Path | None, lock: Path | None, environ: Mapping[str, str] = os.environ) -> None:
    """Find out that a build could not be finished before it begins.

    Parameters
    ----------
    bundle, lock : Path or None
        Where they will be written; None where they will not be.
    environ : mapping of str to str
        Holds ``SOURCE_DATE_EPOCH``, perhaps.

    Raises
    ------
    UsageError
        Where ``SOURCE_DATE_EPOCH`` is no time.
    TracerError
        Where ONNX Runtime cannot be imported, or an output cannot be written, or would take the place of another kind of file.
    """
    source_date(environ)
    for what, place in (("the bundle", bundle), ("the lock", lock)):
        if place is not None:
            check_writable(place, what=what)
    if bundle is not None:
        check_replaces_its_own(bundle, what="the bundle", ending=".tracer", start=b"PK\x03\x04")
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
