"""Checks an endpoint's answer: one finite vector of one dimension for each text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tracer_spec.errors import PluginError

# vectors are squared and summed in float32 later on
_SMALLEST, _LARGEST = 1e-12, 1e15
_ENDPOINT = "check that base_url is an OpenAI-compatible endpoint, and that model is an embedding model"


def vectors_of(answer: Any, n: int, dimension: int | None) -> NDArray[np.float64]:
    """Return the vectors of an answer in the order of the texts that were sent.

    Parameters
    ----------
    answer : object
        The parsed JSON.
    n : int
        How many texts were sent.
    dimension : int or None
        What the vectors' length must be, where it is known.

    Returns
    -------
    ndarray of shape (n, d), float64

    Raises
    ------
    PluginError
        Where it is anything else.
    """
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise PluginError("the endpoint's answer has no list 'data' of objects", hint=_ENDPOINT)
    if len(items) != n:
        raise PluginError(f"the endpoint gave {len(items)} vectors for {n} texts", hint="lower batch_texts")
    places = [item.get("index") for item in items]
    if not all(type(place) is int for place in places) or sorted(places) != list(range(n)):
        raise PluginError(
            f"the endpoint does not say, by 'index' from 0 to {n - 1}, which vector is whose", hint=_ENDPOINT
        )
    rows: list[NDArray[np.float64]] = [np.zeros(0)] * n
    for item in items:
        rows[item["index"]] = _vector(item.get("embedding"))
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise PluginError(
            f"the endpoint gave vectors of different lengths: {min(lengths)} and {max(lengths)}", hint=_ENDPOINT
        )
    (length,) = lengths
    if dimension is not None and length != dimension:
        raise PluginError(
            f"the endpoint gave vectors of length {length}; expected {dimension}",
            hint="leave dimensions out where the model has but one, and route every request to the same model",
        )
    X = np.stack(rows)
    lost = int((~np.isfinite(X).all(axis=1)).sum())
    if lost:
        raise PluginError(f"the endpoint gave vectors that are not finite, for {lost:,} of {n:,} texts", hint=_ENDPOINT)
    size = np.abs(X).max(axis=1)
    if size.min() < _SMALLEST:
        empty = int((size < _SMALLEST).sum())
        raise PluginError(f"the endpoint gave vectors of zeros, for {empty:,} of {n:,} texts", hint=_ENDPOINT)
    if size.max() > _LARGEST:
        raise PluginError("the endpoint gave numbers whose square is not a float32", hint=_ENDPOINT)
    return X


def _vector(held: Any) -> NDArray[np.float64]:
    """Return one vector, shape (d,)."""
    if not isinstance(held, list) or not held:
        raise PluginError(f"the endpoint gave {type(held).__name__} where a list of numbers belongs", hint=_ENDPOINT)
    # null is how some servers write what is not a number
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in held):
        raise PluginError("the endpoint gave a vector that holds other things than numbers", hint=_ENDPOINT)
    try:
        return np.asarray(held, np.float64)
    except OverflowError:
        raise PluginError("the endpoint gave a number too large for any float", hint=_ENDPOINT) from None
