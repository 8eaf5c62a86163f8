"""Texts of fresh traces, taken out of their prompts as the build took out its own, or as they are where they stand alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.text_steps.cutter import TextCutter

# of a log of prompts, even one that holds many others, more than so many match; of texts alone, next to none
FEW = 0.05


def out_of_prompts(traces: TraceSet, steps: Sequence[str]) -> tuple[TraceSet, NDArray[np.intp]]:
    """Return the traces whose texts match, taken out of their prompts, and their positions.

    Parameters
    ----------
    traces : TraceSet
        With texts as they were logged.
    steps : sequence of str
        A bundle's ``extract``.

    Returns
    -------
    TraceSet
    ndarray of shape (m,), intp
        Positions in ``traces``: all of them where nearly no text matches, for then the log holds texts alone, and the
        router takes such as they are. A trace without a text has nothing to match.
    """
    if not steps:
        return traces, np.arange(len(traces))
    cutter = TextCutter(steps)
    found = [cutter.cut(text) if text else text for text in traces.texts]
    matched = np.array([text is not None for text in found], bool)
    if matched.mean() < FEW:
        matched[:] = True
    at = np.flatnonzero(matched)
    texts = tuple(traces.texts[row] if found[row] is None else found[row] or "" for row in at)
    return replace(traces.take(at), texts=texts), at
