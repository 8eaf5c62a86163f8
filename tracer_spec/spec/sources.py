"""Several sources of traces: what each says for itself, and what all must say alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Tag

from tracer_spec.spec.fields import ONE, SEVERAL, non_empty, one_or_several, refusal, refusals
from tracer_spec.spec.traces import TracesSpec

# a router has one space of labels, one kind of text, and one claim: what these say is said of all of it
SHARED = (
    ("extract",),
    ("repeats",),
    ("max_rows",),
    ("labels", "allowed"),
    ("labels", "unknown"),
    ("labels", "unanswered"),
    ("labels", "train"),
    ("labels", "describe"),
)


def shared(sources: Sequence[TracesSpec], *path: str) -> Any:
    """Return what the first source that says it says of all of them; the default where none does."""
    said = [_at(each, path) for each in sources if _is_said(each, path)]
    return said[0] if said else _at(sources[0], path)


def check_shared(sources: tuple[TracesSpec, ...]) -> tuple[TracesSpec, ...]:
    """Refuse two sources that say different things of what is said of all."""
    found = []
    for path in SHARED:
        first, *others = [number for number, each in enumerate(sources) if _is_said(each, path)] or [0]
        for number in others:
            value = _at(sources[number], path)
            if value != _at(sources[first], path):
                key = ".".join(path)
                fact = f"differs from traces[{first}].{key}, and a router has one {key} for all of its traces"
                place = (number, *path)
                found.append(
                    (place, value, refusal(fact, hint="write it once, or the same in each", about_value=False))
                )
    if found:
        raise refusals("list", found)
    return sources


def _at(source: TracesSpec, path: Sequence[str]) -> Any:
    value: Any = source
    for key in path:
        value = getattr(value, key)
    return value


def _is_said(source: TracesSpec, path: Sequence[str]) -> bool:
    holder = source.labels if len(path) > 1 else source
    return path[-1] in holder.model_fields_set and _at(source, path) != ()


Sources = Annotated[
    Annotated[TracesSpec, Tag(ONE)]
    | Annotated[
        tuple[TracesSpec, ...], AfterValidator(non_empty("source")), AfterValidator(check_shared), Tag(SEVERAL)
    ],
    Discriminator(one_or_several),
]
