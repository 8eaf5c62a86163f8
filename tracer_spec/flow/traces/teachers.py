"""Teachers of a log: which model, by which version of its prompt, gave the labels. A certificate speaks of one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.name_counts import Seen, as_shown
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.text_format import plural

UNNAMED = "unnamed"
_DATED = re.compile(r"[-@:](\d{4}-\d{2}-\d{2}|\d{8})$")


@dataclass(frozen=True, slots=True)
class Teachers:
    """The names of one part of a teacher, its model or its prompt's version, in some traces.

    Parameters
    ----------
    what : str
        ``model`` or ``version of the prompt``.
    listing : str
        The names, how many rows each has, and when; the most frequent first.
    n : int
        How many there are.
    newest : tuple of str
        The spellings of the one that answered last; an empty one for rows without a name.
    follow_each_other : bool
        Whether the newest took over from the others, as far as times are known.
    """

    what: str
    listing: str
    n: int
    newest: tuple[str, ...]
    follow_each_other: bool


def teachers_of(traces: TraceSet) -> tuple[Teachers, Teachers]:
    """Return the models and the versions of the prompt in some traces."""
    models, versions = zip(*traces.teachers, strict=True) if traces.teachers else ((), ())
    return _teachers("model", traces, models), _teachers("version of the prompt", traces, versions)


def _teachers(what: str, traces: TraceSet, names: Sequence[str]) -> Teachers:
    same, seen, last = same_names(set(names)), Seen(), dict[str, tuple[float, int]]()
    for position, (name, time) in enumerate(zip(names, traces.times.tolist(), strict=False)):
        known = same[name]
        seen.add(known or UNNAMED, time)
        last[known] = max(last.get(known, (-np.inf, 0)), (-np.inf if np.isnan(time) else time, position))
    newest = max(last, key=lambda name: last[name], default="")
    others = [until for name, (_, until) in seen.times.items() if name != (newest or UNNAMED)]
    begun = seen.times.get(newest or UNNAMED, (-np.inf, -np.inf))[0]
    spellings = tuple(sorted(name for name, known in same.items() if known == newest))
    return Teachers(what, seen.listing(), len(last), spellings, bool(others) and max(others) <= begun)


def same_names(names: set[str]) -> dict[str, str]:
    """Return one name for each: a name without its date is the dated one, where there is but one of those.

    Examples
    --------
    >>> sorted(same_names({"gpt-4o", "gpt-4o-2024-08-06", "claude-latest"}).items())
    [('claude-latest', 'claude-latest'), ('gpt-4o', 'gpt-4o-2024-08-06'), ('gpt-4o-2024-08-06', 'gpt-4o-2024-08-06')]
    """
    dated: dict[str, set[str]] = {}
    for name in names:
        if _DATED.search(name):
            dated.setdefault(_DATED.sub("", name), set()).add(name)
    found = {name: dated.get(name.removesuffix("-latest"), set()) for name in names}
    return {name: next(iter(dates)) if len(dates) == 1 else name for name, dates in found.items()}


def newest_alone(teachers: Teachers, expressions: Sequence[str | None]) -> str | None:
    """Return the condition of ``split.certify_where`` that keeps the newest teacher; None where no format reads its name.

    Parameters
    ----------
    teachers : Teachers
    expressions : sequence of str or None
        Where the formats of the sources read the name.

    Examples
    --------
    >>> newest = Teachers("model", "", 2, ("m-2",), True)
    >>> newest_alone(newest, ["metadata.model", "model"])
    "not_null(metadata.model, model) == 'm-2'"
    >>> newest_alone(newest, ["not_null(from_json(response).model, model)", "model"])
    "not_null(from_json(response).model, model) == 'm-2'"
    """
    found = list(dict.fromkeys(part for each in expressions if each for part in _alternatives(each)))
    if not found:
        return None
    place = f"not_null({', '.join(found)})" if len(found) > 1 else found[0]
    return " || ".join(_is(place, name) if name else f"!({place})" for name in teachers.newest)


def _alternatives(expression: str) -> list[str]:
    """Return what an expression takes the first of that is there, one by one; itself where it is not of that kind."""
    inner = re.fullmatch(r"not_null\(((?:[\w.,\s]|\([\w.]*\))*)\)", expression)
    return [expression] if inner is None else [each.strip() for each in inner[1].split(",")]


def _is(place: str, name: str) -> str:
    """Return the condition that a record holds a name; that of a version may be a number."""
    subject = f"to_string({place})" if re.fullmatch(r"-?\d+(\.\d+)?", name) else _in_brackets(place)
    return f"{subject} == {_literal(name)}"


def _in_brackets(expression: str) -> str:
    return expression if re.fullmatch(r"[\w.]+|not_null\(.*\)", expression) else f"({expression})"


def _literal(name: str) -> str:
    """Write a text as JMESPath has it."""
    return f"'{name}'" if name.isprintable() and not set(name) & {"'", "\\"} else f"`{json.dumps(name)}`"


def refuse_mixed(certify: TraceSet, models: Sequence[str | None], versions: Sequence[str | None]) -> None:
    """Raise where certify rows have several teachers; ``models`` and ``versions`` are what the formats read them by.

    Raises
    ------
    DataError
        With the rows of each, and what to write.
    """
    for teachers, expressions in zip(teachers_of(certify), (models, versions), strict=True):
        if teachers.n < 2:
            continue
        condition = newest_alone(teachers, expressions)
        raise DataError(
            f"the certify rows have {teachers.n} teachers, by the {teachers.what}: {teachers.listing}; a certificate speaks of "
            "one teacher, unchanged",
            hint="beside the other keys of split, certify on the newest alone: "
            f"'split: {{certify_where: {json.dumps(condition, ensure_ascii=False)}}}'; or, "
            "where requests go to any of them now, on all: 'split: {mix_teachers: true}'",
            address="split",
        )


def audited_apart_notes(apart: Seen, models: Seen) -> list[str]:
    """Say how many audited rows do not certify for ``split.certify_where``, and which of their teachers go by two names.

    Parameters
    ----------
    apart, models : Seen
        The models of those rows, and of all.
    """
    n = apart.counts.total()
    if not n:
        return []
    same = same_names(set(models.counts))
    twice = [f"'{as_shown(name)}' is '{as_shown(same[name])}'" for name in apart.counts if same.get(name, name) != name]
    told = f"{plural(n, 'audited row')} {'trains and does' if n == 1 else 'train and do'} not certify, since "
    told += f"'split.certify_where' does not hold of {'it' if n == 1 else 'them'}: {apart.listing()}"
    if twice:
        told += (
            f"; where {', '.join(twice)} by the name without its date, let the condition hold of both, and log the name that "
            "the response says"
        )
    return [told]


def shown(teachers: Teachers) -> str:
    """Return the newest teacher's name, for people."""
    return " or ".join(as_shown(name) or UNNAMED for name in teachers.newest)
