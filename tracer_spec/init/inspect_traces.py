"""Inspection of a file of traces: its source and layout, its labels, and what it could certify."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.init.files import SourceGuess, guess_source
from tracer_spec.init.layout import Field, Layout, fields_of, guess_layout
from tracer_spec.plugin import Record
from tracer_spec.plugin.registry import Registry, find_plugins

if TYPE_CHECKING:
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.trace_set import TraceSet

SAMPLED = 300
# records by which labels are counted; all of a large file would take too long
COUNTED = 100_000
TARGETS = (0.92, 0.9, 0.85, 0.8)
# the certify rows that a policy may be asked to handle before a lower target is proposed
_FAIR_COVERAGE = 0.5
# rarer than this share of the usual label, and few in all: made up, more likely than not
_RARE, _FEW = 0.05, 0.03


@dataclass(frozen=True, slots=True)
class Look:
    """What a file of traces holds.

    Parameters
    ----------
    fields : tuple of Field
        Of the first records.
    outlook : Outlook
        What ``plan`` says of it, at the target proposed.
    allowed : tuple of str
        The labels of the fit rows but those that look made up, and those that humans gave; sorted.
    made_up : mapping of str to int
        Fit rows of labels that look made up; empty where that is not clear.
    target : float
        The agreement proposed.
    is_whole : bool
        Whether all of the file was counted.
    """

    path: str
    source: SourceGuess
    layout: Layout
    fields: tuple[Field, ...] = field(repr=False)
    outlook: Outlook = field(repr=False)
    allowed: tuple[str, ...] = field(repr=False)
    made_up: Mapping[str, int]
    target: float
    is_whole: bool


def first_records(path: str, source: SourceGuess) -> list[Record]:
    """Return the first records of a file."""
    return list(itertools.islice(_records(path, source, find_plugins()), SAMPLED))


def look_at(path: str, *, text: str | None = None, label: str | None = None) -> Look:
    """Look at a file of traces.

    Parameters
    ----------
    path : str
        A file, or a glob.
    text, label : str, optional
        JMESPaths of text and label, where they are known.

    Raises
    ------
    DataError
        Where the file cannot be read, or it is not clear where text or label lies.

    Notes
    -----
    The first records tell the layout. Labels are counted on fit rows alone, as everywhere: of certify rows nothing is
    used but their number.
    """
    source = guess_source(path)
    records = first_records(path, source)
    layout = guess_layout(records, text, label)
    outlook, fit, target = _preview(path, source, layout)
    made_up = _made_up(outlook.labels, fit)
    humans = {truth for truth in fit.truths if truth is not None}
    return Look(
        path=path,
        source=source,
        layout=layout,
        fields=tuple(fields_of(records)),
        outlook=outlook,
        allowed=tuple(sorted((humans | set(outlook.labels)).difference(made_up))),
        made_up=made_up,
        target=target,
        is_whole=outlook.accounting.read < COUNTED,
    )


def _records(path: str, source: SourceGuess, registry: Registry) -> Any:
    plugin = registry.get("source", source.use).plugin
    options = plugin.options.model_validate({"path": path, **source.options}, context={"root": Path.cwd()})
    return plugin.make(options).records()


def _preview(path: str, source: SourceGuess, layout: Layout) -> tuple[Outlook, TraceSet, float]:
    """Return what ``plan`` would say, the fit rows, and the highest target that is within reach of the rows."""
    from tracer_spec.flow.preview.certifiable import preview
    from tracer_spec.flow.traces.collect import collect
    from tracer_spec.flow.traces.splits import split
    from tracer_spec.plan import make_plan
    from tracer_spec.spec import load_spec
    from tracer_spec.stats.multiple import look_level
    from tracer_spec.text_steps.labels import LabelCleaner

    registry = find_plugins()
    sure = 1 - look_level(1, 0.05)  # a first look may spend no more
    format_ = layout.format if isinstance(layout.format, str) else {k: literal(v) for k, v in layout.format.items()}
    given = {"use": source.use, "with": {"path": literal(path), **source.options}, "format": format_}
    spec = {"version": 1, "name": "look", "traces": {**given, "on_error": "drop"}, "embedder": "lsa"}
    targets = [{"agreement": each, "confidence": sure} for each in TARGETS]
    plans = [make_plan(load_spec({**spec, "target": target}), registry) for target in targets]
    records = itertools.islice(_records(path, source, registry), COUNTED)
    traces = collect(records, plans[0].reader().traces, LabelCleaner(layout.normalize), on_error="drop")
    sides = split(traces, certify=0.4, strategy="random")
    outlooks = [
        preview(plan.spec, traces, sides, target=plan.target, allowed_labels=None, makes_a_test=True, lock=None)
        for plan in plans
    ]
    fit = traces.take(sides.fit)
    for outlook, target in zip(outlooks, TARGETS, strict=True):
        reach = outlook.certifiable.smallest_coverage
        if reach is not None and reach <= _FAIR_COVERAGE:
            return outlook, fit, target
    return outlooks[0], fit, TARGETS[0]


def _made_up(labels: Mapping[str, int], fit: TraceSet) -> dict[str, int]:
    """Return the labels that look made up: never given by a human, or far too rare beside the others."""
    truths = Counter(truth for truth in fit.truths if truth is not None)
    if truths.total() * 2 > len(fit):
        return {label: n for label, n in labels.items() if label not in truths}
    if not labels:
        return {}
    usual = statistics.median(labels.values())
    rare = {label: n for label, n in labels.items() if n <= _RARE * usual}
    return rare if sum(rare.values()) <= _FEW * sum(labels.values()) else {}


def shown_fields(fields: Sequence[Field]) -> list[tuple[str, str]]:
    """Return each field with what is in it, in counts: never a value."""
    line = "in {:,} of the first records, {:.0f} characters on average"
    return [(each.path, line.format(each.n, each.mean_chars)) for each in fields]


def literal(text: str) -> str:
    """Return text that a spec reads as it is: ``${`` in it names no variable."""
    return text.replace("${", "$${")
