"""Databricks: inference tables of model serving and of the AI gateway.

References
----------
Databricks, "Monitor served models using AI Gateway-enabled inference tables", docs.databricks.com/ai-gateway/inference-tables
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

DATABRICKS = Format(
    name="databricks",
    summary="Databricks: rows of an inference table of model serving, or of the AI gateway",
    text="asked(request)",
    instructions="instructed(request)",
    label="answered(response)",
    id="not_null(databricks_request_id, request_id, client_request_id)",
    time="not_null(request_time, event_time, timestamp_ms)",
    model="not_null(from_json(response).model, served_entity_name, from_json(request_metadata).model_name)",
    skip={"error status": "status_code && to_string(status_code) != '200'"},
    unanswered=unanswered("response"),
)
