"""Bundles that differ from a built one in what they say of answers and of serving."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

from tracer_spec.flow.bundle_file import write_bundle
from tracer_spec.runtime.bundle import read_bundle
from tracer_spec.runtime.manifest import Alias, Answers, Serve

_NUMBERS = itertools.count()


def variant(
    bundle: Path, folder: Path, *, normalize=None, aliases=(), serve: dict[str, str] | None = None, **more: Any
) -> Path:
    """Write a bundle with other steps, or another ``serve``, and return its path."""
    read = read_bundle(bundle)
    manifest = replace(read.manifest, **more)
    if normalize is not None:
        manifest = replace(manifest, answers=Answers(tuple(normalize), tuple(Alias(*each) for each in aliases)))
    if serve is not None:
        manifest = replace(manifest, serve=Serve(**{"match": None, "text": None, "answer": None, **serve}))
    return write_bundle(folder / f"{next(_NUMBERS)}.tracer", manifest, dict(read.members)).path
