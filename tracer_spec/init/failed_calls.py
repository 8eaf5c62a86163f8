"""Calls that failed, by a column of the log that says so: what stands in the place of their answers is not the teacher's."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from tracer_spec.init.answers import read_answers
from tracer_spec.init.attempt import Layout, is_good, try_format
from tracer_spec.init.fields import Field, Fields
from tracer_spec.init.presets import read_all
from tracer_spec.init.sampling import Sample
from tracer_spec.text_format import plural

# words in the name of a column that says how a call ended; of one that is true where it went well, or where it failed
_ENDS = frozenset(("status", "state", "outcome"))
_WELL, _BADLY = frozenset(("ok", "success", "succeeded")), frozenset(("error", "failed", "failure", "exception"))
_FINE = frozenset(("ok", "success", "succeeded", "successful", "completed", "complete", "done", "finished"))
_FAILED = frozenset(("error", "errored", "failed", "failure", "fail", "timeout", "timed_out", "exception", "aborted"))
# of failed calls with an answer, as many are needed to tell, and so many may have an answer that other calls have as well
_FEWEST, _LIKE_OTHERS = 3, 0.5
_MOST_VALUES = 12


def without_failed_calls(layout: Layout, sample: Sample, fields: Fields) -> Layout:
    """Return the layout with a ``where`` that leaves failed calls out; as it is where none is told, or they have labels too."""
    parts: dict[str, Any] = {"preset": layout.format} if isinstance(layout.format, str) else dict(layout.format)
    if parts.get("where") or parts.get("iterate"):
        return layout
    for field in fields.all:
        condition, failed = _failures(field)
        written = {**parts, "where": condition}
        if failed and 2 * len(failed) < fields.n and _answer_otherwise(layout, sample, failed):
            attempt = try_format(written, read_all(written, sample))
            if attempt.raws and not attempt.flaw:
                told = (
                    f"'where' leaves out {plural(len(failed), 'record')} of {len(sample.records):,} that were looked at, whose "
                    f"'{field.path}' says that the call failed: what stands for their answers is no label of the others"
                )
                return replace(
                    layout,
                    format=written,
                    normalize=attempt.answers.steps,
                    other_keys=attempt.answers.other_keys,
                    answer_template=attempt.answers.template,
                    failed=told,
                )
    return layout


def _failures(field: Field) -> tuple[str, frozenset[int]]:
    """Return the condition that calls did not fail, by a column, and the numbers of the records of those that did."""
    if field.is_of_a_chat or not all(isinstance(value, str | int | float) for value in field.values.values()):
        return "", frozenset()
    of_value: dict[str, tuple[Any, set[int]]] = {}
    for number, value in field.values.items():
        of_value.setdefault(json.dumps(value), (value, set()))[1].add(number)
        if len(of_value) > _MOST_VALUES:
            break
    if len(of_value) > _MOST_VALUES or not any(_ended(field, value) is True for value, _ in of_value.values()):
        return _texts_of_errors(field)
    bad = [(value, numbers) for value, numbers in of_value.values() if _ended(field, value) is False]
    condition = " && ".join(f"{field.path} != {_literal(value)}" for value, _ in bad)
    return condition, frozenset[int]().union(*(numbers for _, numbers in bad))


def _texts_of_errors(field: Field) -> tuple[str, frozenset[int]]:
    """Return what :func:`_failures` does, by a column that holds what went wrong, and nothing where nothing did."""
    is_of_errors = field.is_text and field.words & _BADLY
    return (f"!{field.path}", frozenset(field.values)) if is_of_errors else ("", frozenset())


def _ended(field: Field, value: Any) -> bool | None:
    """Return whether a value says that a call went well; None where it says neither."""
    said = str(value).strip().lower()
    if said in ("true", "false") and field.words & (_WELL | _BADLY):
        return (said == "true") == bool(field.words & _WELL)
    if field.words & _ENDS:
        if said.isdigit() and 200 <= int(said) < 600:
            return int(said) < 400
        return True if said in _FINE else False if said in _FAILED else None
    return None


def _literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _answer_otherwise(layout: Layout, sample: Sample, failed: Collection[int]) -> bool:
    """Tell whether what stands for the answers of failed calls is mostly no answer of the others."""
    parts = [
        [record for number, record in enumerate(sample.records) if (number in failed) == is_of_failed]
        for is_of_failed in (True, False)
    ]
    bad, good = (
        [
            raw.label
            for raw in read_all(layout.format, replace(sample, records=tuple(each), is_whole=True))
            if is_good(raw)
        ]
        for each in parts
    )
    labels = read_answers(good).counts.counts
    told = read_answers(bad).counts.counts
    n_alike = sum(n for label, n in told.items() if label in labels)
    return len(bad) >= _FEWEST and n_alike < _LIKE_OTHERS * len(bad)
