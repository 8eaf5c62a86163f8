"""Text encoders as ONNX, on ONNX Runtime and tokenizers: no PyTorch, and the model inside the bundle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator
from tracer_spec.plugin import DeploymentOption, Embedder, Options, Plugin, hookimpl
from tracer_spec.plugin.paths import LocalPath

if TYPE_CHECKING:
    from tracer_spec_encoder.embedder import EncoderEmbedder

_PLACES = ("path", "repo", "package")
# says where the model is, which no app is asked where the bundle carries it
_NOT_HELD = DeploymentOption(unless="in_bundle")


class EncoderOptions(Options):
    """Options of ``encoder``: one of ``path``, ``repo`` and ``package``, and how the model is asked."""

    path: Annotated[LocalPath | None, _NOT_HELD] = Field(
        None,
        description="a folder that holds an ONNX model and its tokenizer.json, relative to the spec; no network is used",
        examples=["models/minilm"],
    )
    repo: Annotated[str | None, _NOT_HELD] = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
        description="a model of the Hugging Face Hub, with its revision; downloaded once, then taken from its cache",
        examples=["sentence-transformers/all-MiniLM-L6-v2"],
    )
    revision: Annotated[str | None, _NOT_HELD] = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="the commit of the repo, 40 hexadecimal digits: branches and tags move",
    )
    package: Annotated[str | None, _NOT_HELD] = Field(
        None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        description="an installed distribution whose files are the model (tools/model_package.py makes one)",
        examples=["acme-minilm"],
    )
    file: Annotated[str | None, _NOT_HELD] = Field(
        None,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*\.onnx$",
        description="the model's file in that place; by default the only one there, in a repo onnx/model.onnx",
        examples=["onnx/model_quantized.onnx"],
    )
    in_bundle: bool = Field(
        True, description="carry the model in the bundle; without it the app says where the model is when it loads one"
    )
    pooling: Literal["mean", "cls", "last"] = Field(
        "mean",
        description="how the vectors of a text's tokens become one: their mean, that of the first token, or of the last; "
        "no matter for a graph that gives one vector a text",
    )
    output: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="the graph's output to take; by default the first that has a vector for each token, else for each text",
    )
    prefix: str = Field(
        "", max_length=2000, description="put before every text; some models need 'query: '", examples=["query: "]
    )
    normalize: bool = Field(True, description="scale every vector to length 1")
    max_tokens: int = Field(
        256,
        ge=2,
        le=8192,
        description="tokens of a text that are read, of at most 64 characters each; the rest is ignored",
    )

    @model_validator(mode="after")
    def _one_place(self, info: ValidationInfo) -> EncoderOptions:
        given = [name for name in _PLACES if getattr(self, name) is not None]
        # the options of a bundle come without the spec's folder, and name no place
        if len(given) > 1 or (info.context and not given):
            raise ValueError(f"give exactly one of path, repo and package; got {' and '.join(given) or 'none'}")
        if (self.repo is None) != (self.revision is None):
            raise ValueError("a repo and its revision go together: the commit, 40 hexadecimal digits")
        return self


def _make(options: EncoderOptions) -> EncoderEmbedder:
    from tracer_spec_encoder.embedder import EncoderEmbedder

    return EncoderEmbedder(options)


@hookimpl
def tracer_spec_embedders() -> Iterable[Plugin[Embedder]]:
    """Yield the embedder."""
    yield Plugin(
        "encoder", "a text encoder as ONNX, without PyTorch; the model travels in the bundle", _make, EncoderOptions
    )
