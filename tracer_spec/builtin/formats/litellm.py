"""LiteLLM: its standard logging payload (S3, GCS, webhooks) and the proxy's table of spend logs.

References
----------
BerriAI, "StandardLoggingPayload specification", docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from tracer_spec.builtin.formats.chat import ANSWERED, ASKED, unanswered
from tracer_spec.builtin.formats.format import Format

_REDACTED = "'redacted-by-litellm'"

LITELLM = Format(
    name="litellm",
    summary="LiteLLM: `StandardLoggingPayload`, or rows of `LiteLLM_SpendLogs`",
    view=(
        "merge(@, {asked: {messages: unpack(messages)}, answered: unpack(response), "
        "metadata: from_json(metadata), proxy_server_request: from_json(proxy_server_request)})"
    ),
    text=f"not_null(asked | {ASKED}, message_text(asked.messages), proxy_server_request | {ASKED})",
    label=f"not_null(answered | {ANSWERED}, message_text(answered))",
    id="not_null(id, request_id)",
    time="startTime",
    model="model",
    version="metadata.prompt_management_metadata.prompt_id",
    skip={
        "error status": "status && status != 'success'",
        "not an LLM call": (
            "call_type && !contains(['completion', 'acompletion', 'text_completion', 'atext_completion', "
            "'responses', 'aresponses', 'anthropic_messages'], call_type)"
        ),
        "redacted": (
            f"asked.messages == {_REDACTED} || asked.messages[?content == {_REDACTED}] || "
            f"answered.text == {_REDACTED} || answered.choices[0].message.content == {_REDACTED}"
        ),
    },
    unanswered=unanswered("answered"),
)
