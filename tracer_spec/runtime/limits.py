"""How large a bundle and its parts may be. Checked before anything of that size is allocated or parsed."""

from __future__ import annotations

MIB = 1024 * 1024

BUNDLE_BYTES = 512 * MIB
MANIFEST_BYTES = 16 * MIB
DOCUMENT_BYTES = 64 * MIB
MEMBERS = 256
MEMBER_NAME_CHARACTERS = 200

JSON_DEPTH = 32
LABELS = 100_000
DIMENSION = 65_536
STAGES = 64
PROBES = 64

GRAPH_DEPTH = 16

CHUNK_ROWS = 1024
"""Rows per call of the graph, so that a batch of any size takes bounded memory, and stays in the processor's cache."""
