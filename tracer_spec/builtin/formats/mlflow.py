"""MLflow: traces as JSON, of which the spans of chat models and LLMs are read.

Never ``request_preview`` and ``response_preview``: those are cut short.

References
----------
MLflow, "Trace data structure", mlflow.org/docs/latest/genai/concepts/trace
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

_INPUTS = 'unpack(attributes."mlflow.spanInputs")'
_OUTPUTS = 'unpack(attributes."mlflow.spanOutputs")'
_PARENT = "not_null(parent_span_id, parent_id)"

MLFLOW = Format(
    name="mlflow",
    summary=(
        "MLflow: traces as JSON (`Trace.to_json()`, `mlflow traces get`), rows of `search_traces()`, or a run's `traces.json`"
    ),
    iterate=(
        "not_null(traces, [@])[].not_null(from_json(trace).data, from_json(data), @).from_json(spans)[] | "
        "[?contains(['CHAT_MODEL', 'LLM'], unpack(attributes.\"mlflow.spanType\"))]"
    ),
    view=(
        'merge(@, {info: not_null(from_json("$record".trace).info, from_json("$record".info), "$record")}) | '
        "merge(@, {trace: not_null(info.trace_id, info.request_id, trace_id, context.trace_id)})"
    ),
    text=f"asked({_INPUTS})",
    instructions=f"instructed({_INPUTS})",
    label=f"answered({_OUTPUTS})",
    # ids of spans are unique within a trace
    id="join('/', [trace, not_null(span_id, context.span_id)][?@].to_string(@))",
    parent=f"{_PARENT} && join('/', [trace, {_PARENT}][?@].to_string(@))",
    trace="trace",
    time="not_null(start_time_unix_nano, start_time)",
    truth="from_json(info.assessments)[?expectation].expectation.value | [0]",
    model=f'not_null(unpack(attributes."mlflow.llm.model"), {_OUTPUTS}.model, {_INPUTS}.model)',
    version=(
        '[from_json(from_json(info.tags)."mlflow.linkedPrompts")][] | [?name]'
        ".join('@', [to_string(name), to_string(version)]) | join(', ', @)"
    ),
    skip={
        # of the span, not of the trace: what fails after the teacher has answered does not undo the answer
        "error status": "contains(['STATUS_CODE_ERROR', 'ERROR'], not_null(status.code, status_code)) || status.code == `2`",
    },
    unanswered=unanswered(_OUTPUTS),
)
