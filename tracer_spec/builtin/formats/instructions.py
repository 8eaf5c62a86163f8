"""The system's prompt of logs that a map of one's own reads: it stands in the conversation that the text is read from."""

from __future__ import annotations

import json

from tracer_spec.chat.reading import CONVERSATIONS
from tracer_spec.errors import SpecError
from tracer_spec.expressions.reads_answer import keys_read


def instructions_beside(text: str) -> str | None:
    """Return the expression of the system's prompt, given that of the text; None where the text is read from no conversation.

    Examples
    --------
    >>> instructions_beside("asked(request)"), instructions_beside("body.messages[-1].content")
    ('instructed("request")', 'instructed("body")')
    >>> instructions_beside("input") is None
    True
    """
    try:
        read = keys_read(text)
    except SpecError:  # said with its address where the format is compiled
        return None
    wholes = set()
    for keys in read:
        at = next((place for place, key in enumerate(keys) if key in CONVERSATIONS), len(keys))
        if at < len(keys) or "asked(" in text:
            wholes.add(".".join(map(json.dumps, keys[:at])) or "@")
    found = [f"instructed({each})" for each in sorted(wholes)]
    return found[0] if len(found) == 1 else f"not_null({', '.join(found)})" if found else None
