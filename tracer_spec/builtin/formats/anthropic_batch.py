"""Anthropic's Message Batches API: the requests as they were sent and the file of results, joined.

References
----------
Anthropic, "Message Batches", docs.anthropic.com/en/api/creating-message-batches;
docs.anthropic.com/en/api/retrieving-message-batch-results
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, Join, unanswered

_MESSAGE = "outputs[0].result.message"

ANTHROPIC_BATCH = Format(
    name="anthropic-batch",
    summary="Anthropic Message Batches: requests (a line each, or `{requests: [...]}`) and results, joined by `custom_id`",
    iterate="not_null(requests, [@])",
    join=Join(key="custom_id", input="params", output="result"),
    text="asked(inputs[0].params)",
    instructions="instructed(inputs[0].params)",
    label=f"answered({_MESSAGE})",
    id="inputs[0].custom_id",
    model=f"{_MESSAGE}.model",
    skip={
        "custom_id used twice": "inputs[1] || outputs[1]",
        "error status": "outputs && outputs[0].result.type != 'succeeded'",
    },
    unanswered=unanswered(_MESSAGE),
)
