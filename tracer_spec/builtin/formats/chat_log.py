"""``chat``: logs of an app's own that keep the bodies of a chat API, and files to fine-tune with."""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

# of a record without a response of its own, what a body of a known shape holds
_BODY = "{choices: choices[], output: output[], messages: from_json(messages)[], completion: completion}"
_RESPONSE = f"not_null(response, {_BODY})"

CHAT = Format(
    name="chat",
    summary=(
        "Logs of your own with the bodies of any chat API, `{request, response}` or `{messages, choices}`, and files to "
        "fine-tune with, `{messages: [system, user, assistant]}`"
    ),
    text="asked(not_null(request, @))",
    instructions="instructed(not_null(request, @))",
    label=f"answered({_RESPONSE})",
    id="not_null(id, request_id, from_json(response).id)",
    time="not_null(timestamp, time, ts, created_at, created, from_json(response).created)",
    model="not_null(from_json(response).model, from_json(request).model, model)",
    skip={"error status": "error || from_json(response).error"},
    unanswered=unanswered(_RESPONSE),
)
