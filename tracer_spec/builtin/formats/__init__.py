"""Formats: where the parts of a trace lie inside a record. A preset is data: add one to :data:`PRESETS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer_spec.builtin.formats.anthropic_batch import ANTHROPIC_BATCH
from tracer_spec.builtin.formats.bedrock import BEDROCK
from tracer_spec.builtin.formats.braintrust import BRAINTRUST
from tracer_spec.builtin.formats.chat_log import CHAT
from tracer_spec.builtin.formats.databricks import DATABRICKS
from tracer_spec.builtin.formats.datadog import DATADOG
from tracer_spec.builtin.formats.decision_log import DECISIONS
from tracer_spec.builtin.formats.format import ADDRESS, Format, custom_format, written_conditions, written_expressions
from tracer_spec.builtin.formats.helicone import HELICONE
from tracer_spec.builtin.formats.inspect_ai import INSPECT
from tracer_spec.builtin.formats.langfuse import LANGFUSE
from tracer_spec.builtin.formats.langsmith import LANGSMITH
from tracer_spec.builtin.formats.litellm import LITELLM
from tracer_spec.builtin.formats.lm_eval import LM_EVAL
from tracer_spec.builtin.formats.mlflow import MLFLOW
from tracer_spec.builtin.formats.native import NATIVE, native_schema
from tracer_spec.builtin.formats.openai_batch import OPENAI_BATCH
from tracer_spec.builtin.formats.openai_stored import OPENAI_RESPONSES
from tracer_spec.builtin.formats.openinference import OPENINFERENCE
from tracer_spec.builtin.formats.opik import OPIK
from tracer_spec.builtin.formats.otel_genai import OTEL_GENAI
from tracer_spec.builtin.formats.promptfoo import PROMPTFOO
from tracer_spec.builtin.formats.raw import Raw
from tracer_spec.builtin.formats.reader import Reader, compile_format, compiler_of
from tracer_spec.builtin.formats.vertex import VERTEX
from tracer_spec.builtin.formats.weave import WEAVE
from tracer_spec.errors import SpecError, did_you_mean

PRESETS: Mapping[str, Format] = {
    preset.name: preset
    for preset in (
        NATIVE,
        OTEL_GENAI,
        OPENINFERENCE,
        LANGFUSE,
        LANGSMITH,
        LITELLM,
        OPENAI_BATCH,
        ANTHROPIC_BATCH,
        HELICONE,
        MLFLOW,
        WEAVE,
        PROMPTFOO,
        OPENAI_RESPONSES,
        BEDROCK,
        VERTEX,
        DATABRICKS,
        BRAINTRUST,
        DATADOG,
        OPIK,
        INSPECT,
        LM_EVAL,
        CHAT,
        DECISIONS,
    )
}


def find_format(wanted: str | Mapping[str, Any]) -> Format:
    """Return the preset of that name, or the format that a map of expressions describes.

    Parameters
    ----------
    wanted : str or mapping
        A preset's name; or expressions by part, over those of the preset that the key ``preset`` names, if any.

    Raises
    ------
    SpecError
        Where no preset has the name, or the map is not a valid format.

    Examples
    --------
    >>> find_format({"preset": "weave", "truth": "attributes.truth", "skip": {"error status": None}}).id
    'id'
    """
    if isinstance(wanted, str):
        return _preset(wanted, ADDRESS)
    parts = dict(wanted)
    name = parts.pop("preset", None)
    return custom_format(parts, None if name is None else _preset(name, f"{ADDRESS}.preset"))


def _preset(name: str, address: str) -> Format:
    if name not in PRESETS:
        raise SpecError(
            f"no format is called '{name}'; known: {', '.join(sorted(PRESETS))}",
            hint=did_you_mean(name, PRESETS) or "a map of JMESPath expressions does as well: {text: ..., label: ...}",
            address=address,
        )
    return PRESETS[name]


__all__ = [
    "PRESETS",
    "Format",
    "Raw",
    "Reader",
    "compile_format",
    "compiler_of",
    "custom_format",
    "find_format",
    "native_schema",
    "written_conditions",
    "written_expressions",
]
