"""``concat``: several embedders side by side, as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tracer_spec.plugin import Fittable, Options
from tracer_spec.plugin.joining import PartRef, Place
from tracer_spec.runtime.concat import LARGEST_WEIGHT, MOST_PARTS, Concat


class WeightedPart(PartRef):
    """One part."""

    weight: float = Field(
        1.0,
        ge=1 / LARGEST_WEIGHT,
        le=LARGEST_WEIGHT,
        description="its share of the vector's length, beside the others'",
    )


class ConcatOptions(Options):
    """Options of ``concat``."""

    of: tuple[WeightedPart, ...] = Field(
        min_length=2,
        max_length=MOST_PARTS,
        description="the embedders, each a name or {use: NAME, with: OPTIONS, weight: NUMBER}; each part's vector is scaled to "
        "its weight before they are put side by side",
    )


@dataclass(frozen=True, slots=True)
class ConcatJoiner:
    """Makes one embedder of the parts that its options name."""

    options: ConcatOptions

    def of(self, parts: Sequence[Any]) -> Concat | ConcatLearner:
        """Return the embedder of these parts; what fits it, where one of them learns."""
        joined = Concat(tuple(parts), tuple(part.weight for part in self.options.of))
        return ConcatLearner(joined) if any(isinstance(part, Fittable) for part in parts) else joined


@dataclass(frozen=True, slots=True)
class ConcatLearner:
    """Fits the parts that learn."""

    joined: Concat

    def fit(self, texts: Sequence[str], *, seed: int) -> Concat:
        """Return the embedder, each part fitted on the same texts by the same seed, as it would be alone."""
        parts = self.joined.parts
        fitted = (part.fit(texts, seed=seed) if isinstance(part, Fittable) else part for part in parts)
        return Concat(tuple(fitted), self.joined.weights)

    def restore(self, state: Mapping[str, bytes]) -> Concat:
        """Return the embedder whose state this is."""
        return self.joined.restore(state)


def parts_of(options: ConcatOptions) -> dict[Place, PartRef]:
    """Return the parts by their places in the options."""
    return {("of", number): part for number, part in enumerate(options.of)}
