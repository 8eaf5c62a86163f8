"""Weights & Biases Weave: calls, as its API streams them.

References
----------
Weights & Biases, "Call schema reference", docs.wandb.ai/weave/guides/tracking/call-schema-reference
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

WEAVE = Format(
    name="weave",
    summary="W&B Weave: calls of `calls/stream_query`, those of an LLM's client",
    view="merge(@, {inputs: from_json(inputs), output: unpack(output)})",
    text="asked(inputs)",
    instructions="instructed(inputs)",
    label="answered(output)",
    id="id",
    parent="parent_id",
    trace="trace_id",
    time="started_at",
    model="not_null(output.model, output.model_version, inputs.model)",
    skip={
        "error status": "exception",
        "not an LLM call": (
            "!((inputs.messages || inputs.input || inputs.prompt || inputs.contents) && "
            "(output.choices || output.output || output.content || output.candidates))"
        ),
    },
    unanswered=unanswered("output"),
)
