"""ONNX Runtime: imported in one place, and asked for sessions in one way."""

from __future__ import annotations

import os
from typing import Any

from tracer_spec.errors import TracerError
from tracer_spec.runtime.signal_errors import pass_signal_error

_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_FATAL_ONLY = 4


def import_onnxruntime() -> Any:
    """Import ONNX Runtime without its telemetry.

    Returns
    -------
    module
        ``onnxruntime``.

    Raises
    ------
    TracerError
        Where it is not installed, or does not fit numpy or the system.

    Notes
    -----
    As it is imported, version 1.29 and later write an id of the device under the home folder, and look up a host of
    its maker. A value of the variable that is set already is left as it is.
    """
    os.environ.setdefault(_TELEMETRY, "1")
    try:
        import onnxruntime
        import onnxruntime.capi.onnxruntime_pybind11_state
    except Exception as error:  # noqa: BLE001 - where it does not fit numpy: ImportError, AttributeError or SystemError
        pass_signal_error(error)
        raise TracerError(
            f"onnxruntime cannot be imported: {error_line(error)}", hint="pip install --upgrade numpy onnxruntime"
        ) from None
    return onnxruntime


def open_session(model: bytes) -> Any:
    """Open a graph on one thread, from memory, quietly: the one that certifies and the one that routes are opened alike.

    Parameters
    ----------
    model : bytes
        A serialised ``ModelProto``.

    Returns
    -------
    onnxruntime.InferenceSession
        Its ``run`` may be called from many threads at once. What ONNX Runtime raises shares no base but ``Exception``.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL_ONLY
    # without this, bytes of ONNX Runtime's own format would be taken too, which nothing here has checked
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # its fallback would print, and try the same provider again
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def error_line(error: BaseException) -> str:
    """Return what ONNX Runtime says, on one line and without its name."""
    text = " ".join(str(error).split())
    return text.removeprefix("[ONNXRuntimeError] : ")[:300] or type(error).__name__


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that ONNX Runtime raises: its own, which share no base, and RuntimeError."""
    state = import_onnxruntime().capi.onnxruntime_pybind11_state
    own = (each for each in vars(state).values() if isinstance(each, type) and issubclass(each, Exception))
    return (RuntimeError, *own)
