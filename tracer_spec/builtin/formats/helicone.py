"""Helicone: requests as its export tool and its query API give them, bodies included.

References
----------
Helicone, "Export data", docs.helicone.ai/tools/export; "Query requests", docs.helicone.ai/rest/request
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import NOT_LOGGED, Format, unanswered

HELICONE = Format(
    name="helicone",
    summary="Helicone: `npx @helicone/export --include-body`",
    text="asked(request_body)",
    instructions="instructed(request_body)",
    label="answered(response_body)",
    id="request_id",
    time="request_created_at",
    model="not_null(response_model, request_model)",
    version="join('@', [prompt_id, prompt_version][?@].to_string(@))",
    skip={
        "error status": "response_status && to_string(response_status) != '200'",
        # the bodies may be behind 'signed_body_url'
        NOT_LOGGED: "(signed_body_url || contains(keys(@), 'request_body')) && !unpack(request_body) && !unpack(response_body)",
    },
    unanswered=unanswered("response_body"),
)
