"""Contract of an embedder that is made of other embedders, which its options name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tracer_spec.plugin.contracts import Embedder, Options, Plugin, Vectors

Place = tuple[str | int, ...]


class PartRef(Options):
    """An embedder inside the options of another one; a bare NAME stands for {use: NAME}."""

    model_config = ConfigDict(json_schema_extra={"x-part": True})  # ``PART`` of spec/schema.py, for editors

    use: str = Field(description="the embedder's name; it embeds texts")
    options: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="its options", json_schema_extra={"default": {}}
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        return {"use": data} if isinstance(data, str) else data

    @model_serializer(mode="wrap")
    def _under_written_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"with" if key == "options" else key: value for key, value in write(self).items()}

    @property
    def alias(self) -> str:
        """Return what messages call it: its name."""
        return self.use


class Joined(Embedder, Protocol):
    """An embedder of several parts."""

    def join(self, vectors: Sequence[Vectors]) -> Vectors:
        """Return the vectors of n texts, shape (n, d), from those of each part, shapes (n, d_i): what ``embed`` gives."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return what a bundle must say beside its parts, as JSON."""
        ...


class Joiner(Protocol):
    """Makes one embedder of several."""

    def of(self, parts: Sequence[Any]) -> Any:
        """Return a :class:`Joined` of embedders; where some are to be fitted yet, what fits them."""
        ...


@dataclass(frozen=True, slots=True)
class JoiningPlugin(Plugin[Joiner]):
    """Describes an embedder made of others: its part is a :class:`Joiner`.

    The plan finds the parts and checks their options. A build fits, embeds and remembers each part as it would alone.

    Parameters
    ----------
    parts : callable
        ``parts(options)`` gives each part by its place in the options: ``{("of", 0): PartRef(...)}``.
    """

    parts: Callable[[Any], Mapping[Place, PartRef]] = field(kw_only=True)
