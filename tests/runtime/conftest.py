from __future__ import annotations

import numpy as np
import pytest

import tracer_spec as ts
from tests.runtime import bundles as made_bundles


@pytest.fixture(scope="session")
def bundles():
    """The module of small real bundles."""
    return made_bundles


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


@pytest.fixture
def ref(good, save):
    return ts.RouterRef(save(good))


@pytest.fixture
def vectors(ref):
    return np.random.default_rng(3).normal(size=(40, ref.router.dimension)).astype(np.float32)
