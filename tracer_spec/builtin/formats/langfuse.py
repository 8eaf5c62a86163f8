"""Langfuse: its blob storage export and its public API.

References
----------
Langfuse, "Blob storage export field reference",
langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

LANGFUSE = Format(
    name="langfuse",
    summary=(
        "Langfuse: `observations_v2/` of the blob storage export, pages of the public API, or a trace downloaded from its page "
        "(source `json`)"
    ),
    iterate="not_null(observations, data, [@])",
    text="asked(input)",
    instructions="instructed(input)",
    label="answered(output)",
    id="id",
    parent="not_null(parent_observation_id, parentObservationId)",
    trace="not_null(trace_id, traceId)",
    time="not_null(start_time, startTime)",
    model="not_null(provided_model_name, providedModelName, model)",
    version=(
        "join('@', [not_null(prompt_name, promptName), not_null(prompt_version, promptVersion)][?@].to_string(@))"
    ),
    skip={
        "error status": "level == 'ERROR'",
        "not an LLM call": "type && type != 'GENERATION'",
        # evaluators and experiments, in environments whose names nobody else may use
        "Langfuse's own call": "starts_with(to_string(environment), 'langfuse-')",
    },
    unanswered=unanswered("output"),
)
