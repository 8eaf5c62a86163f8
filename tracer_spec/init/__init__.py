"""A first spec: a file of traces looked at, and a router.yaml written for it."""
