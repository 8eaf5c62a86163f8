"""The manifest ``bundle.json`` as frozen data; :mod:`.manifest_reader` reads it.

Format 2; format 1 is the same without ``extract``, ``answers`` and ``serve``. Unknown keys are errors everywhere but inside
``embedder.options`` and ``provenance``, which are free JSON: they inform people, and nothing at run time depends on them. See
``docs/bundle.md`` for what may change under one format number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeAlias

from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import MEMBER_NAME, REQUIRED
from tracer_spec.runtime.field_rules import Rule, fields_of, plain
from tracer_spec.runtime.strict_json import canonical_json

FORMAT = 2
"""The newest. A bundle is written in the oldest format that can say what it holds, so that older readers read it.

A change is breaking where a reader of this number would refuse or misread the bundle: a key of ``bundle.json`` (but inside
``provenance`` and ``embedder.options``), a member, an input or output of the graph, the encoding of the file. To make one,
raise the number, generate ``schemas/bundle.vN.json``, commit a bundle as ``tests/runtime/data/format-N.tracer``, and have
:func:`.read_manifest` still read the numbers before, or name the command that brings their bundles up to date. The
committed bundles of all numbers stay in the tests for ever. What else may change is not breaking; see ``docs/bundle.md``.
"""
VERSION_CHARACTERS = 12
OURS, LSA, CONCAT = "tracer-spec", "lsa", "concat"


_HEX = "^[0-9a-f]{{{}}}$"
_PLUGIN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$"

Text: TypeAlias = Annotated[str, Rule(1, 100_000)]
Name: TypeAlias = Annotated[str, Rule(1, 200, plain=True)]
Sha256: TypeAlias = Annotated[str, Rule(pattern=_HEX.format(64))]
# these three end in the hint 'pip install DISTRIBUTION==VERSION': nothing a shell could mistake
Plugin: TypeAlias = Annotated[str, Rule(1, 200, _PLUGIN)]
Distribution: TypeAlias = Annotated[str, Rule(1, 200, _PLUGIN)]
Release: TypeAlias = Annotated[str, Rule(1, 200, r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
Moment: TypeAlias = Annotated[str, Rule(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
CutStep: TypeAlias = Annotated[str, Rule(1, limits.CUT_CHARACTERS)]
AnswerStep: TypeAlias = Annotated[str, Rule(1, limits.STEP_CHARACTERS)]
Serving: TypeAlias = Annotated[str, Rule(1, limits.SERVING_CHARACTERS)]
Vector: TypeAlias = Annotated[tuple[float, ...], Rule(0, limits.DIMENSION)]


@dataclass(frozen=True, slots=True)
class Probe:
    """Texts with the vectors they must give, so that an embedder is known by what it does."""

    texts: Annotated[tuple[Annotated[str, Rule(0, 100_000)], ...], Rule(1, limits.PROBES), "what is embedded"]
    vectors: Annotated[tuple[Vector, ...], Rule(1, limits.PROBES), "what must come out, to 1e-4"]


@dataclass(frozen=True, slots=True)
class PartIdentity:
    """Which embedder it is, alone or as a part of one; never a class to import."""

    use: Annotated[Plugin, "the plugin's name"]
    distribution: Annotated[Distribution, "who ships the plugin"]
    version: Annotated[Release, "the distribution's"]
    options: Annotated[Mapping[str, Any], "the plugin's options that decide the vectors; never where it runs"]
    fingerprint: Annotated[str, Rule(0, 200), "the function text to vector"]

    def is_ours(self, name: str) -> bool:
        """Return whether it is the built-in plugin of this name."""
        return self.use == name and normal_name(self.distribution) == OURS

    @property
    def same_release(self) -> str:
        """Return the command that installs the plugin."""
        return f"pip install {self.distribution}=={self.version}"


@dataclass(frozen=True, slots=True)
class EmbedderIdentity(PartIdentity):
    """Which embedder the policy was built on; never a class to import."""

    probe: Annotated[Probe | None, "null where the app brings vectors"]


def normal_name(distribution: str) -> str:
    """Return a distribution's name as PyPA's name normalisation writes it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True, slots=True)
class Alias:
    """An answer, after the steps, that means another label."""

    answer: str
    label: Text


@dataclass(frozen=True, slots=True)
class Answers:
    """How the teacher's answers become labels: ``traces.labels`` of the spec."""

    normalize: Annotated[tuple[AnswerStep, ...], Rule(0, limits.ANSWER_STEPS), "steps, in order"]
    aliases: Annotated[tuple[Alias, ...], Rule(0, limits.LABELS)]


