"""``tracer-spec serve``: certified routers in front of an OpenAI-compatible API."""
