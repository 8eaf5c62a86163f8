"""Imports ONNX Runtime without its telemetry, and names its errors."""

from __future__ import annotations

import os
from typing import Any

_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime() -> Any:
    """Import ONNX Runtime without its telemetry.

    Returns
    -------
    module
        ``onnxruntime``.

    Notes
    -----
    As it is imported, version 1.29 and later write an id of the device under the home folder, and look up a host of
    its maker. A value of the variable that is set already is left as it is.
    """
    os.environ.setdefault(_TELEMETRY, "1")
    import onnxruntime

    return onnxruntime


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that ONNX Runtime raises: its own, which share no base, and RuntimeError."""
    import_onnxruntime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (each for each in vars(state).values() if isinstance(each, type) and issubclass(each, Exception))
    return (RuntimeError, *own)
