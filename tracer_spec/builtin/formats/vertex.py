"""Google: batch predictions of Vertex AI and of the Gemini API, and Vertex AI's log of requests and responses.

References
----------
Google Cloud, "Batch prediction with Gemini" and "Log requests and responses", cloud.google.com/vertex-ai/generative-ai/docs;
Google, "Batch mode", ai.google.dev/gemini-api/docs
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

_RESPONSE = "not_null(response, full_response)"

VERTEX = Format(
    name="vertex",
    summary="Google: output of batch predictions (Vertex AI, the Gemini API), and rows of Vertex AI's log of requests",
    text="asked(not_null(request, full_request))",
    instructions="instructed(not_null(request, full_request))",
    label=f"answered({_RESPONSE})",
    id=f"not_null(key, custom_id, request_id, from_json({_RESPONSE}).responseId)",
    time=f"not_null(from_json({_RESPONSE}).createTime, logging_time, processed_time)",
    model=f"not_null(from_json({_RESPONSE}).modelVersion, from_json({_RESPONSE}).model, model)",
    skip={"error status": f"status || error || from_json({_RESPONSE}).error"},
    unanswered=unanswered(_RESPONSE),
)
