"""LangSmith: runs, as its API, its SDK and its bulk export give them.

References
----------
LangChain, "Run (span) data format", docs.langchain.com/langsmith/run-data-format; "Bulk export trace data",
docs.langchain.com/langsmith/data-export
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

LANGSMITH = Format(
    name="langsmith",
    summary="LangSmith: runs of the API or of the bulk export (Parquet)",
    text="asked(inputs)",
    instructions="instructed(inputs)",
    label="answered(outputs)",
    id="id",
    parent="parent_run_id",
    trace="trace_id",
    time="start_time",
    model="from_json(extra).metadata.ls_model_name",
    version="join('@', [from_json(extra).metadata.lc_hub_repo, from_json(extra).metadata.lc_hub_commit_hash][?@].to_string(@))",
    skip={
        "error status": "error || status == 'error'",
        "not an LLM call": "run_type && run_type != 'llm'",
    },
    unanswered=unanswered("outputs"),
)
