"""The built-in embedders."""

from __future__ import annotations

from tracer_spec.builtin.embedders.lsa import LsaOptions, make
from tracer_spec.plugin import Embedder, Plugin


def embedders() -> list[Plugin[Embedder]]:
    """Return the built-in embedders."""
    return [Plugin("lsa", "latent semantic analysis of words and character n-grams", make, LsaOptions)]
