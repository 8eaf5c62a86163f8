"""Limits of a bundle and its parts, checked before anything of that size is allocated or parsed; and files read within one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MIB = 1024 * 1024

BUNDLE_BYTES = 512 * MIB
MANIFEST_BYTES = 16 * MIB
DOCUMENT_BYTES = 16 * MIB
MEMBERS = 256
MEMBER_NAME_CHARACTERS = 200

JSON_DEPTH = 32
JSON_ITEMS = 1_000_000
"""Members and elements of one document: a few bytes of JSON can be a hundred bytes in memory."""
LABELS = 100_000
DIMENSION = 65_536
STAGES = 64
CUTS = 8
CUT_CHARACTERS = 2000
"""Steps that take a text out of its prompt, and the characters of each: those of a spec (``text_steps``)."""
ANSWER_STEPS = 64
STEP_CHARACTERS = 10_000
"""Steps from the teacher's answer to a label, and the characters of each."""
SERVING_CHARACTERS = 2000
"""Of each expression, and of the answer, by which requests are served."""
PROBES = 64

GRAPH_DEPTH = 16
GRAPH_FIELDS = 200_000
"""Nodes, names, constants, attributes and descriptions of one graph together."""
TENSOR_FIELDS = 256
STRING_BYTES = 15
"""Of a text in an attribute: a copy of one needs no memory beyond what every text takes."""
TREE_DEPTH = 1000
TREE_NODES = 2_000_000
ROWS_AT_LOAD = 8
"""Rows per call of the graph while it is checked."""
GRAPH_ELEMENTS = 1 << 24
"""Elements of all values that a graph makes of so many rows, those that depend on constants alone included."""
BATCH_ELEMENTS = 1 << 29
"""The same for a whole chunk of a batch."""
GRAPH_OPERATIONS = 500_000_000
"""Elements read and written, and a quarter of the multiplications, for so many rows."""

CHUNK_ROWS = 1024
"""Rows per call of the graph, so that a batch of any size takes bounded memory, and stays in the processor's cache."""


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return the whole of a regular file.

    Raises
    ------
    OSError
        Where it cannot be read, is a folder, a pipe, a socket or a device, or has more bytes than that.
    """
    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes:,} bytes", str(path))
    return data


def without_waiting(path: str, flags: int) -> int:
    """Open a file, for ``open(opener=)``; a pipe that nobody writes to is opened too, to be refused, instead of waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
