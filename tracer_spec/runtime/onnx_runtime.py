"""ONNX Runtime, imported in one place, and told first to keep to itself."""

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
