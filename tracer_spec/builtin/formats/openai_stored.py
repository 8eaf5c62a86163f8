"""OpenAI: responses and chat completions that were stored, as its API gives them back.

References
----------
OpenAI, "Responses" and "Chat completions", platform.openai.com/docs/api-reference
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

OPENAI_RESPONSES = Format(
    name="openai-responses",
    summary=(
        "OpenAI: stored responses with their `input`, and stored chat completions with their `messages`, a line each or "
        "pages (`{data: [...]}`)"
    ),
    iterate="not_null(data, [@])",
    text="asked(@)",
    instructions="instructed(@)",
    label="answered({choices: choices[], output: output[]})",
    id="id",
    time="not_null(created_at, created)",
    model="model",
    version="join('@', [prompt.id, prompt.version][?@].to_string(@))",
    skip={"error status": "error || contains(['failed', 'cancelled'], status)"},
    unanswered=unanswered("@"),
)
