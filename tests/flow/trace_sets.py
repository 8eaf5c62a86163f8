"""Traces made to order, in columns, and what a bundle knows of them."""

from __future__ import annotations

import math

import numpy as np

from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.traces.row_hashes import KnownRows, row_hashes
from tracer_spec.flow.traces.trace_set import TraceSet


def trace_set(texts, labels=None, *, ids=None, times=None, groups=None, vectors=None, **more) -> TraceSet:
    """Return traces of these texts and labels, all alike where none are given; what is not said of them is not there."""
    n = len(texts if labels is None else labels)
    nothing = (None,) * n
    columns = {
        "texts": tuple(texts),
        "labels": ("a",) * n if labels is None else tuple(labels),
        "ids": tuple(ids or nothing),
        "times": np.array([math.nan] * n if times is None else times, np.float64),
        "truths": nothing,
        "groups": tuple(groups or nothing),
        "vectors": None if vectors is None else tuple(vectors),
        "rows": np.arange(n),
        "accounting": Accounting(n, n, {}, {}, {}, {}, 0, {}, ()),
    }
    return TraceSet(**columns | more)


def known_rows(built: TraceSet) -> KnownRows:
    """Return what the bundle of a build knows of its rows: written and read back."""
    return KnownRows.read({"rows.hashes": row_hashes(built)}, {"traces": {"digest": built.digest}})
