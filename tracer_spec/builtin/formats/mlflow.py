"""MLflow: traces as JSON, of which the spans of chat models and LLMs are read.

Never ``request_preview`` and ``response_preview``: those are cut short.

References
----------
MLflow, "Trace data structure", mlflow.org/docs/latest/genai/concepts/trace
"""

from __future__ import annotations

from tracer_spec.builtin.formats.chat import ANSWERED, ASKED, MESSAGE, unanswered
from tracer_spec.builtin.formats.format import Format

MLFLOW = Format(
    name="mlflow",
    summary="MLflow: traces as JSON (`Trace.to_json()`, `mlflow traces get`)",
    iterate="from_json(data).spans[?contains(['CHAT_MODEL', 'LLM'], unpack(attributes.\"mlflow.spanType\"))]",
    view=(
        'merge(@, {asked: unpack(attributes."mlflow.spanInputs"), answered: unpack(attributes."mlflow.spanOutputs"), '
        'info: from_json("$record".info)})'
    ),
    text=(
        "not_null("
        f"asked | {ASKED}, "
        # LangChain's messages: a list of them for each prompt of the batch
        "asked.messages[0][?type == 'human'] | [-1] | message_text(content), "
        "message_text(asked))"
    ),
    label=(
        "not_null("
        f"answered | {ANSWERED}, "
        "answered.generations[0][0] | not_null(message.tool_calls[0].args, text), "
        f"answered | {MESSAGE}, message_text(answered))"
    ),
    id="not_null(span_id, context.span_id)",
    time="not_null(start_time_unix_nano, start_time)",
    truth="info.assessments[?expectation].expectation.value | [0]",
    model='not_null(unpack(attributes."mlflow.llm.model"), answered.model, asked.model)',
    version=(
        '[from_json(info.tags."mlflow.linkedPrompts")][] | [?name]'
        ".join('@', [to_string(name), to_string(version)]) | join(', ', @)"
    ),
    skip={
        # of the span, not of the trace: what fails after the teacher has answered does not undo the answer
        "error status": "contains(['STATUS_CODE_ERROR', 'ERROR'], not_null(status.code, status_code)) || status.code == `2`",
    },
    unanswered=unanswered("answered"),
)
