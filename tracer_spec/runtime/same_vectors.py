"""Whether an embedder gives texts the vectors that it gave them before.

Between machines a number may be off by a share of the greatest of all; on one machine by a share of its own column's spread,
which is stronger. A bundle is not held to the second: a service's answers may differ a little from call to call, graphics cards
and processors add in other orders, and over a few probe texts, written down to six decimals, a column may have no spread. Nor
would it protect from much: with operators fused or not, the vectors of all-MiniLM-L6-v2 are 1.5e-7 apart, within either, and
dynamically quantised 0.008, beyond either (onnxruntime 1.32).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOLERANCE = 1e-4
# what adding in another order may cost, of the greatest number
_ROUNDINGS = 8 * float(np.finfo(np.float32).eps)


def apart(got: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far each number is from the one that is wanted; infinitely far where the shapes differ."""
    if got.shape != wanted.shape:
        return np.full(wanted.shape, np.inf)
    away: NDArray[np.float64] = np.abs(got.astype(np.float64) - wanted)
    return away


def is_same(away: NDArray[np.float64], wanted: NDArray[Any]) -> bool:
    """Return whether vectors this far apart are the same, made on any machine."""
    return bool((away <= _TOLERANCE * max(1.0, float(np.abs(wanted).max()))).all())


def is_same_here(away: NDArray[np.float64], wanted: NDArray[Any]) -> bool:
    """Return whether they are the same, both made here: a tree asks each column by itself, however small it is."""
    allowed = _TOLERANCE * np.ptp(wanted, axis=0) + _ROUNDINGS * float(np.abs(wanted).max())
    return bool((away <= allowed).all())
