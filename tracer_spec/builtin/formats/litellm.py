"""LiteLLM: its standard logging payload (S3, GCS, webhooks) and the proxy's table of spend logs.

References
----------
BerriAI, "StandardLoggingPayload specification", docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import NOT_LOGGED, Format, unanswered

_REDACTED = "'redacted-by-litellm'"
_TEXT = "not_null(asked(messages), asked(proxy_server_request))"

LITELLM = Format(
    name="litellm",
    summary="LiteLLM: `StandardLoggingPayload`, or rows of `LiteLLM_SpendLogs`",
    text=_TEXT,
    instructions="not_null(instructed(messages), instructed(proxy_server_request))",
    label="answered(response)",
    id="not_null(id, request_id)",
    time="startTime",
    model="model",
    version="from_json(metadata).prompt_management_metadata.prompt_id",
    skip={
        "error status": "status && status != 'success'",
        "not an LLM call": (
            "call_type && !contains(['completion', 'acompletion', 'text_completion', 'atext_completion', "
            "'responses', 'aresponses', 'anthropic_messages'], call_type)"
        ),
        # the proxy's table holds it where 'store_prompts_in_spend_logs' is set
        NOT_LOGGED: (
            "contains(keys(@), 'messages') && !unpack(messages) && !unpack(proxy_server_request) && !unpack(response)"
        ),
        "redacted": f"asked(messages) == {_REDACTED} || answered(response) == {_REDACTED}",
        # the proxy's table keeps the beginning and the end of long texts
        "cut by the proxy": f"contains(not_null({_TEXT}, ''), '(litellm_truncated ')",
    },
    unanswered=unanswered("response"),
)
