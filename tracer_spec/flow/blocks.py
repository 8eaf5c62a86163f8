"""Blocks of vectors: any number of rows in bounded memory, one block at a time."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.plugin import Vectors

ROWS_PER_BLOCK = 65_536


class Blocks:
    """Blocks of vectors, float32 and all of one dimension, to be read as often as wanted.

    A single one stays in memory; more go to a file in the folder for temporary files, which has no name and goes with the
    process. Where there is no room for it, a DataError says so.
    """

    def __init__(self, blocks: Iterable[Vectors]) -> None:
        self._in_memory: list[Vectors] = []
        self._file: IO[bytes] | None = None
        self._n_rows: list[int] = []
        self.dimension = 0
        try:
            for block in blocks:
                self._add(block)
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            raise DataError(
                f"the vectors of the certify rows cannot be kept: {(error.strerror or str(error)).lower()}",
                hint="make room in the folder for temporary files (TMPDIR)",
            ) from None

    def __iter__(self) -> Iterator[Vectors]:
        if self._file is None:
            yield from self._in_memory
            return
        self._file.seek(0)
        for n_rows in self._n_rows:
            content = self._file.read(n_rows * self.dimension * 4)
            yield np.frombuffer(content, np.float32).reshape(n_rows, self.dimension)

    def _add(self, block: Vectors) -> None:
        if self._n_rows and block.shape[1] != self.dimension:
            raise DataError(f"vectors of {block.shape[1]} dimensions follow vectors of {self.dimension}")
        self.dimension = block.shape[1]
        self._n_rows.append(len(block))
        self._in_memory.append(block)
        if len(self._n_rows) == 1:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed, and so deleted, with this object
            weakref.finalize(self, self._file.close)
        while self._in_memory:
            self._file.write(np.ascontiguousarray(self._in_memory.pop(0), np.float32).data)
