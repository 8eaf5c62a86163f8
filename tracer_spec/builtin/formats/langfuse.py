"""Langfuse: its blob storage export and its public API.

References
----------
Langfuse, "Blob storage export field reference",
langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

from tracer_spec.builtin.formats.chat import ANSWERED, ASKED, MESSAGE, REFUSED, TRUNCATED
from tracer_spec.builtin.formats.format import Format

LANGFUSE = Format(
    name="langfuse",
    summary="Langfuse: `observations_v2/` of the blob storage export, or observations of the public API",
    view="merge(@, {asked: unpack(input), answered: unpack(output)})",
    text=f"asked | not_null([?role == 'user'] | [-1] | message_text(content), message_text(@), {ASKED})",
    label=f"answered | not_null({MESSAGE}, {ANSWERED}, @)",
    id="id",
    time="not_null(start_time, startTime)",
    model="not_null(provided_model_name, providedModelName, model)",
    version=(
        "join('@', [not_null(prompt_name, promptName), not_null(prompt_version, promptVersion)][?@].to_string(@))"
    ),
    skip={
        "error status": "level == 'ERROR'",
        "not an LLM call": "type && type != 'GENERATION'",
    },
    unanswered={
        "truncated": f"answered | {TRUNCATED}",
        "refusal": f"answered | refusal || {REFUSED}",
    },
)