@dataclass(frozen=True, slots=True)
class Serve:
    """How requests to a chat API are told to be the router's, and answered: ``serve`` of the spec."""

    match: Annotated[Serving | None, "JMESPath over a request's body, true of the router's own"]
    text: Annotated[Serving | None, "JMESPath of the text; null for the last message of the user"]
    answer: Annotated[Serving | None, "the answer, with {label} in it; null for what the steps make a label of"]


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage of the policy, by the names of its parts."""

    surrogate: Name
    acceptor: Name | None
    guards: Annotated[tuple[Name, ...], Rule(0, limits.STAGES)]
    threshold: Annotated[
        float | None,
        Rule(0.0, 1.0),
        "the least acceptance score that is handled; null where there is no acceptor",
    ]


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """What ``policy.onnx`` decides by."""

    family: Name
    stages: Annotated[tuple[StageSummary, ...], Rule(1, limits.STAGES), "in the order they are tried"]
    defer_labels: Annotated[
        tuple[Text, ...], Rule(0, limits.LABELS, unique=True), "labels that the policy never answers"
    ] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """The size and sha256 of one member."""

    n_bytes: Annotated[int, Rule(0, limits.BUNDLE_BYTES, key="bytes")]
    sha256: Sha256

    @classmethod
    def of(cls, content: bytes) -> Member:
        """Measure a member."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself.

    Notes
    -----
    ``version`` is the first 12 hexadecimal digits of the sha256 of the canonical manifest without ``version`` and
    ``created``, which pins every member by its digest. Version and members are empty until :meth:`sealed`.
    """

    format: Annotated[int, Rule(1, FORMAT), "of this file; another number, another schema"] = 1
    name: Annotated[Name, "the router's"]
    version: Annotated[str, Rule(pattern=_HEX.format(VERSION_CHARACTERS)), "pins all contents"] = ""
    created: Annotated[Moment | None, "UTC, from SOURCE_DATE_EPOCH"] = None
    status: Annotated[str, Rule(allowed=("certified", "uncertified", "draft")), "only what is certified routes unasked"]
    spec_digest: Annotated[Sha256, "sha256 of the spec"]
    labels: Annotated[tuple[Text, ...], Rule(1, limits.LABELS, unique=True), "by the index that the graph answers with"]
    dimension: Annotated[int, Rule(1, limits.DIMENSION), "the length of a vector"]
    extract: Annotated[
        tuple[CutStep, ...],
        Rule(0, limits.CUTS, since=2),
        "steps that take a text out of its prompt before it is embedded",
    ] = ()
    answers: Annotated[Answers | None, Rule(since=2), "how the teacher's answers become labels"] = None
    serve: Annotated[
        Serve | None,
        Rule(since=2, may_lack=True),
        "how requests are told to be the router's; left out where nothing is said",
    ] = None
    embedder: EmbedderIdentity
    policy: PolicySummary
    provenance: Annotated[Mapping[str, Any], "free JSON for people: traces, plugins, libraries, seed"]
    members: Annotated[
        Mapping[str, Member],
        Rule(most=limits.MEMBER_NAME_CHARACTERS, pattern=f"^(?:{MEMBER_NAME})$", required=REQUIRED),
        "every other file of the bundle",
    ] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return ``bundle.json``: canonical JSON and a line feed. Equal manifests give equal bytes."""
        return canonical_json(self.document()) + b"\n"

    def sealed(self, members: Mapping[str, bytes]) -> Manifest:
        """Return this manifest with every member's size and digest, and the version that they make."""
        format_ = 2 if self.extract or self.answers is not None or self.serve is not None else 1
        pinned = replace(self, format=format_, members={name: Member.of(members[name]) for name in sorted(members)})
        return replace(pinned, version=version_of(pinned.document()))

    def document(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        known, values = fields_of(Manifest), plain(self)
        return {
            key: values[key]
            for key, (_, shape) in known.items()
            if shape.rule.since <= self.format and not (shape.rule.may_lack and values[key] is None)
        }


def version_of(document: Mapping[str, Any]) -> str:
    """Return the version that a manifest's document must carry."""
    pinned = {key: value for key, value in document.items() if key not in ("version", "created")}
    return hashlib.sha256(canonical_json(pinned)).hexdigest()[:VERSION_CHARACTERS]
