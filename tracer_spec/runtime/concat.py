"""``concat``: the vectors of several embedders side by side, each scaled to its share of the length."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from tracer_spec.errors import BundleError
from tracer_spec.runtime.archive import EMBEDDER, MANIFEST, REBUILD
from tracer_spec.runtime.field_rules import Rule
from tracer_spec.runtime.manifest import PartIdentity
from tracer_spec.runtime.manifest_reader import read_shape
from tracer_spec.runtime.strict_json import canonical_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_PARTS = 8
LARGEST_WEIGHT = 1000.0
ALGORITHM = "tracer-spec concat 1"


@dataclass(frozen=True, slots=True)
class ConcatIdentity:
    """What ``embedder.options`` of a manifest says of ``concat``."""

    of: Annotated[tuple[PartIdentity, ...], Rule(2, MOST_PARTS), "the parts, in order"]
    weights: Annotated[
        tuple[Annotated[float, Rule(1 / LARGEST_WEIGHT, LARGEST_WEIGHT)], ...],
        Rule(2, MOST_PARTS),
        "the share of each part in the length",
    ]


def read_identity(options: Mapping[str, Any]) -> ConcatIdentity:
    """Read ``embedder.options`` of a manifest.

    Raises
    ------
    BundleError
        Where they do not describe two parts or more, each with its weight.
    """
    at = "embedder.options"
    found = read_shape(ConcatIdentity, options, member=MANIFEST, at=at, hint=REBUILD)
    if len(found.of) != len(found.weights):
        what = f"describes {len(found.of)} parts and {len(found.weights)} weights"
        raise BundleError(what, address=f"{MANIFEST} {at}", hint=REBUILD)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """Several embedders as one.

    Parameters
    ----------
    parts : tuple
        Embedders of texts.
    weights : tuple of float
        Of each part, positive.

    Notes
    -----
    With x_i the vector of part i, of d_i numbers, and w the weights, the vector is the w_i / |w| · x_i / |x_i| side by side.
    Where no x_i is zero its length is 1. A part that knows nothing of a text (x_i = 0) stays zero, and the vector is zero where
    all parts are.
    """

    parts: tuple[Any, ...]
    weights: tuple[float, ...]

    @property
    def is_service(self) -> bool:
        """Return whether a part calls a service."""
        return any(getattr(part, "is_service", False) for part in self.parts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, shape (n, sum of d_i)."""
        return self.join([part.embed(texts) for part in self.parts])

    def join(self, vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the vectors of n texts from those of each part, shapes (n, d_i)."""
        whole = float(np.linalg.norm(self.weights))
        scaled = [_of_length(np.asarray(X), weight / whole) for X, weight in zip(vectors, self.weights, strict=True)]
        return np.concatenate(scaled, axis=1)

    def fingerprint(self) -> str:
        """Return the sha256, in hex, of the algorithm's name, the weights, and the parts' fingerprints."""
        said = [ALGORITHM, list(self.weights), [str(part.fingerprint()) for part in self.parts]]
        return hashlib.sha256(canonical_json(said)).hexdigest()

    def settings(self) -> dict[str, Any]:
        """Return what a bundle must say beside the parts."""
        return {"weights": list(self.weights)}

    def state(self) -> dict[str, bytes]:
        """Return the state of each part under its number."""
        return {
            f"{number}/{name}": content
            for number, part in enumerate(self.parts)
            for name, content in part.state().items()
        }

    def restore(self, state: Mapping[str, bytes]) -> Concat:
        """Return the embedder whose state this is."""
        of_part = states_of(state, len(self.parts))
        return Concat(
            tuple(
                part.restore(held) if hasattr(part, "restore") else part
                for part, held in zip(self.parts, of_part, strict=True)
            ),
            self.weights,
        )


def states_of(state: Mapping[str, bytes], n_parts: int) -> tuple[dict[str, bytes], ...]:
    """Return the state of each part.

    Raises
    ------
    BundleError
        Where a file belongs to no part.
    """
    found: tuple[dict[str, bytes], ...] = tuple({} for _ in range(n_parts))
    places = {str(number): held for number, held in enumerate(found)}
    for name, content in state.items():
        number, _, rest = name.partition("/")
        if number not in places or not rest:
            raise BundleError(
                f"belongs to none of the {n_parts} parts of concat",
                address=f"{EMBEDDER}{name}",
                hint=REBUILD,
            )
        places[number][rest] = content
    return found


def _of_length(X: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    """Return rows of this length; rows of zeros stay zero."""
    wide = X.astype(np.float64)
    # scaled first: the square of a large number would overflow, and that of a small one vanish
    largest = np.abs(wide).max(axis=1, initial=0.0, keepdims=True)
    wide /= np.where(largest > 0, largest, 1.0)
    norms = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return (wide * (length / np.where(norms > 0, norms, 1.0))).astype(np.float32)
