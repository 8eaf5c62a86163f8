"""Helicone: requests as its export tool and its query API give them, bodies included.

References
----------
Helicone, "Export data", docs.helicone.ai/tools/export; "Query requests", docs.helicone.ai/rest/request
"""

from __future__ import annotations

from tracer_spec.builtin.formats.chat import ANSWERED, ASKED, unanswered
from tracer_spec.builtin.formats.format import Format

HELICONE = Format(
    name="helicone",
    summary="Helicone: `npx @helicone/export --include-body`",
    view="merge(@, {asked: from_json(request_body), answered: from_json(response_body)})",
    text=f"asked | {ASKED}",
    label=f"answered | {ANSWERED}",
    id="request_id",
    time="request_created_at",
    model="not_null(response_model, request_model)",
    version="join('@', [prompt_id, prompt_version][?@].to_string(@))",
    skip={"error status": "response_status && to_string(response_status) != '200'"},
    unanswered=unanswered("answered"),
)
