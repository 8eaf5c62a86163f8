"""Static embeddings by Model2Vec: a table of token vectors, averaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator
from tracer_spec.plugin import DeploymentOption, Embedder, Options, Plugin, hookimpl
from tracer_spec.plugin.paths import LocalPath

if TYPE_CHECKING:
    from tracer_spec_model2vec.embedder import Model2VecEmbedder


class Model2VecOptions(Options):
    """Options of ``model2vec``: one of ``path`` and ``repo``."""

    path: Annotated[LocalPath | None, DeploymentOption()] = Field(
        None,
        description="a folder that holds a model, relative to the spec; no network is used",
        examples=["models/potion"],
    )
    repo: Annotated[str | None, DeploymentOption()] = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
        description="a model of the Hugging Face Hub, with its revision; downloaded once, then taken from its cache",
        examples=["minishlab/potion-base-8M"],
    )
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="the commit of the repo, 40 hexadecimal digits: branches and tags move; part of the fingerprint",
    )
    normalize: bool = Field(True, description="scale every vector to length 1")
    max_tokens: int = Field(512, ge=1, le=100_000, description="tokens of a text that are read; the rest is ignored")

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Model2VecOptions:
        if (self.path is None) == (self.repo is None):
            raise ValueError(f"give exactly one of path and repo; got {'neither' if self.path is None else 'both'}")
        if self.repo is not None and self.revision is None:
            raise ValueError("a repo needs its revision: the commit, 40 hexadecimal digits")
        return self


def _make(options: Model2VecOptions) -> Model2VecEmbedder:
    from tracer_spec_model2vec.embedder import Model2VecEmbedder

    return Model2VecEmbedder(options)


@hookimpl
def tracer_spec_embedders() -> Iterable[Plugin[Embedder]]:
    """Yield the embedder."""
    yield Plugin(
        "model2vec", "static token vectors, averaged: fast, and small enough for any CPU", _make, Model2VecOptions
    )
