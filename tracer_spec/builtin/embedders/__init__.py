"""The built-in embedders."""

from __future__ import annotations

from typing import Any

from tracer_spec.builtin.embedders import lsa, precomputed
from tracer_spec.plugin import Plugin


def embedders() -> list[Plugin[Any]]:
    """Return the built-in embedders."""
    return [
        Plugin("lsa", "latent semantic analysis of words and character n-grams", lsa.make, lsa.LsaOptions),
        Plugin(
            "precomputed",
            "vectors of another model, read beside the traces; the app brings its own",
            precomputed.make,
            precomputed.PrecomputedOptions,
        ),
    ]
