"""promptfoo: the results of an evaluation, as JSON or JSON Lines.

A failed assertion is not an error here: dropping the teacher's mistakes would make agreement look higher than it is.

References
----------
promptfoo, "Output formats", promptfoo.dev/docs/configuration/outputs
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format

PROMPTFOO = Format(
    name="promptfoo",
    summary="promptfoo: `promptfoo eval -o results.json` (source `json`) or `-o results.jsonl`",
    iterate="not_null(results.results, [@])",
    # a test with one variable is about that one, whatever it is called
    text=(
        "not_null(vars.input, vars.query, vars.text, vars.question, vars.message, vars.prompt, "
        "(type(vars) == 'object' && length(vars) == `1` && values(vars)[0]) || `null`)"
    ),
    label="not_null(response.output[0].function.arguments, response.output)",
    id="id",
    truth="testCase.assert[?type == 'equals'].value | [0]",
    model="provider.id",
    version="promptId",
    skip={"error status": "response.error || failureReason == `2` || !response"},
    unanswered={
        "truncated": "response.finishReason == 'length'",
        "refusal": "response.isRefusal || response.finishReason == 'content_filter'",
    },
)
