"""Inspection of a file of traces: its source and layout, its labels, and what it could certify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tracer_spec.builtin.formats import find_format
from tracer_spec.errors import DataError
from tracer_spec.flow.preview.prompt_template import are_all_equal
from tracer_spec.init.attempt import Layout, as_written
from tracer_spec.init.fields import Fields, fields_of
from tracer_spec.init.files import SourceGuess, files_beside, find_files, source_of
from tracer_spec.init.label_counts import are_names
from tracer_spec.init.layout import guess_layout
from tracer_spec.init.likely_target import TARGETS, LikelyTarget, likely_target
from tracer_spec.init.literals import literal, literals
from tracer_spec.init.made_up import made_up_labels, other_spellings, several_at_once
from tracer_spec.init.places import labels_in
from tracer_spec.init.presets import best_preset, is_half_of_a_join
from tracer_spec.init.refusal import Refusal, label_option
from tracer_spec.init.sampling import COUNTED, Sample, take_sample
from tracer_spec.init.spellings import Spellings, spellings_of, without_joining
from tracer_spec.init.system_prompt import match_of
from tracer_spec.init.unread_times import unread_times
from tracer_spec.init.whose_labels import with_one_teacher, with_those_that_label
from tracer_spec.spec.nodes import quoted
from tracer_spec.text_format import plural

if TYPE_CHECKING:
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan

# the certify rows that a policy may be asked to handle before a lower target is proposed
_FAIR_COVERAGE = 0.5
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
        Fit rows of labels that look made up, the most frequent first; empty where that is not clear.
    aliases : mapping of str to str
        Labels that no human gave, written as one that humans gave, but for case and punctuation; they are in no other list.
        And labels that steps make of spellings, as the commonest of these.
    target : float
        The agreement proposed.
    likely : LikelyTarget or None
        What a build would come to; None where the traces are too many for that, or too few.
    is_whole : bool
        Whether all of the file was counted.
    spellings : Spellings
        Of the labels of the fit rows.
    match : str
        ``serve.match``, by the system prompt that all calls of a chat log share; empty where there is none.
    unread_times : str
        Which column holds times that are not read, where no other does; else empty.
    """

    paths: tuple[str, ...]
    source: SourceGuess
    layout: Layout
    fields: Fields = field(repr=False)
    outlook: Outlook = field(repr=False)
    allowed: tuple[str, ...] = field(repr=False)
    made_up: Mapping[str, int]
    aliases: Mapping[str, str]
    target: float
    likely: LikelyTarget | None
    is_whole: bool
    spellings: Spellings
    match: str
    unread_times: str

    @property
    def several(self) -> str:
        """Say how many answers name several labels at once; empty where none does."""
        found = several_at_once(self.outlook.labels)
        if not found:
            return ""
        return (
            f"{sum(found.values()):,} of {self.outlook.n_fit:,} answers that train name several labels at once, as "
            f"{quoted(next(iter(found)))}: a router gives one, so each of these is a disagreement"
        )

    @property
    def counted(self) -> str:
        """Say how many records were counted, and whether those are all."""
        n = plural(self.outlook.accounting.read, "record")
        return n if self.is_whole else f"the first {n}"


def sample_of(paths: Sequence[str]) -> Sample:
    """Return a sample of files; where one holds half of each trace, with the file beside it that holds the other.

    Raises
    ------
    DataError
        Where there is no such file, or it cannot be read.
    """
    files = find_files(paths)
    source = source_of(files)
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
    seen = _preview(sample, layout)
    outlook = seen.outlook
    _check(seen, fields, is_named=label is not None)
    spellings = _spellings(sample, seen)
    made_up = made_up_labels(outlook.labels, seen.fit.truths)
    humans = {truth for truth in seen.fit.truths if truth is not None}
    allowed = sorted(map(spellings.of, (humans | set(outlook.labels)).difference(made_up)))
    aliases = other_spellings(made_up.keys() - humans, sorted(map(spellings.of, humans)))
    aliases |= {label: spelt for label, spelt in spellings.aliases.items() if spelt in allowed}
    return Look(
        paths=sample.paths,
        source=sample.source,
        layout=seen.layout,
        fields=fields,
        outlook=outlook,
        allowed=tuple(allowed),
        made_up={
            label: n
            for label, n in sorted(made_up.items(), key=lambda each: (-each[1], each[0]))
            if label not in aliases
        },
        aliases=aliases,
        target=seen.target,
        likely=seen.likely,
        is_whole=outlook.accounting.read < COUNTED or _joins(seen.layout) or not sample.has_more(),
        spellings=spellings,
        match=match_of(seen.layout, sample.records),
        unread_times="" if any(each == each for each in seen.fit.times.tolist()) else unread_times(fields),
    )


@dataclass(frozen=True, slots=True)
class _Previewed:
    """What ``plan`` would say by a layout, the fit rows, and the highest target that is likely, or within reach of the rows."""

    layout: Layout
    outlook: Outlook
    fit: TraceSet
    target: float
    likely: LikelyTarget | None = None


