"""The plugin ``letters``, an embedder of another distribution: it counts letters."""

from __future__ import annotations

from pathlib import Path

from tracer_spec.testing.distribution import put_distribution

MODULE = "letters_part"
_PLUGIN = """
from typing import Annotated
import numpy as np
from pydantic import Field
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl

made = []


class LetterOptions(Options):
    letters: str = Field("acdelnort", min_length=2, description="what is counted")
    key: Annotated[str, DeploymentOption()] = Field("", max_length=40, description="what opens it")


class Letters:
    def __init__(self, options):
        made.append(options.letters)
        self.letters = options.letters

    def embed(self, texts):
        return np.array([[text.count(each) for each in self.letters] for text in texts], np.float32).reshape(len(texts), -1)

    def fingerprint(self):
        return f"letters {self.letters}"

    def state(self):
        return {}


@hookimpl
def tracer_spec_embedders():
    yield Plugin("letters", "counts letters", Letters, LetterOptions)
"""


def put_letters(site: Path) -> None:
    """Leave the plugin in a folder as installing it there would."""
    put_distribution(site, "tracer_letters", "1.0", {"letters": MODULE}, **{MODULE: _PLUGIN})
