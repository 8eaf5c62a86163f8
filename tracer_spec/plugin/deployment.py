"""Options of an embedder that say where and how it runs, which a bundle neither holds nor sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import AliasChoices, AliasPath
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class DeploymentOption:
    """Marks an option of an embedder that belongs to where it runs: an address, a key, a path, a repository, a time limit.

    Written as ``base_url: Annotated[str, DeploymentOption()] = Field(...)``. A build leaves such an option out of the bundle,
    and it is never read from one. The app gives it with ``load(path, embedder="my-embedder", embedder_options={...})``,
    or the plugin takes it from the environment.
    """


def is_deployment_option(field: FieldInfo) -> bool:
    """Return whether a field is marked, on its type as a whole or on a part of it."""
    return any(isinstance(each, DeploymentOption) for each in (*field.metadata, *_marks(field.annotation)))


def aliases(field: FieldInfo) -> Iterator[str]:
    """Yield the other names that pydantic reads a field by."""
    for alias in (field.alias, field.validation_alias):
        for each in alias.choices if isinstance(alias, AliasChoices) else (alias,):
            first = each.path[0] if isinstance(each, AliasPath) else each
            if first is not None:
                yield str(first)


def _marks(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _marks(part)
