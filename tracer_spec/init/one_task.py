"""One task of a log in which a model does several: told by the system's prompt and by what is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tracer_spec.builtin.formats import Raw, find_format
from tracer_spec.flow.traces.prompt_counts import MOST_PROMPTS, listing, often_met
from tracer_spec.init.answers import read_answers
from tracer_spec.init.attempt import Attempt, try_format
from tracer_spec.init.presets import read_all
from tracer_spec.init.sampling import Sample
from tracer_spec.init.system_prompt import conditions

# of a prompt's answers, those that must be labels of another's for both to be versions of one
_SAME_TASK = 0.5


def with_one_task(attempt: Attempt, sample: Sample) -> tuple[Attempt, str]:
    """Return the attempt at the task of most calls, and what to say of the others; as it is where there is one task."""
    expression = find_format(attempt.format).instructions
    counts = Counter(map(_prompt, attempt.raws))
    often = often_met(counts)
    if expression is None or len(counts) > MOST_PROMPTS or len(often) < 2:
        return attempt, ""
    by_prompt = {prompt: [raw for raw in attempt.raws if _prompt(raw) == prompt] for prompt in often}
    for prompt in often:
        kept = _versions(prompt, by_prompt)
        if len(kept) == len(often):
            return attempt, ""
        for where in conditions(expression, kept):
            parts = {"preset": attempt.format} if isinstance(attempt.format, str) else attempt.format
            written = {**parts, "where": where}
            chosen = try_format(written, read_all(written, sample))
            if {_prompt(raw) for raw in chosen.raws} & often.keys() == set(kept) and not chosen.flaw:
                others = {each: n for each, n in counts.most_common() if each not in kept}
                left = {each: often[each] for each in kept}
                told = f"{len(counts)} system prompts, whose answers differ: 'where' keeps {listing(left)}"
                of = "" if sample.is_whole else f", of {len(attempt.raws):,} that were looked at"
                return chosen, f"{told}, and leaves out {listing(others)}{of}"
    return attempt, ""


def _prompt(raw: Raw) -> str:
    return raw.instructions if isinstance(raw.instructions, str) else ""


def _versions(prompt: str, by_prompt: dict[str, list[Raw]]) -> list[str]:
    """Return the prompt with those whose answers are mostly labels of it."""
    labels = _labels(by_prompt[prompt])
    return [each for each, raws in by_prompt.items() if each == prompt or _share(_labels(raws), labels) > _SAME_TASK]


def _labels(raws: Sequence[Raw]) -> Counter[str]:
    return read_answers([raw.label for raw in raws if not raw.unanswered]).counts.counts


def _share(labels: Counter[str], among: Counter[str]) -> float:
    return sum(n for label, n in labels.items() if label in among) / max(1, labels.total())
