"""The canonical form of a spec, and its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tracer_spec.spec.model import RouterSpec


def canonical(spec: RouterSpec) -> dict[str, Any]:
    """Return the spec as plain data under its YAML keys, with every default written out."""
    return spec.model_dump(mode="json", by_alias=True)


def sources_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources of traces in a canonical spec."""
    traces: list[dict[str, Any]] | dict[str, Any] = document["traces"]
    return traces if isinstance(traces, list) else [traces]


def spec_digest(spec: RouterSpec) -> str:
    """Return the sha256, in hex, of the canonical spec.

    It covers values after expansion and overrides, defaults too; not comments, layout or the order of keys, nor
    where the traces lie (``traces.with``), so that two machines agree: what the traces hold has a digest of its
    own. Secrets are not in it: a spec names them by reference (``api_key_env: NAME``).
    """
    document = canonical(spec)
    if document["serve"] is None:  # a key younger than digests, as below
        del document["serve"]
    for source in sources_of(document):
        source.pop("with", None)
        for younger in ("extract", "max_rows"):  # keys younger than digests: without them, they stay what they were
            if not source[younger]:
                del source[younger]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
