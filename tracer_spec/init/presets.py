"""Which preset reads the records: judged by those that can be traces, not by all of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tracer_spec.builtin.formats import PRESETS, Format, Raw, compile_format, find_format
from tracer_spec.builtin.formats.decisions import DECISION
from tracer_spec.builtin.formats.format import NOT_LOGGED
from tracer_spec.builtin.formats.join import NO_INPUT, NO_OUTPUT
from tracer_spec.builtin.formats.wrappers import WRAPPER
from tracer_spec.init.attempt import Attempt, is_good, try_format
from tracer_spec.init.sampling import SAMPLED, Sample

# of the records that can be traces, those that a preset must read
_FEWEST_SHARE = 1 / 3
# what is wrong with a trace, and not merely with the record as a trace
_FAILED = "expression failed"


def best_preset(sample: Sample) -> Attempt | None:
    """Return what the best preset reads: of those that read enough, the one that reads most and finds most in it."""
    tried = [(name, _raws(preset, sample)) for name, preset in PRESETS.items()]
    attempts = [try_format(name, raws, _rules(name)) for name, raws in tried if _reads_enough(raws)]
    return max(attempts, key=lambda each: each.rank, default=None)


def _rules(name: str) -> set[str]:
    return {*PRESETS[name].skip, WRAPPER}


def are_decisions(sample: Sample) -> bool:
    """Tell whether most records hold what a router decided."""
    reasons = [raw.reason for raw in read_all("native", sample)]
    return sum(reason == DECISION for reason in reasons) * 2 > len(reasons)


def is_half_of_a_join(sample: Sample) -> str:
    """Return the preset of which the records are halves that do not meet; empty where they are no halves."""
    for name, preset in PRESETS.items():
        if preset.join is not None:
            reasons = {raw.reason for raw in _raws(preset, sample)}
            if reasons and reasons <= {NO_INPUT, NO_OUTPUT}:
                return name
    return ""


def holds_no_content(sample: Sample) -> str:
    """Return the preset whose calls the records are, if none of them holds what was said; empty where that is not so."""
    for name, preset in PRESETS.items():
        if NOT_LOGGED in preset.skip:
            reasons = {raw.reason for raw in _raws(preset, sample)}
            if NOT_LOGGED in reasons and reasons <= _rules(name):
                return name
    return ""


def read_all(written: Any, sample: Sample) -> list[Raw]:
    """Return the traces that a format reads in the records of a sample."""
    return _raws(find_format(written), sample)


def _raws(preset: Format, sample: Sample) -> list[Raw]:
    """Return the traces of the sample; where halves of traces must meet, of all records up to enough."""
    read = compile_format(preset).traces
    raws = [raw for _, raw in read(sample.records)]
    if preset.join is None or sample.is_whole or not any(raw.reason in (NO_INPUT, NO_OUTPUT) for raw in raws):
        return raws
    met = itertools.islice((raw for _, raw in read(sample.again(joined=True)) if not raw.reason), SAMPLED)
    return list(met) or raws


def _reads_enough(raws: Sequence[Raw]) -> bool:
    possible = [raw for raw in raws if raw.reason in ("", _FAILED)]
    n_good = sum(map(is_good, possible))
    return n_good > 0 and n_good >= _FEWEST_SHARE * len(possible)
