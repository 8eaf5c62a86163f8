"""One complete plugin of each kind: what ``tracer-spec plugins new`` writes, and what docs/plugins.md shows."""
