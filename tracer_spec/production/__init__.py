"""A bundle in production: which requests are audited, and the log of what was decided."""
