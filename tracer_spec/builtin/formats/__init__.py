"""Formats: where a trace's parts lie inside a record. A preset is data; add one to :data:`PRESETS`."""

from __future__ import annotations

from collections.abc import Mapping

from tracer_spec.builtin.formats.format import ADDRESS, Format, custom_format
from tracer_spec.builtin.formats.native import NATIVE, native_schema
from tracer_spec.builtin.formats.reader import Raw, Reader, compile_format
from tracer_spec.errors import SpecError
from tracer_spec.plugin.registry import did_you_mean

PRESETS: Mapping[str, Format] = {preset.name: preset for preset in (NATIVE,)}


def find_format(wanted: str | Mapping[str, str | None]) -> Format:
    """Return the preset of that name, or the custom format that a map of expressions describes.

    Raises
    ------
    SpecError
        Where no preset has the name, or the map is no format.
    """
    if not isinstance(wanted, str):
        return custom_format(wanted)
    if wanted not in PRESETS:
        raise SpecError(
            f"no format is called '{wanted}'; known: {', '.join(sorted(PRESETS))}",
            hint=did_you_mean(wanted, PRESETS) or "a map of JMESPath expressions does as well: {text: ..., label: ...}",
            address=ADDRESS,
        )
    return PRESETS[wanted]


__all__ = [
    "PRESETS",
    "Format",
    "Raw",
    "Reader",
    "compile_format",
    "custom_format",
    "find_format",
    "native_schema",
]
