"""What the names of fields say about what is in them: never enough alone, and what decides between fields that look alike."""

from __future__ import annotations

import re

from tracer_spec.builtin.formats.native import TEXT_KEYS
from tracer_spec.expressions.functions import LABEL_KEYS

TEXTS = frozenset((*TEXT_KEYS, "message", "utterance", "body", "content", "request", "sentence", "comment", "email"))
LABELS = frozenset(
    (
        *LABEL_KEYS,
        "prediction",
        "predicted",
        "category",
        "class",
        "topic",
        "response",
        "completion",
        "result",
        "tag",
        "classification",
        "classified",
        "verdict",
        "decision",
        "pred",
    )
)
TRUTHS = frozenset(
    ("truth", "ground", "gold", "human", "expected", "reference", "annotation", "annotated", "correct", "target")
)
TIMES = frozenset(("time", "timestamp", "ts", "date", "created", "datetime", "at", "when"))
MODELS = frozenset(("model", "engine", "deployment"))
# of a prompt: a version alone may be that of the app
VERSION = frozenset(("prompt", "template", "version", "revision"))
IDS = frozenset(("id", "uuid", "guid", "key"))
GROUPS = frozenset(("user", "customer", "session", "conversation", "thread", "tenant", "account"))
OTHERS = frozenset(
    (*MODELS, *GROUPS, "version", "score", "confidence", "language", "lang", "locale", "source", "environment", "env",
     "status", "level", "type", "kind", "role", "region", "channel", "object", "finish", "reason", "stop", "operation",
     "priority", "split", "cached", "stream", "url", "method", "name", "tokens", "usage", "cost", "latency", "duration",
     "host", "hostname", "server", "node", "pod")
)  # fmt: skip
# what belongs to the request, and what to the response
ASKING = frozenset(("request", "requested", "req", "asked", "input", "inputs"))
ANSWERING = frozenset(("response", "resp", "answered", "output", "outputs", "used", "served", "actual"))
# the two parts of a mail or a ticket, which belong together
HEADS, BODIES = (
    frozenset(("subject", "title", "summary")),
    frozenset(("body", "description", "content", "message", "text")),
)


def words_of(key: str) -> frozenset[str]:
    """Return the words of a key, lower case.

    Examples
    --------
    >>> sorted(words_of("customerID")), sorted(words_of("LLM category"))
    (['customer', 'id'], ['category', 'llm'])
    """
    return frozenset(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).lower()))


def says(words: frozenset[str], names: frozenset[str]) -> float:
    """Return how far a name speaks for a meaning, from 0 to 2."""
    return 2.0 if words and words <= names else float(bool(words & names))
