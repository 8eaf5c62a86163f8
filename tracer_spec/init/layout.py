"""How records are laid out: a preset's way, or a map of JMESPath expressions; guessed from a sample of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from tracer_spec.builtin.formats import find_format
from tracer_spec.builtin.formats.format import unanswered
from tracer_spec.errors import DataError
from tracer_spec.expressions.language import compile_expression
from tracer_spec.flow.traces.remedies import SAVE_AS_UTF8
from tracer_spec.init.attempt import Attempt, Layout, is_good, try_format
from tracer_spec.init.bodies import answers_body
from tracer_spec.init.failed_calls import without_failed_calls
from tracer_spec.init.fields import Fields, fields_of
from tracer_spec.init.one_task import with_one_task
from tracer_spec.init.places import head_and_body, labels_in, other_parts, texts_in, without_the_same
from tracer_spec.init.presets import are_decisions, best_preset, holds_no_content, is_half_of_a_join, read_all
from tracer_spec.init.refusal import (
    Refusal,
    a_routers_decisions,
    no_answer,
    no_headers,
    no_text,
    streamed,
    unusable,
    without_content,
    without_other_half,
)
from tracer_spec.init.sampling import SAMPLED, Sample, spread
from tracer_spec.plugin import Record

# a key inside a field of JSON text
_INSIDE = re.compile(r"from_json\(([\w.]+)\)\.([\w.]+)")
# lists inside the records that are looked into, the longest ones
_LISTS = 5
# presets of layouts that anybody writes
_NO_VENDORS = ("native", "chat")


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
        where = records[0].where if records else ""
        raise DataError(
            f"no record can be read: {problem}", where=where, hint=SAVE_AS_UTF8 if "UTF-8" in problem else ""
        )
    fields = fields_of(records)
    if sample.source.use == "csv" and _first_line_is_a_row(records):
        raise no_headers(sample)
    if not label and any(".delta." in each.path and each.n * 2 >= fields.n for each in fields.all):
        raise streamed().error(fields)
    found = _layout(sample, fields, text, label)
    if isinstance(found, Layout):
        return without_failed_calls(found, sample, fields)
    for path in sorted(fields.lists, key=lambda each: -fields.lists[each])[:_LISTS]:
        layout = _of_list(sample, path, text, label)
        if layout is not None:
            return layout
    if are_decisions(sample):
        raise a_routers_decisions().error(fields)
    if silent := holds_no_content(sample):
        raise without_content(silent).error(fields)
    half = is_half_of_a_join(sample)
    raise (without_other_half(half) if half else found).error(fields)


def _first_line_is_a_row(records: Sequence[Record]) -> bool:
    """Tell whether a column is called what one of its own fields holds."""
    return any(record.data.get(name) == name for record in records for name in record.data)


def _of_list(sample: Sample, path: str, text: str | None, label: str | None) -> Layout | None:
    """Return the layout of the items of a list inside the records; None where they are no traces."""
    get = compile_expression(path)
    whole = [(record, get(record.data) or ()) for record in sample.records if not record.problem]
    lists = [[Record(record.where, item, "") for item in found if isinstance(item, Mapping)] for record, found in whole]
    items = replace(sample, records=tuple(spread(chain(*lists), SAMPLED)[0]), is_whole=True)
    layout = _layout(items, fields_of(items.records), text, label) if len(items.records) > 1 else None
    if not isinstance(layout, Layout) or _is_of_turns(layout, items, lists):
        return None
    parts = {"preset": layout.format} if isinstance(layout.format, str) else layout.format
    written = {**parts, "iterate": path}
    return None if try_format(written, read_all(written, sample)).flaw else replace(layout, format=written)


def _is_of_turns(layout: Layout, items: Sample, lists: Sequence[Sequence[Record]]) -> bool:
    """Tell items that are the parts of one trace: the same labels in every list, such as who speaks."""
    some = [replace(items, records=tuple(each)) for each in lists[:_LISTS] if each]
    labels = [sorted(str(raw.label) for raw in read_all(layout.format, each)) for each in some]
    return len(labels) > 1 and len(labels[0]) > 1 and all(each == labels[0] for each in labels)


def _layout(sample: Sample, fields: Fields, text: str | None, label: str | None) -> Layout | Refusal:
    """Return the layout of records that are traces themselves, or why there is none."""
    preset = best_preset(sample)
    if preset is not None and (text or label):
        preset = _over(preset, sample, text, label)
    preset, prompts = with_one_task(preset, sample) if preset else (None, "")
    is_clear = preset is not None and not preset.flaw
    if preset is not None and is_clear and (prompts or preset.format in _NO_VENDORS or preset.is_a_vendors):
        return replace(_of_preset(preset, sample, fields), prompts=prompts)
    if preset is not None and preset.answers.is_final:
        return unusable(preset)
    mapped = _mapped(sample, fields, text, label)
    if preset is None or (isinstance(mapped, Layout) and (preset.flaw or _reads_the_same(mapped, preset, sample))):
        return mapped
    return _of_preset(preset, sample, fields) if is_clear else unusable(preset)


def _reads_the_same(mapped: Layout, preset: Attempt, sample: Sample) -> bool:
    """Tell whether a map finds the texts and answers that a preset finds: then it says more plainly where they are."""
    raws = [raw for raw in read_all(mapped.format, sample) if is_good(raw)]
    return [(raw.text, raw.label) for raw in raws] == [(raw.text, raw.label) for raw in preset.raws]


def _over(preset: Attempt, sample: Sample, text: str | None, label: str | None) -> Attempt | None:
    """Return a preset with a text and a label of the user's; None where it reads nothing then."""
    parts = {part: path for part, path in (("text", text), ("label", label)) if path}
    if preset.format == "native" and len(parts) == 2:
        return None
    changed = {"preset": preset.format, **parts}
    attempt = try_format(changed, read_all(changed, sample))
    return attempt if attempt.raws else None


