"""The type of an option that names a local file."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, ValidationInfo


def _resolve(value: str, info: ValidationInfo) -> str:
    if not value or "\0" in value:
        raise ValueError("a path cannot be empty" if not value else "a path cannot hold a NUL character")
    root = (info.context or {}).get("root")
    if root is None or value == "-" or "://" in value:
        return value
    return os.path.join(root, value)  # noqa: PTH118 - a pattern or a trailing slash must come through as it is


RESOLVES = AfterValidator(_resolve)
LocalPath: TypeAlias = Annotated[str, RESOLVES]
"""A path, or a glob pattern, relative to the spec's folder: options declare it, the plan resolves it.

It stays a ``str``. ``-`` (standard input) and URLs (anything with ``://``) stay as they are, and so does an
absolute path. The folder comes from ``model_validate(data, context={"root": folder})``; without one the path
stays as it is.

Examples
--------
>>> from tracer_spec.plugin import Options
>>> class JsonlOptions(Options):
...     path: LocalPath
>>> JsonlOptions.model_validate({"path": "traces/*.jsonl"}, context={"root": "/srv/app"}).path
'/srv/app/traces/*.jsonl'
>>> JsonlOptions.model_validate({"path": "s3://bucket/traces"}, context={"root": "/srv/app"}).path
's3://bucket/traces'
"""
