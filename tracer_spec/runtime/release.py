"""A folder of releases: bundles under their sha256, and a pointer to the one that decides."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tracer_spec.errors import BundleError
from tracer_spec.runtime.field_rules import Rule, plain
from tracer_spec.runtime.limits import read_regular
from tracer_spec.runtime.manifest import Sha256
from tracer_spec.runtime.manifest_reader import read_shape
from tracer_spec.runtime.strict_json import canonical_json, read_json

POINTER = "release.json"
MOST_BYTES = 1 << 20
MOST_HISTORY = 10_000
SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Canary:
    """A bundle that decides a share of the requests."""

    sha256: Annotated[Sha256, "of its file"]
    share: Annotated[float, Rule(0.0, 1.0), "of the requests that it decides"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What the pointer of a folder says."""

    schema_version: Annotated[int, Rule(1, 1), "of this file"] = 1
    current: Annotated[Sha256, "of the bundle that decides"]
    canary: Annotated[Canary | None, "null where one bundle decides all requests"] = None
    history: Annotated[
        tuple[Sha256, ...], Rule(0, MOST_HISTORY), "of the bundles before, the latest last; a rollback takes one off"
    ] = ()
    mode: Annotated[
        str | None,
        Rule(allowed=(SHADOW,), may_lack=True),
        "shadow, where the teacher is to answer every request; left out where each app says",
    ] = None

    @property
    def deciding(self) -> frozenset[str]:
        """Return the digests of the bundles that decide, the canary's too."""
        return frozenset((self.current, *([self.canary.sha256] if self.canary else [])))

    def document(self) -> dict[str, Any]:
        """Return the pointer as JSON values."""
        found: dict[str, Any] = plain(self)
        return {key: value for key, value in found.items() if key != "mode" or value}

    def to_json(self) -> bytes:
        """Return the pointer's bytes: canonical JSON and a line feed."""
        return canonical_json(self.document()) + b"\n"


def bundle_place(folder: Path, sha256: str) -> Path:
    """Return where a folder keeps the bundle of this digest."""
    return folder / f"{sha256}.tracer"


def read_release(folder: Path) -> Release | None:
    """Read the pointer of a folder; None where there is none.

    Raises
    ------
    BundleError
        Where it cannot be read, or is not what ``schemas/release.v1.json`` says.
    """
    try:
        data = read_regular(folder / POINTER, MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(
            f"cannot be read: {error.strerror}",
            where=str(folder),
            address=POINTER,
            hint="check what it is, and its permissions",
        ) from None
    hint = f"move it away, and write it again: tracer-spec promote BUNDLE {os.fspath(folder)}"
    try:
        return read_shape(Release, read_json(data, member=POINTER, max_bytes=MOST_BYTES), member=POINTER, hint=hint)
    except BundleError as error:
        (problem,) = error.problems
        raise BundleError(problem.what, where=str(folder), address=problem.address, hint=hint) from None