def _preview(sample: Sample, layout: Layout) -> _Previewed:
    """Read the traces as ``plan`` would; where their texts stand in a prompt, once more without it."""
    from tracer_spec.flow.prepare import part
    from tracer_spec.flow.preview.certifiable import preview
    from tracer_spec.flow.preview.prompt_template import find_template

    plans = _plans(sample, layout)
    traces = _read(sample, plans[0], layout)
    try:
        sides = part(traces, plans[0].spec.split)
    except DataError as error:
        said = error.problems[0]
        what = f"{plural(len(traces), 'trace')} found, read as {as_written(layout.format)}: {said.what}"
        hint = said.hint if traces.accounting.loss else "collect more traces"
        raise DataError(what, where=sample.paths[0], hint=hint) from None
    fit = traces.take(sides.fit)
    settled = with_those_that_label(layout, fit) or with_one_teacher(layout, plans[0], traces.take(sides.certify))
    if settled is not None:
        return _preview(sample, settled)
    template = None if layout.extract else find_template(fit.texts)
    if template is not None:
        return _preview(sample, replace(layout, extract=(template.step,)))
    outlooks = [
        preview(plan.spec, traces, sides, target=plan.target, allowed_labels=None, makes_a_test=True, lock=None)
        for plan in plans
    ]
    likely = likely_target(plans[0], fit, outlooks[0]) if outlooks[-1].status == "certifiable" else None
    if likely is not None:
        return _Previewed(layout, outlooks[TARGETS.index(likely.target)], fit, likely.target, likely)
    for outlook, target in zip(outlooks, TARGETS, strict=True):
        reach = outlook.certifiable.smallest_coverage
        if reach is not None and reach <= _FAIR_COVERAGE:
            return _Previewed(layout, outlook, fit, target)
    return _Previewed(layout, outlooks[0], fit, TARGETS[0])


def _plans(sample: Sample, layout: Layout) -> list[Plan]:
    """Return a plan for each target, of the spec that would be written."""
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec
    from tracer_spec.stats.multiple import look_level

    sure = 1 - look_level(1, 0.05)  # a first look may spend no more
    traces = {
        "use": sample.source.use,
        "with": {"path": [literal(path) for path in sample.paths], **sample.source.options},
        "format": layout.format if isinstance(layout.format, str) else literals(layout.format),
        "extract": [literal(step) for step in layout.extract],
        "labels": {"normalize": [literal(step) for step in layout.normalize]},
        "on_error": "drop",
        **({"teacher": [literal(each) for each in layout.teachers]} if layout.teachers else {}),
    }
    split: dict[str, str | bool] = {"mix_teachers": layout.mix_teachers}
    if layout.certify_where:
        split["certify_where"] = literal(layout.certify_where)
    spec = {"version": 1, "name": "look", "traces": traces, "embedder": "lsa", "split": split}
    registry = find_plugins()
    targets = [{"agreement": each, "confidence": sure} for each in TARGETS]
    return [make_plan(load_spec({**spec, "target": target}), registry) for target in targets]


def _read(sample: Sample, plan: Plan, layout: Layout) -> TraceSet:
    """Return the traces of the first records, as ``plan`` reads them."""
    from tracer_spec.flow.prepare import settled_teachers
    from tracer_spec.flow.traces.collect import collect
    from tracer_spec.flow.traces.repeats import with_note
    from tracer_spec.text_steps.cutter import TextCutter
    from tracer_spec.text_steps.labels import LabelCleaner

    cut = TextCutter(layout.extract).cut if layout.extract else None
    cleaner = LabelCleaner(layout.normalize)
    records = sample.again(joined=_joins(layout))
    teachers, settled = plan.spec.sources[0].teachers, settled_teachers(plan.spec.split)
    traces = collect(
        records, plan.reader().traces, cleaner, on_error="drop", cut=cut, teachers=teachers, settled=settled
    )
    try:
        return with_note(traces)
    except DataError as error:
        found = error.problems[0]
        hint = f"these are read by 'use: {sample.source.use}' and {as_written(layout.format)}. {found.hint}"
        raise DataError(found.what, where=sample.paths[0], hint=hint, address=found.address) from None


def _spellings(sample: Sample, seen: _Previewed) -> Spellings:
    """Read the fit rows once more without the steps that join spellings, where there are such steps."""
    steps = seen.layout.normalize
    layout = replace(seen.layout, normalize=without_joining(steps))
    joining = steps[len(layout.normalize) :]
    if not joining:
        return Spellings({}, "")
    traces = _read(sample, _plans(sample, layout)[0], layout)
    is_fit = set(seen.fit.rows.tolist())
    rows = zip(traces.rows.tolist(), traces.labels, traces.truths, strict=True)
    labels, truths = zip(*((label, truth) for row, label, truth in rows if row in is_fit), strict=True)
    return spellings_of(labels, truths, joining)


def _check(seen: _Previewed, fields: Fields, *, is_named: bool) -> None:
    """Raise where the traces are none that a router could learn from."""
    n_fit, n_labels, n_none = seen.outlook.n_fit, len(seen.outlook.labels), seen.outlook.n_unusable
    reads = f"read as {as_written(seen.layout.format)}"
    if n_none * 2 > n_fit:
        what = f"{n_none:,} of {n_fit:,} answers hold no label, {reads}: {', '.join(seen.outlook.accounting.unusable)}"
        raise Refusal(what, "name the field that is the answer: --label JMESPATH").error(fields)
    if n_labels < 2:
        what = f"all answers are the same, {reads}; a router needs two labels or more"
        raise Refusal(what, "where another field is the answer, name it: --label JMESPATH").error(fields)
    if are_all_equal(seen.fit.texts):
        what = f"nearly all texts are one text, {reads}"
        raise Refusal(what, "where another field is the text, name it: --text JMESPATH").error(fields)
    if not is_named and n_fit >= _ENOUGH and n_labels > n_fit / 2 and not are_names(seen.outlook.labels):
        what = f"{n_labels:,} different answers in {n_fit:,} traces, {reads}: no labels"
        others = [label_option(each.path) for each in labels_in(fields, "")[:3]]
        hint = f"where another field is the answer: {' or '.join(others) or '--label JMESPATH'}; where this is it, name it too"
        raise Refusal(what, hint).error(fields)


def _joins(layout: Layout) -> bool:
    """Tell whether two records make one trace: then all must be read, for their halves may be far apart."""
    return find_format(layout.format).join is not None
