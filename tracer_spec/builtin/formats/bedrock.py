"""Amazon Bedrock: its log of model invocations, and the output of batch inference.

References
----------
AWS, "Monitor model invocation using CloudWatch Logs and Amazon S3" and "Process multiple prompts with batch inference",
docs.aws.amazon.com/bedrock/latest/userguide
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

_RESPONSE = "not_null(output.outputBodyJson, modelOutput)"

BEDROCK = Format(
    name="bedrock",
    summary="Amazon Bedrock: the log of model invocations (S3, or events of CloudWatch), and the output of batch inference",
    # an event of CloudWatch holds the log's record as a text
    iterate="[not_null(from_json(message), @)]",
    text="asked(not_null(input.inputBodyJson, modelInput))",
    instructions="instructed(not_null(input.inputBodyJson, modelInput))",
    label=f"answered({_RESPONSE})",
    id="not_null(requestId, recordId)",
    time="timestamp",
    model="modelId",
    skip={
        "error status": "errorCode || error",
        # the pieces of a stream, as they came
        "streamed answer": f"type({_RESPONSE}) == 'array'",
    },
    unanswered=unanswered(_RESPONSE),
)
