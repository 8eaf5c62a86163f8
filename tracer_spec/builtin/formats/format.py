"""What a format is: a named bundle of JMESPath expressions, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from tracer_spec.errors import SpecError
from tracer_spec.plugin.registry import did_you_mean

ADDRESS = "traces.format"


@dataclass(frozen=True, slots=True)
class Format:
    """Where the parts of a trace lie inside a record: JMESPath expressions, None where there is no such part.

    Parameters
    ----------
    name : str
        What a spec writes after ``format:``; ``custom`` for a map written out in the spec.
    label : str
        The teacher's answer. Null means that the teacher was not asked: such a record is no trace.
    text : str, optional
        What the teacher was asked.
    id : str, optional
        The event's id: records that share it are log copies or retries of one event.
    time : str, optional
        When it was asked: see :func:`~tracer_spec.builtin.formats.times.epoch_seconds`.
    truth, group, model, embedding : str, optional
        A human's label; the key of the grouped split; the teacher's model; a vector.
    where : str, optional
        Records for which this is false or null are left out.
    iterate : str, optional
        A list inside the record, each item of which is one trace. The other expressions then read the item,
        in which ``"$record"`` is the whole record.

    Notes
    -----
    ``a || b`` is JMESPath's own: it also passes over an empty string, an empty list and ``false``.
    ``not_null(a, b)`` passes over null and missing alone. Beyond the standard functions there is
    ``from_json(x)``: the parsed text, ``x`` itself where it is no string, null where it is not JSON.

    References
    ----------
    James Saryerwinnie, "JMESPath specification", jmespath.org/specification.html
    """

    name: str
    label: str
    text: str | None = None
    id: str | None = None
    time: str | None = None
    truth: str | None = None
    group: str | None = None
    model: str | None = None
    embedding: str | None = None
    where: str | None = None
    iterate: str | None = None


PARTS = tuple(field.name for field in fields(Format) if field.name != "name")


def custom_format(parts: Mapping[str, str | None]) -> Format:
    """Return the format that a map in the spec describes.

    Parameters
    ----------
    parts : mapping
        A JMESPath expression, or None, for any of the parts of :class:`Format`; ``label`` is needed.

    Raises
    ------
    SpecError
        Where a part is unknown or ``label`` is missing.
    """
    for part in parts:
        if part not in PARTS:
            raise SpecError(
                f"a format has no part '{part}'; known: {', '.join(PARTS)}",
                hint=did_you_mean(part, PARTS),
                address=f"{ADDRESS}.{part}",
            )
    label = parts.get("label")
    if label is None:
        raise SpecError(
            "the format says no label",
            hint="add label: the JMESPath of the teacher's answer",
            address=ADDRESS,
        )
    return replace(Format("custom", label), **dict[str, Any](parts))
