"""Embeddings by Sentence Transformers: a transformer, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator
from tracer_spec.plugin import DeploymentOption, Embedder, Options, Plugin, hookimpl
from tracer_spec.plugin.paths import LocalPath

if TYPE_CHECKING:
    from tracer_spec_sentence_transformers.embedder import SentenceTransformersEmbedder


class SentenceTransformersOptions(Options):
    """Options of ``sentence-transformers``: one of ``path`` and ``repo``."""

    path: Annotated[LocalPath | None, DeploymentOption()] = Field(
        None,
        description="a folder that holds a model, relative to the spec; no network is used",
        examples=["models/minilm"],
    )
    repo: Annotated[str | None, DeploymentOption()] = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
        description="a model of the Hugging Face Hub, with its revision; downloaded once, then taken from its cache",
        examples=["sentence-transformers/all-MiniLM-L6-v2"],
    )
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="the commit of the repo, 40 hexadecimal digits: branches and tags move; part of the fingerprint",
    )
    prefix: str = Field("", description="put before every text; some models need 'query: '", examples=["query: "])
    normalize: bool = Field(True, description="scale every vector to length 1")
    max_tokens: int | None = Field(
        None, ge=1, le=100_000, description="tokens of a text that are read; by default as many as the model takes"
    )
    device: Annotated[str, DeploymentOption()] = Field(
        "cpu", description="where the model runs; no part of the fingerprint", examples=["cpu", "cuda:0"]
    )
    batch: Annotated[int, DeploymentOption()] = Field(
        32, ge=1, le=65_536, description="texts that go through the model at once"
    )

    @model_validator(mode="after")
    def _exactly_one_place(self) -> SentenceTransformersOptions:
        if (self.path is None) == (self.repo is None):
            raise ValueError(f"give exactly one of path and repo; got {'neither' if self.path is None else 'both'}")
        if self.repo is not None and self.revision is None:
            raise ValueError("a repo needs its revision: the commit, 40 hexadecimal digits")
        return self


def _make(options: SentenceTransformersOptions) -> SentenceTransformersEmbedder:
    from tracer_spec_sentence_transformers.embedder import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(options)


@hookimpl
def tracer_spec_embedders() -> Iterable[Plugin[Embedder]]:
    """Yield the embedder."""
    yield Plugin(
        "sentence-transformers",
        "transformer models of Sentence Transformers, from a folder or the Hub",
        _make,
        SentenceTransformersOptions,
    )
