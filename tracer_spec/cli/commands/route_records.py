"""Reads requests for ``tracer-spec route`` as the build read its traces: by the spec inside the bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.cli.commands.route_lines import CHUNK_LINES, Reader, Request, to_request
from tracer_spec.fresh.file_endings import is_parquet
from tracer_spec.fresh.spec_of_bundle import source_of, text_at, traces_spec

if TYPE_CHECKING:
    from tracer_spec.runtime import Bundle
    from tracer_spec.spec.nodes import Node


def spec_reader(bundle: Bundle, tree: Node) -> Reader:
    """Return what turns a record into requests, as the spec's ``traces.format`` says."""
    from tracer_spec.builtin.formats import find_format
    from tracer_spec.builtin.formats.requests import request_reader

    chosen = find_format(traces_spec(bundle, tree).layout)
    column = text_at(tree, "embedder", "with", "column") or chosen.embedding or "embedding"
    text = "" if chosen.text == find_format("native").text else chosen.text or ""
    return Reader(request_reader(replace(chosen, embedding=column)), text, column)


def read_table(bundle: Bundle, tree: Node, path: str, read: Reader, dimension: int) -> Iterator[list[Request]]:
    """Yield the requests of a CSV, Parquet or JSON file, a chunk at a time."""
    requests = _requests(bundle, tree, path, read, dimension)
    while chunk := list(islice(requests, CHUNK_LINES)):
        yield chunk


def _requests(bundle: Bundle, tree: Node, path: str, read: Reader, dimension: int) -> Iterator[Request]:
    for record in source_of(bundle, path, tree).records():
        if record.problem:
            yield Request(record.where, {}, problem=record.problem)
            continue
        found = read.requests(record.where, record.data, dimension)
        if len(found) == 1 and found[0].problem and is_parquet(path):
            found = [_of_null(found[0], record.data, read, dimension)]
        yield from found


def _of_null(request: Request, row: Mapping[str, Any], read: Reader, dimension: int) -> Request:
    """Return what a row asks whose text, or vector, is null: a blank, which is deferred as with ``--out``."""
    filled = {column: "" if value is None else value for column, value in row.items()}
    (asked,) = read.read(filled)
    again = to_request(request.where, asked, dimension)
    if again.text == "" and not again.problem:
        return replace(again, head=request.head)
    is_null = filled != row and asked.get("embedding") == ""
    return Request(request.where, request.head, vector=np.full(dimension, np.nan, np.float32)) if is_null else request
