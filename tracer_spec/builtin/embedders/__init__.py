"""The built-in embedders."""

from __future__ import annotations

from tracer_spec.builtin.embedders import lsa, precomputed
from tracer_spec.plugin import Embedder, Fittable, Plugin, VectorReaderPlugin


def embedders() -> list[Plugin[Embedder | Fittable] | VectorReaderPlugin]:
    """Return the built-in embedders."""
    return [
        Plugin("lsa", "latent semantic analysis of words and character n-grams", lsa.make, lsa.LsaOptions),
        VectorReaderPlugin(
            "precomputed",
            "vectors of another model, read beside the traces; the app brings its own",
            precomputed.make,
            precomputed.PrecomputedOptions,
            column=lambda options: options.column,
        ),
    ]
