"""Reads ``bundle.json``, taking nothing on trust."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from tracer_spec.errors import BundleError, printable
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import MANIFEST, REQUIRED, is_member_name
from tracer_spec.runtime.manifest import (
    FORMAT,
    STATUSES,
    EmbedderIdentity,
    Manifest,
    Member,
    PolicySummary,
    Probe,
    StageSummary,
    version_of,
)
from tracer_spec.runtime.strict_json import check_strings, read_json

T = TypeVar("T")

SHA256 = r"^[0-9a-f]{64}$"
VERSION = r"^[0-9a-f]{12}$"
CREATED = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
# these three end in the hint 'pip install DISTRIBUTION==VERSION': nothing a shell could mistake
DISTRIBUTION = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$"
RELEASE = r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$"
PLUGIN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$"
MAX_TEXT = 100_000
MAX_NAME = 200

REBUILD = "fetch the bundle again, or build it again with 'tracer-spec build'"
UPGRADE = "this bundle is newer than the library: pip install -U tracer-spec"


def read_manifest(data: bytes) -> Manifest:
    """Read ``bundle.json``.

    Raises
    ------
    BundleError
        Where it is of another format, breaks the schema, contradicts itself, or is not what its version
        was made of.
    """
    document = read_json(data, member=MANIFEST, max_bytes=limits.MANIFEST_BYTES)
    _check_format(document.get("format"))
    top = _Fields(document, "")
    manifest = Manifest(
        format=top.integer("format", least=FORMAT, most=FORMAT),
        name=top.name("name"),
        version=top.text("version", pattern=VERSION),
        created=top.optional("created", lambda key: top.text(key, pattern=CREATED)),
        status=top.one_of("status", STATUSES),
        spec_digest=top.text("spec_digest", pattern=SHA256),
        labels=top.texts("labels", least=1, most=limits.LABELS, unique=True),
        dimension=top.integer("dimension", least=1, most=limits.DIMENSION),
        embedder=_embedder(top.fields("embedder")),
        policy=_policy(top.fields("policy")),
        provenance=top.mapping("provenance"),
        members=_members(top.fields("members")),
    )
    top.close()
    _check_sense(manifest)
    expected = version_of(document)
    if manifest.version != expected:
        _refuse("version", f"is {manifest.version}, but the manifest's contents make it {expected}")
    return manifest


def _check_format(got: object) -> None:
    if isinstance(got, int) and not isinstance(got, bool) and got != FORMAT:
        newer = got > FORMAT
        raise BundleError(
            f"is of bundle format {got}; this library reads format {FORMAT}",
            address=f"{MANIFEST} format",
            hint=UPGRADE if newer else "build it again from its router.yaml: tracer-spec build router.yaml",
        )


def _embedder(fields: _Fields) -> EmbedderIdentity:
    identity = EmbedderIdentity(
        use=fields.text("use", pattern=PLUGIN, most=MAX_NAME),
        distribution=fields.text("distribution", pattern=DISTRIBUTION, most=MAX_NAME),
        version=fields.text("version", pattern=RELEASE, most=MAX_NAME),
        options=fields.mapping("options"),
        fingerprint=fields.text("fingerprint", least=0, most=MAX_NAME),
        probe=fields.optional("probe", lambda key: _probe(fields.fields(key))),
    )
    fields.close()
    return identity


def _probe(fields: _Fields) -> Probe:
    probe = Probe(
        texts=fields.texts("texts", least=1, most=limits.PROBES, empty=True),
        vectors=fields.items("vectors", lambda row: row.numbers, least=1, most=limits.PROBES),
    )
    fields.close()
    return probe


def _policy(fields: _Fields) -> PolicySummary:
    summary = PolicySummary(
        family=fields.name("family"),
        stages=fields.items("stages", lambda item: _stage(item.fields), least=1, most=limits.STAGES),
        defer_labels=fields.texts("defer_labels", least=0, most=limits.LABELS, unique=True),
    )
    fields.close()
    return summary


def _stage(fields: _Fields) -> StageSummary:
    stage = StageSummary(
        surrogate=fields.name("surrogate"),
        acceptor=fields.optional("acceptor", fields.name),
        guards=fields.items("guards", lambda item: item.name, least=0, most=limits.STAGES),
        threshold=fields.optional("threshold", lambda key: fields.number(key, least=0.0, most=1.0)),
    )
    fields.close()
    return stage


def _members(fields: _Fields) -> dict[str, Member]:
    members = {}
    for name in fields.keys:
        if name == MANIFEST or not is_member_name(name):
            _refuse(f"members[{name[:80]!r}]", "is no name for a member of a bundle")
        one = fields.fields(name)
        members[name] = Member(
            one.integer("bytes", least=0, most=limits.BUNDLE_BYTES), one.text("sha256", pattern=SHA256)
        )
        one.close()
    missing = [name for name in REQUIRED if name not in members]
    if missing:
        _refuse("members", f"does not list {', '.join(missing)}")
    return members


def _check_sense(manifest: Manifest) -> None:
    """Check what ties one part of a manifest to another, and what is printed of its free part."""
    told = {key: value for key, value in manifest.provenance.items() if key != "overrides"}  # as somebody wrote them
    check_strings(told, member=MANIFEST, at="provenance")
    strangers = set(manifest.policy.defer_labels).difference(manifest.labels)
    if strangers:
        _refuse("policy.defer_labels", f"names {min(strangers)[:80]!r}, which is not a label")
    for position, stage in enumerate(manifest.policy.stages):
        if (stage.acceptor is None) != (stage.threshold is None):
            _refuse(f"policy.stages[{position}].threshold", "is null exactly where there is no acceptor")
    probe = manifest.embedder.probe
    if probe is None:
        return
    if len(probe.texts) != len(probe.vectors):
        _refuse("embedder.probe", f"has {len(probe.texts)} texts and {len(probe.vectors)} vectors")
    for row, vector in enumerate(probe.vectors):
        if len(vector) != manifest.dimension:
            _refuse(
                f"embedder.probe.vectors[{row}]",
                f"has {len(vector)} numbers; the dimension is {manifest.dimension}",
            )


class _Fields:
    """A JSON object being read: each key is taken with its check, and :meth:`close` refuses the rest."""

    def __init__(self, document: object, address: str) -> None:
        if not isinstance(document, dict):
            _refuse(address, f"is {_kind(document)}, not an object")
        self._document: dict[str, Any] = document
        self._address = address
        self._left = set(document)

    @property
    def keys(self) -> list[str]:
        return sorted(self._document)

    def close(self) -> None:
        if self._left:
            _refuse(self._at(min(self._left)[:80]), "is a key that this library does not know", hint=UPGRADE)

    def text(self, key: str, *, pattern: str = "", least: int = 1, most: int = MAX_TEXT) -> str:
        return _text(self._take(key), self._at(key), pattern, least, most)

    def name(self, key: str) -> str:
        return _name(self._take(key), self._at(key))

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            _refuse(self._at(key), f"is {value[:80]!r}; allowed: {', '.join(allowed)}")
        return value

    def integer(self, key: str, *, least: int, most: int) -> int:
        value = self._take(key)
        if type(value) is not int or not least <= value <= most:
            _refuse(self._at(key), f"is {_shown(value)}, not a whole number from {least} to {most}")
        return value

    def number(self, key: str, *, least: float, most: float) -> float:
        value = _number(self._take(key), self._at(key))
        if not least <= value <= most:
            _refuse(self._at(key), f"is {value}, not in [{least}, {most}]")
        return value

    def texts(self, key: str, *, least: int, most: int, unique: bool = False, empty: bool = False) -> tuple[str, ...]:
        shortest = 0 if empty else 1
        values = self.items(
            key, lambda item: _text(item.value, item.address, "", shortest, MAX_TEXT), least=least, most=most
        )
        if unique and len(set(values)) != len(values):
            twice = Counter(values).most_common(1)[0][0]
            _refuse(self._at(key), f"has {twice[:80]!r} twice")
        return values

    def items(self, key: str, read: Callable[[_Item], T], *, least: int, most: int) -> tuple[T, ...]:
        values = self._take(key)
        if not isinstance(values, list) or not least <= len(values) <= most:
            length = f"a list of {len(values)}" if isinstance(values, list) else _kind(values)
            _refuse(self._at(key), f"is {length}, not a list of {least} to {most}")
        return tuple(read(_Item(value, f"{self._at(key)}[{row}]")) for row, value in enumerate(values))

    def mapping(self, key: str) -> dict[str, Any]:
        value = self._take(key)
        if not isinstance(value, dict):
            _refuse(self._at(key), f"is {_kind(value)}, not an object")
        return value

    def fields(self, key: str) -> _Fields:
        return _Fields(self._take(key), self._at(key))

    def optional(self, key: str, read: Callable[[str], T]) -> T | None:
        if key in self._document and self._document[key] is None:
            self._left.discard(key)
            return None
        return read(key)

    def _take(self, key: str) -> Any:
        if key not in self._document:
            _refuse(self._at(key), "is missing")
        self._left.discard(key)
        return self._document[key]

    def _at(self, key: str) -> str:
        return f"{self._address}.{key}" if self._address else key


class _Item:
    """An item of a JSON list, with its address."""

    def __init__(self, value: object, address: str) -> None:
        self.value = value
        self.address = address

    @property
    def fields(self) -> _Fields:
        return _Fields(self.value, self.address)

    @property
    def name(self) -> str:
        return _name(self.value, self.address)

    @property
    def numbers(self) -> tuple[float, ...]:
        if not isinstance(self.value, list) or len(self.value) > limits.DIMENSION:
            _refuse(self.address, f"is {_kind(self.value)}, not a list of at most {limits.DIMENSION} numbers")
        return tuple(_number(value, self.address) for value in self.value)


def _text(value: object, address: str, pattern: str, least: int, most: int) -> str:
    if not isinstance(value, str) or not least <= len(value) <= most:
        _refuse(address, f"is {_shown(value)}, not a text of {least} to {most} characters")
    if pattern and not re.fullmatch(pattern, value):
        _refuse(address, f"is {_shown(value)}, which does not match {pattern}")
    return value


def _name(value: object, address: str) -> str:
    """Return a name, which is printed as it is."""
    text = _text(value, address, "", 1, MAX_NAME)
    if printable(text) != text:
        _refuse(address, f"is {_shown(text)}, which is not a plain name")
    return text


def _number(value: object, address: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(address, f"is {_kind(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        _refuse(address, "is not finite")
    return number


def _shown(value: object) -> str:
    """Show a scalar, cut short; of anything else, its kind."""
    text = (
        repr(value) if isinstance(value, str | float) or (type(value) is int and abs(value) < 10**30) else _kind(value)
    )
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}[type(value)]


def _refuse(address: str, what: str, *, hint: str = REBUILD) -> NoReturn:
    raise BundleError(what, address=f"{MANIFEST} {address}".rstrip(), hint=hint)
