"""Options of an embedder that say where and how it runs, which a bundle neither holds nor sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import AliasChoices, AliasPath
from pydantic.fields import FieldInfo

# words in the name of an option that opens a door: whatever its value is, and where that comes from the environment
SECRET_WORDS = frozenset((
    "apikey", "credential", "credentials", "passphrase", "passwd", "password", "pwd", "secret", "secrets",
))  # fmt: skip
KEY_WORDS = SECRET_WORDS | frozenset((
    "auth", "authorization", "bearer", "cookie", "cookies", "header", "headers", "key", "token",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeploymentOption:
    """Marks an option of an embedder that belongs to where it runs: an address, a key, a path, a repository, a time limit.

    Written as ``base_url: Annotated[str, DeploymentOption()] = Field(...)``. A build leaves such an option out of the bundle,
    and it is never read from one. The app gives it with ``load(path, embedder="my-embedder", embedder_options={...})``,
    or the plugin takes it from the environment.

    Parameters
    ----------
    unless : str
        Another option of the plugin: in a bundle that was built with it, this one has no effect, and an app that gives it is
        told so. Empty for one that always has.
    """

    unless: str = ""


def mark_of(field: FieldInfo) -> DeploymentOption | None:
    """Return the mark of a field, on its type as a whole or on a part of it; None where it has none."""
    return next((each for each in marks_of(field) if isinstance(each, DeploymentOption)), None)


def marks_of(field: FieldInfo) -> Iterator[Any]:
    """Yield what a field is annotated with, on its type as a whole or on a part of it."""
    yield from field.metadata
    yield from _marks(field.annotation)


def words_of(name: str) -> frozenset[str]:
    """Return the words of an option's name, in lower case: those of ``api_key``, ``api-key`` and ``apiKey`` are the same."""
    return frozenset(word.lower() for word in re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))


def opens_a_door(words: frozenset[str], *, is_private: bool) -> bool:
    """Return whether an option of a name of these words is a secret; ``is_private`` where its value is from the environment.

    Examples
    --------
    >>> [opens_a_door(words_of(each), is_private=False) for each in ("passwd", "api_key", "pad_token")]
    [True, True, False]
    >>> opens_a_door(words_of("pad_token"), is_private=True)
    True
    """
    return bool(words & (KEY_WORDS if is_private else SECRET_WORDS)) or {"api", "key"} <= words


def aliases(field: FieldInfo) -> Iterator[str]:
    """Yield the other names that pydantic reads a field by."""
    for alias in (field.alias, field.validation_alias):
        for each in alias.choices if isinstance(alias, AliasChoices) else (alias,):
            first = each.path[0] if isinstance(each, AliasPath) else each
            if first is not None:
                yield str(first)


def parts_of(hint: Any) -> Iterator[Any]:
    """Yield a type and everything that it is made of."""
    yield hint
    for each in get_args(hint):
        yield from parts_of(each)


def _marks(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _marks(part)
