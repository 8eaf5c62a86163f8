"""Inspection of a file of traces: its source and layout, its labels, and what it could certify."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_spec.init.attempt import Layout
from tracer_spec.init.fields import Fields, fields_of
from tracer_spec.init.files import SourceGuess, files_beside, find_files, guess_source
from tracer_spec.init.layout import guess_layout
from tracer_spec.init.presets import best_preset, is_half_of_a_join
from tracer_spec.init.refusal import Refusal
from tracer_spec.init.sampling import COUNTED, Sample, take_sample

if TYPE_CHECKING:
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.trace_set import TraceSet

TARGETS = (0.92, 0.9, 0.85, 0.8)
# the certify rows that a policy may be asked to handle before a lower target is proposed
_FAIR_COVERAGE = 0.5
# rarer than this share of the usual label, and few in all: made up, more likely than not
_RARE, _FEW = 0.05, 0.03
# so many fit rows whose labels are all different have none
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Look:
    """What a file of traces holds.

    Parameters
    ----------
    paths : tuple of str
        The files or globs, with one that was found beside the file named and holds the other half of its traces.
    fields : Fields
        Of a sample of the records.
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

    paths: tuple[str, ...]
    source: SourceGuess
    layout: Layout
    fields: Fields = field(repr=False)
    outlook: Outlook = field(repr=False)
    allowed: tuple[str, ...] = field(repr=False)
    made_up: Mapping[str, int]
    target: float
    is_whole: bool


def sample_of(paths: Sequence[str]) -> Sample:
    """Return a sample of files; where one holds half of each trace, with the file beside it that holds the other.

    Raises
    ------
    DataError
        Where there is no such file, or it cannot be read.
    """
    files = find_files(paths)
    source = guess_source(files[0])
    sample = take_sample(paths, files, source)
    if len(files) > 1 or not is_half_of_a_join(sample):
        return sample
    for other in files_beside(files[0]):
        both = take_sample((*paths, other), (*files, other), source)
        if best_preset(both) is not None:
            return both
    return sample


def look_at(*paths: str, text: str | None = None, label: str | None = None) -> Look:
    """Look at traces.

    Parameters
    ----------
    *paths : str
        Files, or globs.
    text, label : str, optional
        JMESPaths of text and label, where they are known.

    Raises
    ------
    DataError
        Where a file cannot be read, it is not clear where text or label lies, or what is there cannot be learned from:
        it then says what the fields hold.

    Notes
    -----
    A sample tells the layout. Labels are counted on fit rows alone, as everywhere: of certify rows nothing is used but
    their number.
    """
    sample = sample_of(paths)
    layout = guess_layout(sample, text, label)
    fields = fields_of(sample.records)
    outlook, fit, target = _preview(sample, layout)
    _check(outlook, layout, fields, is_named=label is not None)
    made_up = _made_up(outlook.labels, fit)
    humans = {truth for truth in fit.truths if truth is not None}
    return Look(
        paths=sample.paths,
        source=sample.source,
        layout=layout,
        fields=fields,
        outlook=outlook,
        allowed=tuple(sorted((humans | set(outlook.labels)).difference(made_up))),
        made_up=made_up,
        target=target,
        is_whole=outlook.accounting.read < COUNTED,
    )


def _check(outlook: Outlook, layout: Layout, fields: Fields, *, is_named: bool) -> None:
    """Raise where the traces are none that a router could learn from."""
    n_labels = len(outlook.labels)
    if n_labels < 2:
        what = f"all answers are the same, '{next(iter(outlook.labels), '')}'; a router needs two labels or more"
        raise Refusal(what, "where another field is the answer, name it: --label JMESPATH").error(fields)
    if not is_named and outlook.n_fit >= _ENOUGH and n_labels > outlook.n_fit / 2:
        what = f"{n_labels:,} different answers in {outlook.n_fit:,} traces, read as {layout.format}: no labels"
        raise Refusal(what, "name the field that is the answer: --label JMESPATH; where this is it, name it too").error(
            fields
        )


def _preview(sample: Sample, layout: Layout) -> tuple[Outlook, TraceSet, float]:
    """Return what ``plan`` would say, the fit rows, and the highest target that is within reach of the rows."""
    from tracer_spec.flow.prepare import part
    from tracer_spec.flow.preview.certifiable import preview
    from tracer_spec.flow.traces.collect import collect
    from tracer_spec.flow.traces.labels import LabelCleaner
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec
    from tracer_spec.stats.multiple import look_level

    registry, source = find_plugins(), sample.source
    sure = 1 - look_level(1, 0.05)  # a first look may spend no more
    format_ = layout.format if isinstance(layout.format, str) else {k: literal(v) for k, v in layout.format.items()}
    given = {
        "use": source.use,
        "with": {"path": [literal(path) for path in sample.paths], **source.options},
        "format": format_,
    }
    spec = {"version": 1, "name": "look", "traces": {**given, "on_error": "drop"}, "embedder": "lsa"}
    targets = [{"agreement": each, "confidence": sure} for each in TARGETS]
    plans = [make_plan(load_spec({**spec, "target": target}), registry) for target in targets]
    records = sample.again()
    traces = collect(records, plans[0].reader().traces, LabelCleaner(layout.normalize), on_error="drop")
    sides = part(traces, plans[0].spec.split)
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


def literal(text: str) -> str:
    """Return text that a spec reads as it is: ``${`` in it names no variable."""
    return text.replace("${", "$${")
