"""The secrets among the options of a plugin: where they stand, and what no message may quote."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from tracer_spec.plugin.deployment import aliases, marks_of, opens_a_door, words_of
from tracer_spec.plugin.paths import RESOLVES
from tracer_spec.spec.environment import default_of
from tracer_spec.spec.error_text import is_private
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import Node, Path, Scalar, as_written, find, nearest

# a shorter one stands in many words that are none; of a value that nothing calls a secret, longer ones do so too
_SHORTEST, _SHORTEST_UNTOLD = 4, 6
_PASSWORD = re.compile(r"(?<=://)[^\s'\"@:/]*:([^\s'\"]*)@")


def secrets_of(loaded: LoadedSpec, options: BaseModel, written: Any, path: Path) -> frozenset[str]:
    """Return the secrets among the options at ``path``, as the plugin takes them and as they are written.

    A value is one by the name or the type of its option, and where it comes from the environment, unless it is a path; so is
    the variable that an option ``..._env`` names, and the password in any address.
    """
    found: set[str] = set()
    places, paths = set(secret_places(loaded, options, path)), set(_paths(options, path))
    for at, value in _texts(written, path):
        words = words_of(next(str(each) for each in reversed(at) if isinstance(each, str)))
        node, above = nearest(loaded.tree, at), {at[:n] for n in range(len(at) + 1)}
        if "env" in words:
            found.add(os.environ.get(value, ""))
        else:
            is_told = _is_told(words, node, value) or bool(places & above)
            may_be = not paths & above and len(value) >= _SHORTEST_UNTOLD
            found.update([value] if is_told or (may_be and _is_from_environment(node, value)) else ())
        found.update(_PASSWORD.findall(value))
    return frozenset(each for each in found if len(each) >= _SHORTEST)


def secret_places(loaded: LoadedSpec, options: BaseModel, path: Path, stays: Collection[str] = ()) -> Iterator[Path]:
    """Yield where the spec writes a secret, by name or type, among options but those that stay, and the options in these."""
    for name, of_model in type(options).model_fields.items():
        value, names = getattr(options, name), (name, *aliases(of_model))
        at = next((place for each in names if find(loaded.tree, place := (*path, each))), None)
        words = frozenset[str]().union(*map(words_of, names))
        if at is None or name in stays or "env" in words:
            continue
        is_named = opens_a_door(words, is_private=is_private(nearest(loaded.tree, at)))
        if is_named or isinstance(value, SecretStr | SecretBytes):
            yield at
            continue
        for inner, place in _models_in(value, at):
            yield from secret_places(loaded, inner, place)


def _is_told(words: frozenset[str], node: Node, value: str) -> bool:
    """Return whether the name of an option says that its value is a secret, or of a variable the value or the variable does."""
    is_of_variable = is_private(node)
    if is_of_variable:
        words |= words_of(as_written(node)) | words_of(value)
    return opens_a_door(words, is_private=is_of_variable)


def _is_from_environment(node: Node, value: str) -> bool:
    """Return whether a value holds what a variable says, and not only what the spec gives where none does."""
    return isinstance(node, Scalar) and is_private(node) and str(default_of(node)) != value


def _paths(options: BaseModel, path: Path) -> Iterator[Path]:
    """Yield where the paths among options stand, which people must see to mend them."""
    for name, field in type(options).model_fields.items():
        if RESOLVES in marks_of(field):
            yield from ((*path, each) for each in (name, *aliases(field)))


def _models_in(value: Any, at: Path) -> Iterator[tuple[BaseModel, Path]]:
    """Yield the options that an option holds, each with its place."""
    if isinstance(value, BaseModel):
        yield value, at
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _models_in(each, (*at, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _models_in(each, (*at, number))


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
