"""LangSmith: runs, as its API, its SDK and its bulk export give them.

References
----------
LangChain, "Run (span) data format", docs.langchain.com/langsmith/run-data-format; "Bulk export trace data",
docs.langchain.com/langsmith/data-export
"""

from __future__ import annotations

from tracer_spec.builtin.formats.chat import ANSWERED, ASKED, MESSAGE, REFUSED, TRUNCATED
from tracer_spec.builtin.formats.format import Format

# LangChain's own chat models log messages as constructors, a list of them for each prompt of the batch
_HUMAN = "kwargs.type == 'human' || contains([id][], 'HumanMessage')"
_GENERATION = "outputs.generations[0][0]"
_FINISH = f"{_GENERATION} | not_null(generation_info, message.kwargs.response_metadata)"

LANGSMITH = Format(
    name="langsmith",
    summary="LangSmith: runs of the API or of the bulk export (Parquet)",
    view="merge(@, {inputs: from_json(inputs), outputs: from_json(outputs), extra: from_json(extra)})",
    text=f"not_null(inputs.messages[0][?{_HUMAN}] | [-1].kwargs | message_text(content), inputs | {ASKED})",
    label=(
        "not_null("
        f"{_GENERATION}.message.kwargs.tool_calls[0].args, "
        f"{_GENERATION}.message.kwargs.additional_kwargs.tool_calls[0].function.arguments, "
        f"{_GENERATION}.text, "
        f"outputs | {ANSWERED}, outputs | {MESSAGE})"
    ),
    id="id",
    time="start_time",
    model="extra.metadata.ls_model_name",
    version="join('@', [extra.metadata.lc_hub_repo, extra.metadata.lc_hub_commit_hash][?@].to_string(@))",
    skip={
        "error status": "error || status == 'error'",
        "not an LLM call": "run_type && run_type != 'llm'",
    },
    unanswered={
        "truncated": f"({_FINISH} | finish_reason == 'length' || stop_reason == 'max_tokens') || (outputs | {TRUNCATED})",
        "refusal": (
            f"({_FINISH} | finish_reason == 'content_filter' || stop_reason == 'refusal') || (outputs | {REFUSED})"
        ),
    },
)
