"""The raw parts of a trace, or the reason why a record holds none."""

from __future__ import annotations

from typing import Any, NamedTuple

WHOLE_RECORD = "$record"
# what a source says of the line that names the columns, met where rows are
HEADER_AGAIN = "header line again"


class Raw(NamedTuple):
    """The parts of one trace as the record holds them, before any cleaning; None where a part is absent.

    Parameters
    ----------
    text, label, id, truth, group, model, version, vector : object
        Whatever JSON holds there.
    time : float or None
        Seconds since 1970 UTC; NaN where there is a time that is not understood.
    unanswered : str
        Why the teacher's answer is not a label (``truncated``, ``refusal``); empty where it may be one.
    reason, detail : str
        Why there is no trace here (``excluded by where``, ...), and more about it; empty for a trace.
    parent, trace : object
        The id of the record that holds this one, and what all records of one request share; None where there is none.
    unlabelled : str
        Why there is no teacher's label, where that is no fault (``not asked``, ...); empty where there may be one.
    certify : bool or None
        Whether chance alone chose the request for the teacher, so that it may certify; None where the format does not say.
    rate : object
        How often chance chooses; None where it always does.
    deferred : bool
        Whether the teacher would have been asked whatever chance said.
    wanted : bool
        Whether ``split.certify_where`` holds.
    instructions : object
        The system's prompt; None where there is none, or the format does not say.
    """

    text: Any = None
    label: Any = None
    id: Any = None
    time: float | None = None
    truth: Any = None
    group: Any = None
    model: Any = None
    version: Any = None
    vector: Any = None
    unanswered: str = ""
    reason: str = ""
    detail: str = ""
    parent: Any = None
    trace: Any = None
    unlabelled: str = ""
    certify: bool | None = None
    rate: Any = None
    deferred: bool = False
    wanted: bool = True
    instructions: Any = None


def no_trace(reason: str, detail: str = "") -> Raw:
    """Return the reason why there is no trace."""
    return Raw(reason=reason, detail=detail)
