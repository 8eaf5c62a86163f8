"""Reads ``bundle.json``, taking nothing on trust."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from tracer_spec.errors import BundleError, printable
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import MANIFEST, REBUILD
from tracer_spec.runtime.field_rules import Rule, Shape, fields_of, shape_of
from tracer_spec.runtime.manifest import FORMAT, Manifest, version_of
from tracer_spec.runtime.strict_json import check_strings, read_json

Read = TypeVar("Read")

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
    manifest: Manifest = _object(shape_of(Manifest), document, "")
    _check_sense(manifest)
    expected = version_of(document)
    if manifest.version != expected:
        _refuse("version", f"is {manifest.version}, but the manifest's contents make it {expected}")
    return manifest


def read_shape(kind: Callable[..., Read], document: Mapping[str, Any], *, member: str, hint: str, at: str = "") -> Read:
    """Read another document that a dataclass describes as the manifest is described; ``hint`` says what to do about a bad one.

    ``at`` is where it stands inside ``member``.

    Raises
    ------
    BundleError
        Where the document breaks the description.
    """
    try:
        found: Read = _object(shape_of(kind), document, at)
    except BundleError as error:
        (problem,) = error.problems
        address = problem.address.replace(MANIFEST, member, 1)
        raise BundleError(problem.what, address=address, hint=hint) from None
    return found


def _check_format(got: object) -> None:
    if isinstance(got, int) and not isinstance(got, bool) and not 1 <= got <= FORMAT:
        newer = got > FORMAT
        raise BundleError(
            f"is of bundle format {got}; this library reads formats 1 to {FORMAT}",
            address=f"{MANIFEST} format",
            hint=UPGRADE if newer else "build it again from its router.yaml: tracer-spec build router.yaml",
        )


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
    for position, step in enumerate(manifest.extract):
        _check_step(step, f"extract[{position}]")
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


def _check_step(step: str, address: str) -> None:
    """Refuse a step that makes no sense, or that some text could keep busy."""
    from tracer_spec.text_steps import StepError  # read where it is needed: a bundle without steps starts sooner
    from tracer_spec.text_steps.cutter import compile_cut

    try:
        compile_cut(step)
    except StepError as error:
        _refuse(address, f"is {_shown(step)}, which {error}")


# --- values, by their shapes -------------------------------------------------------------------------------------------


def _value(shape: Shape, value: Any, address: str) -> Any:
    """Return a value as the shape has it."""
    if value is None and shape.optional:
        return None
    return _READERS.get(shape.kind, _object)(shape, value, address)


def _object(shape: Shape, value: Any, address: str) -> Any:
    """Read a dataclass: each key is taken with its check, and the rest are refused."""
    document, known = _mapping(value, address), fields_of(shape.kind)
    found = {}
    number = document.get("format")  # of the manifest alone
    known = {key: each for key, each in known.items() if each[1].rule.since == 1 or number != 1}
    for key, (name, field) in known.items():
        if key not in document:
            if field.rule.may_lack:
                continue
            _refuse(_at(address, key), "is missing")
        found[name] = _value(field, document[key], _at(address, key))
    if left := document.keys() - known.keys():
        _refuse(_at(address, min(left)[:80]), "is a key that this library does not know", hint=UPGRADE)
    return shape.kind(**found)


def _by_name(shape: Shape, value: Any, address: str) -> Mapping[str, Any]:
    document, rule, item = _mapping(value, address), shape.rule, shape.item
    if item is None or item.kind is object:
        return document
    for name in sorted(document):
        if len(name) > (rule.most or 0) or not re.fullmatch(rule.pattern, name):
            _refuse(f"{address}[{name[:80]!r}]", "is no name for a member of a bundle")
    if missing := [name for name in rule.required if name not in document]:
        _refuse(address, f"does not list {', '.join(missing)}")
    return {name: _value(item, document[name], _at(address, name)) for name in sorted(document)}


def _list(shape: Shape, value: Any, address: str) -> tuple[Any, ...]:
    rule, item = shape.rule, shape.item
    if not isinstance(value, list) or not _fits(len(value), rule):
        length = f"a list of {len(value)}" if isinstance(value, list) else _kind(value)
        _refuse(address, f"is {length}, not a list of {rule.least} to {rule.most}")
    if item is not None and item.kind is float:  # by the address of all: there may be millions
        return tuple(_number(item, each, address) for each in value)
    values = tuple(_value(item, each, f"{address}[{row}]") for row, each in enumerate(value) if item is not None)
    if rule.unique and len(set(values)) != len(values):
        twice = Counter(values).most_common(1)[0][0]
        _refuse(address, f"has {twice[:80]!r} twice")
    return values


def _text(shape: Shape, value: Any, address: str) -> str:
    rule = shape.rule
    if not isinstance(value, str) or not _fits(len(value), rule):
        length = "" if rule.least is None else f" of {rule.least} to {rule.most} characters"
        _refuse(address, f"is {_shown(value)}, not a text{length}")
    if rule.plain and printable(value) != value:
        _refuse(address, f"is {_shown(value)}, which is not a plain name")
    if rule.pattern and not re.fullmatch(rule.pattern, value):
        _refuse(address, f"is {_shown(value)}, which does not match {rule.pattern}")
    if rule.allowed and value not in rule.allowed:
        _refuse(address, f"is {value[:80]!r}; allowed: {', '.join(rule.allowed)}")
    return value


def _integer(shape: Shape, value: Any, address: str) -> int:
    if type(value) is not int or not _fits(value, shape.rule):
        _refuse(address, f"is {_shown(value)}, not a whole number from {shape.rule.least} to {shape.rule.most}")
    return value


def _number(shape: Shape, value: Any, address: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(address, f"is {_kind(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        _refuse(address, "is not finite")
    if not _fits(number, shape.rule):
        _refuse(address, f"is {number}, not in [{shape.rule.least}, {shape.rule.most}]")
    return number


_READERS: Mapping[Any, Callable[[Shape, Any, str], Any]] = {
    str: _text,
    int: _integer,
    float: _number,
    tuple: _list,
    Mapping: _by_name,
}


def _fits(size: float, rule: Rule) -> bool:
    return (rule.least is None or size >= rule.least) and (rule.most is None or size <= rule.most)


def _mapping(value: Any, address: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(address, f"is {_kind(value)}, not an object")
    return value


def _at(address: str, key: str) -> str:
    return f"{address}.{key}" if address else key


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
