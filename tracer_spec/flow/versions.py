"""Versions of the libraries that the bytes of a bundle depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version as distribution_version

# what the bytes of a bundle depend on, besides our own
_LIBRARIES = ("tracer-spec", "numpy", "scipy", "scikit-learn", "onnx", "skl2onnx", "onnxruntime")


def libraries() -> dict[str, str]:
    """Return the versions that the bytes of a bundle depend on."""
    versions = {name: distribution_version(name) for name in _LIBRARIES}
    return versions | {"python": ".".join(platform.python_version_tuple()[:2])}
