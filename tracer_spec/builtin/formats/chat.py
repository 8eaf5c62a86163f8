"""Expressions that presets share, over the bodies of a chat call as the APIs of OpenAI and Anthropic write them."""

from __future__ import annotations

# chat completions and Anthropic's messages; Responses, with a string or with items; completions
ASKED = (
    "not_null("
    "messages[?role == 'user'] | [-1] | message_text(content), "
    "message_text(input), "
    "input[?role == 'user'] | [-1] | message_text(content), "
    "message_text(prompt))"
)

# a structured answer comes as the arguments of a tool call, with or without text beside it: so these first
ANSWERED = (
    "not_null("
    "choices[0].message.tool_calls[0].function.arguments, "
    "choices[0].message.function_call.arguments, "
    "output[?type == 'function_call'].arguments | [0], "
    "content[?type == 'tool_use'].input | [0], "
    "message_text(choices[0].message.content), "
    "output[?type == 'message'] | [-1] | message_text(content), "
    "message_text(content), "
    "choices[0].text)"
)

# an answer in the shape of one message, or of a list of them, or bare
MESSAGE = (
    "not_null("
    "tool_calls[0].function.arguments, tool_calls[0].args, function_call.arguments, "
    "[-1].tool_calls[0].function.arguments, "
    "message_text(content), [-1] | message_text(content))"
)

TRUNCATED = (
    "choices[0].finish_reason == 'length' || stop_reason == 'max_tokens' || "
    "incomplete_details.reason == 'max_output_tokens'"
)

REFUSED = (
    "choices[0].message.refusal || choices[0].finish_reason == 'content_filter' || stop_reason == 'refusal' || "
    "incomplete_details.reason == 'content_filter' || output[].content[?type == 'refusal'][]"
)


def unanswered(body: str) -> dict[str, str]:
    """Return the rules of ``unanswered`` where an expression gives the body of a response."""
    return {"truncated": f"{body} | {TRUNCATED}", "refusal": f"{body} | {REFUSED}"}
