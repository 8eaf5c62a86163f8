"""``router.lock``: the looks at the certify rows, and what the last certified bundle was made from and came to.

Version 1. A change is breaking where a release that reads this number would refuse or misread the file. Keys that a
release does not know stay as they are, so that a lock may pass through an older one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from tracer_spec.flow.documents.certificate import Estimate
from tracer_spec.flow.documents.document import (
    Count,
    Flag,
    Inside,
    Number,
    Part,
    Share,
    Sometimes,
    Text,
    Whole,
    json_schema,
)
from tracer_spec.plugin import Candidate, Measure

LOCK_VERSION = 1
HASH_BYTES = 8


def _packed(rows: frozenset[int]) -> str:
    return base64.b64encode(b"".join(row.to_bytes(HASH_BYTES, "big") for row in sorted(rows))).decode()


def _unpacked(rows: object) -> object:
    if not isinstance(rows, str):
        return rows
    packed = base64.b64decode(rows, validate=True)
    if len(packed) % HASH_BYTES:
        raise ValueError(f"is no whole number of hashes of {HASH_BYTES} bytes")
    return frozenset(int.from_bytes(packed[at : at + HASH_BYTES], "big") for at in range(0, len(packed), HASH_BYTES))


Sketch: TypeAlias = Annotated[
    frozenset[Annotated[int, Field(strict=True, ge=0, lt=1 << (8 * HASH_BYTES))]],
    BeforeValidator(_unpacked),
    PlainSerializer(_packed),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
Sha256: TypeAlias = Annotated[str, Field(strict=True, pattern="^[0-9a-f]{64}$")]
Head: TypeAlias = Annotated[str, Field(strict=True, pattern="^[0-9a-f]{12}$")]
Told: TypeAlias = Annotated[
    Flag | Whole | Number | str,
    Field(
        description="a number, true, false or a plugin's name as it is; any other text or list as the head of its sha256; "
        "'not told' where it comes from the environment, or is an option that --set gave"
    ),
]


class Entry(Part):
    """Part of a lock: keys of later releases stay as they are."""

    model_config = ConfigDict(extra="allow")


class Series(Entry):
    """Looks at certify rows that overlap."""

    builds: tuple[Text, ...] = Field(description="the digest of what each look tested, in order")
    sketch: Sketch = Field(
        description="the smallest hashes of the rows looked at, 64 bits each, big-endian: at most 8,192 even ones, of "
        "ids, and as many odd ones, of contents",
        repr=False,
    )

    def overlaps(self, rows: frozenset[int]) -> bool:
        """Return whether another sketch shares an id, or a content, with this one."""
        return not self.sketch.isdisjoint(rows)


class FittedEntry(Entry):
    """Which rows builds and drafts have fitted: they never certify."""

    told_apart_by: Head = Field(
        description="the head of the digest of what tells rows apart, and of what may certify: id, text, vector, conditions"
    )
    share: Inside | None = Field(default=None, description="the smallest share that a random split kept to certify")
    groups: Mapping[str, Inside] = Field(
        default_factory=dict, description="the smallest share of groups kept to certify, by what they are groups of"
    )
    until: Number | Literal["all"] | None = Field(default=None, description="up to this time every row has been fitted")
    newest: Number | Literal["unknown"] = Field(description="the newest time of a row that was dealt out")
    looked_until: Number | None = Field(
        default=None, description="the newest time of a row when certify rows were last opened"
    )
    routed_from: Sometimes[Number] = Field(
        default=None,
        description="since when a router keeps requests from the teacher: rows of other logs are no sample then",
    )
    ahead: Sometimes[Sketch] = Field(
        default=None,
        description="the hashes of rows that were dated ahead of the clock of the build that first read them",
        repr=False,
    )
    left_out: Sometimes[Count] = Field(
        default=None, description="the most traces that 'traces.max_rows' left out when rows were dealt out"
    )
    rows: Sketch = Field(
        description="the smallest hashes of the rows dealt out: 256 even ones, of ids, and 256 odd ones, of contents",
        repr=False,
    )


class SpecEntry(Entry):
    """The spec, by its digest and key by key."""

    digest: Sha256
    keys: Mapping[str, Told]


class TracesEntry(Entry):
    """The traces, and what became of them."""

    digest: Sha256
    read: Count
    kept: Count
    dropped: Mapping[str, Count] = Field(description="by reason")
    fit: Count
    certify: Count
    fresh_after: Sometimes[Number] = Field(
        default=None, description="with strategy fresh: rows after this time certify"
    )


class EmbedderEntry(Entry):
    """Which function from text to vector it is."""

    fingerprint: str
    vectors: Sometimes[Head] = Field(
        default=None, description="of vectors that come with the traces: the head of their digest"
    )


class CertificateEntry(Entry):
    """Of the certificate; the rest of it is in the bundle."""

    status: Literal["certified"]
    claim: Text
    measure: Measure
    target: Inside
    confidence: Inside | None
    look: Annotated[Whole, Field(ge=1)] | None
    level: Inside | None
    n: Count
    k: Count
    p_value: Share | None
    estimate: Estimate


class StageEntry(Entry):
    """One stage of a policy, by the names of its parts."""

    surrogate: Text
    acceptor: Text | None
    guards: tuple[Text, ...]
    threshold: Number | None


class PolicyEntry(Entry):
    """A policy by its family and its stages."""

    family: Text
    stages: tuple[StageEntry, ...] = Field(min_length=1)

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """Describe the policy of a candidate."""
        stages = tuple(
            StageEntry(
                surrogate=stage.surrogate.name,
                acceptor=stage.acceptor.name if stage.acceptor else None,
                guards=tuple(fence.guard.name for fence in stage.fences),
                threshold=stage.threshold if stage.acceptor else None,
            )
            for stage in candidate.policy
        )
        return cls(family=candidate.family, stages=stages)


class BundleEntry(Entry):
    """The bundle that was written."""

    sha256: Sha256 = Field(description="of the whole file")
    version: Head
    created: str | None
    members: Mapping[str, Head] = Field(description="each member but bundle.json, by the head of its sha256")


class Inputs(Entry):
    """What a build is made from, as far as it is known before anything is embedded or trained."""

    spec: SpecEntry
    seed: Whole
    traces: TracesEntry
    plugins: Mapping[str, Text] = Field(description="'KIND NAME' to the distribution that ships it, with its version")
    libraries: Mapping[str, Text] = Field(description="what the bytes of a bundle depend on")
    files: Sometimes[Mapping[str, Head]] = Field(
        default=None,
        description="the key of a spec that names a file, such as that of labels, to the head of what it holds",
    )


class DealtEntry(Entry):
    """How rows were dealt out once a build had split its own: the same build deals them out so again."""

    share: Inside | None
    groups: Mapping[str, Inside]
    until: Number | Literal["all"] | None
    newest: Number | Literal["unknown"]
    routed_from: Sometimes[Number] = None
    ahead: Sometimes[Sketch] = Field(default=None, repr=False)


class Build(Inputs):
    """What the last certified bundle was made from, and came to."""

    embedder: EmbedderEntry
    certificate: CertificateEntry
    policy: PolicyEntry
    bundle: BundleEntry
    dealt: Sometimes[DealtEntry] = Field(
        default=None,
        description="as under 'fitted', when it was built: what came later does not keep it from being built again",
    )


class LockDocument(Entry):
    """A lock."""

    lock: Literal[1] = 1
    looks: tuple[Series, ...] = Field(
        description="looks at certify rows that overlap, a series each: to take one out is to forget looks",
    )
    fitted: Sometimes[FittedEntry] = Field(default=None, description="what builds and drafts have dealt out and fitted")
    build: Sometimes[Build] = Field(
        default=None, description="what the last certified bundle was made from, and came to"
    )

    def to_json(self) -> bytes:
        """Return it as the file holds it: sorted keys, a line a value, so that a review shows what changed."""
        return json.dumps(self.document(), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def schema_document(cls) -> dict[str, Any]:
        """Return its JSON Schema; keys of later releases may stand at its top."""
        comment = "Keys of later releases may stand beside these, and stay as they are."
        schema = json_schema(cls, "router.lock of tracer-spec, version 1", comment)
        del schema["additionalProperties"]
        return schema
