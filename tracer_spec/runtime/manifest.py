"""The manifest ``bundle.json`` as frozen data; :mod:`.manifest_reader` reads it.

Format 1. Unknown keys are errors everywhere but inside ``embedder.options`` and ``provenance``, which are
free JSON: they inform people, and nothing at run time depends on them. See ``docs/bundle.md`` for what may
change under one format number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tracer_spec.runtime.strict_json import canonical_json

FORMAT = 1
"""Of every bundle that is written.

A change is breaking where a reader of this number would refuse or misread the bundle: a key of ``bundle.json`` (but inside
``provenance`` and ``embedder.options``), a member, an input or output of the graph, the encoding of the file. To make one,
raise the number, generate ``schemas/bundle.vN.json``, commit a bundle as ``tests/runtime/data/format-N.tracer``, and have
:func:`.read_manifest` still read the numbers before, or name the command that brings their bundles up to date. The
committed bundles of all numbers stay in the tests for ever. What else may change is not breaking; see ``docs/bundle.md``.
"""
STATUSES = ("certified", "draft")
VERSION_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Probe:
    """Texts with the vectors they must give, so that an embedder is known by what it does.

    Parameters
    ----------
    texts : tuple of str, length m
    vectors : tuple of (tuple of float, length d), length m
    """

    texts: tuple[str, ...]
    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Which embedder the policy was built on; never a class to import.

    Parameters
    ----------
    use : str
        The plugin's name.
    distribution, version : str
        Who ships the plugin.
    options : mapping
        The plugin's options that decide the vectors, as JSON; never where it runs.
    fingerprint : str
        The function text to vector.
    probe : Probe or None
        None where the app brings vectors.
    """

    use: str
    distribution: str
    version: str
    options: Mapping[str, Any]
    fingerprint: str
    probe: Probe | None


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage of the policy, by the names of its parts.

    Parameters
    ----------
    surrogate : str
    acceptor : str or None
        None where the stage takes whatever its guards let pass.
    guards : tuple of str
    threshold : float or None
        The least acceptance score that is handled, in [0, 1]; None where there is no acceptor.
    """

    surrogate: str
    acceptor: str | None
    guards: tuple[str, ...]
    threshold: float | None


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """What ``policy.onnx`` decides by: its family, its stages in order, the labels it may never answer."""

    family: str
    stages: tuple[StageSummary, ...]
    defer_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """The size and sha256 of one member."""

    n_bytes: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Member:
        """Measure a member."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Parameters
    ----------
    name : str
        The router's.
    status : str
        ``certified`` or ``draft``.
    spec_digest : str
        sha256 of the spec, 64 hexadecimal digits.
    labels : tuple of str, length k
        By the index that the graph answers with.
    dimension : int
        d, the length of a vector.
    embedder : EmbedderIdentity
    policy : PolicySummary
    provenance : mapping
        Free JSON: the traces' digest and counts, plugins, libraries and the seed.
    created : str or None
        ``YYYY-MM-DDTHH:MM:SSZ``, from ``SOURCE_DATE_EPOCH``.
    members : mapping of str to Member
        Every other member; empty until :meth:`sealed`.
    version : str
        The first 12 hexadecimal digits of the sha256 of the canonical manifest without ``version`` and
        ``created``, which pins every member by its digest; empty until :meth:`sealed`.
    format : int
    """

    name: str
    status: str
    spec_digest: str
    labels: tuple[str, ...]
    dimension: int
    embedder: EmbedderIdentity
    policy: PolicySummary
    provenance: Mapping[str, Any]
    created: str | None = None
    members: Mapping[str, Member] = field(default_factory=dict)
    version: str = ""
    format: int = FORMAT

    def to_json(self) -> bytes:
        """Return ``bundle.json``: canonical JSON and a line feed. Equal manifests give equal bytes."""
        return canonical_json(self.document()) + b"\n"

    def sealed(self, members: Mapping[str, bytes]) -> Manifest:
        """Return this manifest with every member's size and digest, and the version that they make."""
        pinned = replace(self, members={name: Member.of(members[name]) for name in sorted(members)})
        return replace(pinned, version=version_of(pinned.document()))

    def document(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        probe = self.embedder.probe
        return {
            "format": self.format,
            "name": self.name,
            "version": self.version,
            "created": self.created,
            "status": self.status,
            "spec_digest": self.spec_digest,
            "labels": list(self.labels),
            "dimension": self.dimension,
            "embedder": {
                "use": self.embedder.use,
                "distribution": self.embedder.distribution,
                "version": self.embedder.version,
                "options": dict(self.embedder.options),
                "fingerprint": self.embedder.fingerprint,
                "probe": probe and {"texts": list(probe.texts), "vectors": [list(vector) for vector in probe.vectors]},
            },
            "policy": {
                "family": self.policy.family,
                "stages": [
                    {
                        "surrogate": stage.surrogate,
                        "acceptor": stage.acceptor,
                        "guards": list(stage.guards),
                        "threshold": stage.threshold,
                    }
                    for stage in self.policy.stages
                ],
                "defer_labels": list(self.policy.defer_labels),
            },
            "provenance": dict(self.provenance),
            "members": {
                name: {"bytes": member.n_bytes, "sha256": member.sha256} for name, member in self.members.items()
            },
        }


def version_of(document: Mapping[str, Any]) -> str:
    """Return the version that a manifest's document must carry."""
    pinned = {key: value for key, value in document.items() if key not in ("version", "created")}
    return hashlib.sha256(canonical_json(pinned)).hexdigest()[:VERSION_CHARACTERS]
