"""The options of the embedder. None of them is a secret: the key is named, never given."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from tracer_spec.plugin import DeploymentOption, Options

DEFAULT_URL = "https://api.openai.com/v1"
URL_VARIABLE = "OPENAI_BASE_URL"


class OpenAIOptions(Options):
    """Options of ``openai``."""

    model: str = Field(min_length=1, description="the model's name, as the endpoint knows it")
    dimensions: int | None = Field(
        None, ge=1, le=65_536, description="ask for vectors of this length; by default the model's own"
    )
    base_url: Annotated[str | None, DeploymentOption()] = Field(
        None,
        description=f"the endpoint up to, and without, /embeddings; by default {URL_VARIABLE}, else {DEFAULT_URL}",
        examples=["http://localhost:11434/v1"],
    )
    api_key_env: Annotated[str | None, DeploymentOption()] = Field(
        "OPENAI_API_KEY",
        description="the environment variable that holds the key; null where the endpoint needs none",
    )
    prefix: str = Field("", description="put before every text; some models need 'query: '", examples=["query: "])
    max_chars: int = Field(
        8000,
        ge=1,
        le=1_000_000,
        description="characters of a text that are sent, the rest is ignored: models have limits",
    )
    normalize: bool = Field(False, description="scale every vector to length 1; OpenAI's own are already")
    batch_texts: Annotated[int, DeploymentOption()] = Field(
        256, ge=1, le=2048, description="texts in one request at most"
    )
    batch_chars: Annotated[int, DeploymentOption()] = Field(
        200_000, ge=1, description="characters in one request at most; one text may exceed it alone"
    )
    attempts: Annotated[int, DeploymentOption()] = Field(
        6, ge=1, le=100, description="how often one request is tried at most"
    )
    backoff_s: Annotated[float, DeploymentOption()] = Field(
        0.5, ge=0, le=60, description="the longest wait before the second try; doubles with each, up to 30 seconds"
    )
    timeout_s: Annotated[float, DeploymentOption()] = Field(
        30.0, gt=0, le=3600, description="how long one try may take, in seconds"
    )
    deadline_s: Annotated[float, DeploymentOption()] = Field(
        600.0,
        gt=0,
        le=86_400,
        description="how long one call with all its requests, tries and waits may take, in seconds",
    )

    # checked on the model, not on the field: an error of a field quotes its value, and here that may be a secret
    @model_validator(mode="after")
    def _holds_no_secret(self) -> OpenAIOptions:
        if self.api_key_env is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", self.api_key_env):
            raise ValueError(
                "api_key_env takes the name of an environment variable, never the key itself (not shown here)"
            )
        wrong = "" if self.base_url is None else fault_of_address(self.base_url)
        if wrong:
            raise ValueError(f"base_url {wrong}")
        return self


def fault_of_address(address: str) -> str:
    """Return what is wrong with an address, without showing it, since it may hold a secret; empty where nothing is."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        return f"takes an address such as {DEFAULT_URL} (what it holds is not shown)"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return (
            "holds a user, a password or a query (not shown); give the address alone, and in api_key_env the name "
            "of the variable that holds the key"
        )
    return ""
