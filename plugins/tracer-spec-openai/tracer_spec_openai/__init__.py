"""Embeddings of any endpoint that speaks OpenAI's ``/v1/embeddings``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tracer_spec.plugin import Embedder, Plugin, hookimpl

from tracer_spec_openai.options import OpenAIOptions

if TYPE_CHECKING:
    from tracer_spec_openai.embedder import OpenAIEmbedder

__all__ = ["OpenAIOptions"]


def _make(options: OpenAIOptions) -> OpenAIEmbedder:
    from tracer_spec_openai.embedder import OpenAIEmbedder

    return OpenAIEmbedder(options)


@hookimpl
def tracer_spec_embedders() -> Iterable[Plugin[Embedder]]:
    """Yield the embedder."""
    yield Plugin(
        "openai", "any OpenAI-compatible /v1/embeddings: OpenAI, vLLM, TEI, Ollama, LiteLLM", _make, OpenAIOptions
    )
