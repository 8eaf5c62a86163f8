"""OpenAI's Batch API: the file of requests and the files of responses and of errors, joined.

References
----------
OpenAI, "Batch API", platform.openai.com/docs/guides/batch; "The request input object" and "The request output
object", platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, Join, unanswered

_BODY = "outputs[0].response.body"

OPENAI_BATCH = Format(
    name="openai-batch",
    summary="OpenAI Batch API: input, output and error files, joined by `custom_id`",
    join=Join(key="custom_id", input="body", output="response || error"),
    text="asked(inputs[0].body)",
    instructions="instructed(inputs[0].body)",
    label=f"answered({_BODY})",
    id="inputs[0].custom_id",
    time=f"not_null({_BODY}.created, {_BODY}.created_at)",
    model=f"{_BODY}.model",
    skip={
        # an id counts within one batch alone: of two batches, nothing says which answer is whose
        "custom_id used twice": "inputs[1] || outputs[1]",
        "error status": "outputs && (outputs[0].error || outputs[0].response.status_code != `200`)",
    },
    unanswered=unanswered(_BODY),
)
