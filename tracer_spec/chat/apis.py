"""The APIs whose requests a router may answer: one table."""

from __future__ import annotations

from tracer_spec.chat.anthropic_messages import ANTHROPIC_MESSAGES
from tracer_spec.chat.api import Api
from tracer_spec.chat.completions import CHAT_COMPLETIONS
from tracer_spec.chat.responses import RESPONSES

APIS = (CHAT_COMPLETIONS, RESPONSES, ANTHROPIC_MESSAGES)


def api_of(path: str) -> Api | None:
    """Return the API that a path belongs to, None where it is another's.

    Examples
    --------
    >>> api_of("/v1/chat/completions").name, api_of("/openai/deployments/x/chat/completions?api-version=1").name
    ('chat completions', 'chat completions')
    >>> api_of("/v1/embeddings")
    """
    end = path.partition("?")[0].rstrip("/")
    return next((api for api in APIS if end.endswith(api.path)), None)