def _of_preset(preset: Attempt, sample: Sample, fields: Fields) -> Layout:
    """Return the layout of a preset, with what the preset misses of the parts that are there."""
    parts = {"preset": preset.format} if isinstance(preset.format, str) else dict(preset.format)
    read = find_format(preset.format)
    raws = read_all(preset.format, sample)
    also = [path for path in parts.values() if isinstance(path, str)]
    found = other_parts(fields, read.text or "", read.label, also, preset.answers, raws)
    more = {part: path for part, path in found.items() if all(getattr(raw, part) is None for raw in preset.raws)}
    if more:  # a preset may read items or views in which these fields do not lie
        raws = [raw for raw in read_all({**parts, **more}, sample) if is_good(raw)]
        more = {part: path for part, path in more.items() if any(getattr(raw, part) is not None for raw in raws)}
    if "truth" in more:
        preset = try_format({**parts, **more}, read_all({**parts, **more}, sample))
    return Layout(
        {**parts, **more} if more else preset.format,
        preset.answers.steps,
        other_keys=preset.answers.other_keys,
        answer_template=preset.answers.template,
    )


def _whole_answer(path: str, text: str, sample: Sample) -> str:
    """Return the answer that holds the label in JSON, where a step takes the same label out of it.

    Such a step travels in the bundle, so that a deployment reads what the LLM answers, and answers likewise.
    """
    found = _INSIDE.fullmatch(path)
    if found is None:
        return path
    both = ({"text": text, "label": each} for each in (path, found[1]))
    inside, whole = (try_format(parts, read_all(parts, sample)) for parts in both)
    are_same = (
        whole.answers.steps[0] == f"json:{found[2]}" and whole.answers.counts.counts == inside.answers.counts.counts
    )
    return found[1] if are_same else path


def _mapped(sample: Sample, fields: Fields, text: str | None, label: str | None) -> Layout | Refusal:
    """Return a map of expressions, found among the fields."""
    texts = texts_in(fields)
    if not text and not texts:
        return no_text()
    pair = None if text else head_and_body(fields, texts[0].path)
    chosen = text or (f"join(' ', [{pair[0]}, {pair[1]}][?@])" if pair else texts[0].path)
    labels = without_the_same(labels_in(fields, chosen)) if not label else ()
    if not label and not labels:
        return no_answer(fields, chosen)
    answer = label or _whole_answer(labels[0].path, chosen, sample)
    taken = {chosen, answer, *(pair or ())}
    parts: dict[str, Any] = {"text": chosen, "label": answer}
    if body := answers_body(answer, sample.records):
        parts["unanswered"] = unanswered(body)
    raws = read_all(parts, sample)
    attempt = try_format(parts, raws)
    if attempt.flaw:
        return unusable(attempt)
    parts |= other_parts(fields, chosen, answer, pair or (), attempt.answers, raws)
    if "truth" in parts:
        attempt = try_format(parts, read_all(parts, sample))
    return Layout(
        parts,
        attempt.answers.steps,
        texts=(chosen,) if text else (chosen, *(each.path for each in texts if each.path not in taken)),
        labels=(label,) if label else (answer, *(each.path for each in labels[1:])),
        other_keys=attempt.answers.other_keys,
        answer_template=attempt.answers.template,
        is_unsure=len(labels) > 1 and labels[1].named >= labels[0].named,
    )
