"""How records are laid out: a preset's way, or a map of JMESPath expressions; guessed from a sample of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tracer_spec.builtin.formats import PRESETS
from tracer_spec.builtin.formats.expressions import compile_expression
from tracer_spec.errors import DataError
from tracer_spec.init.attempt import Attempt, Layout, Written, try_format
from tracer_spec.init.fields import Fields, fields_of
from tracer_spec.init.places import head_and_body, labels_in, other_parts, texts_in
from tracer_spec.init.presets import best_preset, read_all
from tracer_spec.init.refusal import Refusal, no_answer, no_text, streamed, unusable
from tracer_spec.init.sampling import SAMPLED, Sample, spread
from tracer_spec.plugin import Record

# lists inside the records that are looked into, the longest ones
_LISTS = 5


def guess_layout(sample: Sample, text: str | None = None, label: str | None = None) -> Layout:
    """Return the layout of records: a preset's where one reads them, else a map of JMESPath expressions.

    Parameters
    ----------
    sample : Sample
    text, label : str, optional
        JMESPaths that are known; over a preset's where one reads the records.

    Raises
    ------
    DataError
        Where no field could be the text, or the label: it says what the fields hold, and what to write.
    """
    records = sample.records
    if all(each.problem for each in records):
        problem = records[0].problem if records else "no record in it"
        raise DataError(f"no record can be read: {problem}", where=records[0].where if records else "")
    fields = fields_of(records)
    if not label and any(".delta." in each.path and each.n * 2 >= fields.n for each in fields.all):
        raise streamed().error(fields)
    found = _layout(sample, fields, text, label)
    if isinstance(found, Layout):
        return found
    for path in sorted(fields.lists, key=lambda each: -fields.lists[each])[:_LISTS]:
        inside = _items(sample, path)
        layout = _layout(inside, fields_of(inside.records), text, label) if len(inside.records) > 1 else found
        if isinstance(layout, Layout) and (written := _iterated(layout.format, path)):
            return replace(layout, format=written)
    raise found.error(fields)


def _layout(sample: Sample, fields: Fields, text: str | None, label: str | None) -> Layout | Refusal:
    """Return the layout of records that are traces themselves, or why there is none."""
    preset = best_preset(sample)
    if preset is not None and (text or label):
        preset = _over(preset, sample, text, label)
    if preset is not None and not preset.flaw:
        return _of_preset(preset, fields)
    mapped = _mapped(sample, fields, text, label)
    if preset is not None and isinstance(mapped, Refusal):
        return unusable(preset)
    return mapped


def _over(preset: Attempt, sample: Sample, text: str | None, label: str | None) -> Attempt | None:
    """Return a preset with a text and a label of the user's; None where it reads nothing then."""
    parts = {part: path for part, path in (("text", text), ("label", label)) if path}
    if preset.format == "native" and len(parts) == 2:
        return None
    changed = {"preset": preset.format, **parts}
    attempt = try_format(changed, read_all(changed, sample))
    return attempt if attempt.raws else None


def _of_preset(preset: Attempt, fields: Fields) -> Layout:
    """Return the layout of a preset, with what the preset misses of the parts that are there."""
    name = preset.format if isinstance(preset.format, str) else preset.format["preset"]
    known = preset.answers.counts.counts
    extra: dict[str, str] = {}
    if PRESETS[name].iterate is None and PRESETS[name].join is None:
        missing = {part for part in ("id", "time", "truth", "model", "group")
                   if all(getattr(raw, part) is None for raw in preset.raws)}  # fmt: skip
        extra = {part: path for part, path in other_parts(fields, (), known).items() if part in missing}
    written: Written = preset.format
    if extra:
        written = {"preset": name, **(preset.format if isinstance(preset.format, Mapping) else {}), **extra}
    return Layout(written, preset.answers.steps)


def _mapped(sample: Sample, fields: Fields, text: str | None, label: str | None) -> Layout | Refusal:
    """Return a map of expressions, found among the fields."""
    texts = texts_in(fields)
    if not text and not texts:
        return no_text()
    pair = None if text else head_and_body(fields, texts[0].path)
    chosen = text or (f"join(' ', [{pair[0]}, {pair[1]}][?@])" if pair else texts[0].path)
    labels = labels_in(fields, chosen) if not label else ()
    if not label and not labels:
        return no_answer(fields, chosen)
    answer = label or labels[0].path
    taken = {chosen, answer, *(pair or ())}
    parts = {"text": chosen, "label": answer}
    attempt = try_format(parts, read_all(parts, sample))
    if attempt.flaw:
        return unusable(attempt)
    return Layout(
        {**parts, **other_parts(fields, taken, attempt.answers.counts.counts)},
        attempt.answers.steps,
        texts=(chosen,) if text else (chosen, *(each.path for each in texts if each.path not in taken)),
        labels=(label,) if label else tuple(each.path for each in labels),
        is_unsure=len(labels) > 1 and labels[1].named >= labels[0].named,
    )


def _items(sample: Sample, path: str) -> Sample:
    """Return the items of a list inside the records, spread, as records of their own."""
    get = compile_expression(path)
    found = (
        Record(record.where, item, "")
        for record in sample.records
        if not record.problem
        for item in get(record.data) or ()
        if isinstance(item, Mapping)
    )
    return replace(sample, records=tuple(spread(found, SAMPLED)[0]))


def _iterated(written: Written, path: str) -> Written | None:
    """Return a format that reads the items of a list; None where a preset has a list of its own."""
    if not isinstance(written, str):
        return {**written, "iterate": path}
    return {"preset": written, "iterate": path} if PRESETS[written].iterate is None else None
