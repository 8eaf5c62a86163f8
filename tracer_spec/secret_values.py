"""The secrets among the options of a plugin: what an error of the plugin may not quote."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracer_spec.plugin.deployment import KEY_WORDS, SECRET_WORDS, words_of
from tracer_spec.spec.error_text import is_private
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import Path, as_written, nearest

# a shorter one stands in many words that are none
_SHORTEST = 4
_PASSWORD = re.compile(r"(?<=://)[^\s'\"@:/]*:([^\s'\"]*)@")


def secrets_of(loaded: LoadedSpec, options: Any, path: Path) -> frozenset[str]:
    """Return the secrets among the options at ``path``.

    A value is one by the name of its option, and where it comes from the environment also by the variable's name or by what it
    holds; so is the variable that an option ``..._env`` names, and the password in any address.
    """
    found: set[str] = set()
    for at, value in _texts(options, path):
        name = words_of(next(str(each) for each in reversed(at) if isinstance(each, str)))
        node = nearest(loaded.tree, at)
        if "env" in name:
            found.add(os.environ.get(value, ""))
        elif name & SECRET_WORDS or (
            is_private(node) and (name | words_of(as_written(node)) | words_of(value)) & KEY_WORDS
        ):
            found.add(value)
        found.update(_PASSWORD.findall(value))
    return frozenset(each for each in found if len(each) >= _SHORTEST)


def _texts(value: Any, at: Path) -> Iterator[tuple[Path, str]]:
    """Yield the texts among options, each with its place."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each, (*at, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _texts(each, (*at, number))
