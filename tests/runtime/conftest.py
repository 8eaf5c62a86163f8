from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _load(path):
    spec = importlib.util.spec_from_file_location("bundles", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_BUNDLES = _load(Path(__file__).with_name("bundles.py"))


@pytest.fixture(scope="session")
def bundles():
    """The module of small real bundles."""
    return _BUNDLES


@pytest.fixture(scope="session")
def good(bundles):
    """The bytes of a bundle that loads; the app brings vectors."""
    return bundles.forge()


@pytest.fixture
def save(tmp_path):
    """Write bytes to a bundle file and return its path."""

    def write(data, name="support-intents.tracer"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write
