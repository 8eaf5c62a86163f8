"""``json``: JSON files, plain or compressed: an object, objects one after another, or a list of them, item by item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from tracer_spec.builtin.sources.json_values import read_values
from tracer_spec.builtin.sources.named_files import Paths, path_field, read_each
from tracer_spec.inputs import files
from tracer_spec.inputs.streams import Stream
from tracer_spec.plugin import Options, Record


class JsonOptions(Options):
    """Options of ``json``."""

    path: Paths = path_field(example="results.json")
    max_value_chars: int = Field(256 << 20, gt=0, description="a longer object, or item of a list, is a bad record")


@dataclass(frozen=True, slots=True)
class JsonDocuments:
    """Streams the objects that JSON files hold, one after another or in lists.

    A list is never held whole: memory is bounded by its largest item. Where JSON breaks off, reading goes on at the next
    line that starts with an object.
    """

    options: JsonOptions

    def records(self) -> Iterator[Record]:
        """Yield one record per object; an address is ``file``, ``file:line``, or ``file[3]``, counted from 0, in a list."""
        return read_each(self.options.path, self._read, example="*.json")

    def _read(self, stream: Stream, file: files.Input) -> Iterator[Record]:
        """Yield the records of one open file."""
        files.refuse_utf16(stream, file)
        return read_values(stream, file.name, max_chars=self.options.max_value_chars, option="max_value_chars")
