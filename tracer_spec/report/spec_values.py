"""The spec inside a bundle as plain data. No variable is expanded, so that no secret can be in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tracer_spec.errors import BundleError, SpecError
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.archive import SPEC
from tracer_spec.spec.as_built import spec_as_built
from tracer_spec.spec.nodes import Items, Node, Pairs, Path, Scalar, child
from tracer_spec.spec.overrides import split_override
from tracer_spec.spec.told_overrides import NOT_TOLD

_LISTED = 8


def spec_values(bundle: Bundle) -> dict[str, str]:
    """Return every value of the spec as built, by address.

    Overrides of the build are applied, but for those that the bundle only names (options of plugins). A plugin of a list
    goes by its alias, so that one more in front moves no other; a long list goes item by item.
    """
    overrides = bundle.manifest.provenance.get("overrides", [])
    told = [each for each in overrides if isinstance(each, str)] if isinstance(overrides, list) else []
    try:
        tree = spec_as_built(bundle.members[SPEC], told, SPEC)
        untold = [split_override(each.removesuffix("...")) for each in told if each.endswith(NOT_TOLD)]
    except (KeyError, UnicodeDecodeError, SpecError):
        hint = "build the bundle again with 'tracer-spec build'"
        raise BundleError("cannot be read", address=SPEC, hint=hint) from None
    hidden = {_shown_at(tree, path): "given by --set, not told" for path, _ in untold}
    above = tuple(f"{address}{mark}" for address in hidden for mark in ".[")
    return {at: text for at, text in _values(tree, "") if not at.startswith(above)} | hidden


def _values(node: Node, address: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Scalar):
        yield address, node.text
    elif isinstance(node, Pairs):
        for key, entry in node.entries.items():
            yield from _values(entry.node, f"{address}.{key}" if address else key)
    elif _is_told_by_item(node, address):
        for item, at in zip(node.items, _addresses(node, address), strict=True):
            yield from _values(item, at)
    elif len(node.items) > _LISTED:
        yield from ((f"{address}[{_text(item)}]", "listed") for item in node.items)
    else:
        yield address, f"[{', '.join(_text(item) for item in node.items)}]"


def _is_told_by_item(node: Items, address: str) -> bool:
    return any(isinstance(item, Pairs) for item in node.items) or address in ("traces", "zoo", "families", "guards")


def _addresses(node: Items, address: str) -> list[str]:
    """Return the addresses of a list's items: by the plugins' aliases, and by their numbers where two have the same."""
    names = [_name(item, index) for index, item in enumerate(node.items)]
    if address == "traces" or len(set(names)) < len(names):
        return [f"{address}[{index}]" for index in range(len(names))]
    return [f"{address}.{name}" for name in names]


def _name(item: Node, index: int) -> str:
    entries = item.entries if isinstance(item, Pairs) else {}
    name = (
        item if isinstance(item, Scalar) else next((entries[key].node for key in ("as", "use") if key in entries), None)
    )
    return name.text if isinstance(name, Scalar) else str(index)


def _shown_at(tree: Node, path: Path) -> str:
    """Return the address under which the value at a path is told."""
    shown = ""
    here: Node | None = tree
    for segment in path:
        below = None if here is None else child(here, segment)
        if isinstance(here, Items) and isinstance(segment, int) and below and _is_told_by_item(here, shown):
            shown = _addresses(here, shown)[segment]
        elif isinstance(segment, int):
            shown = f"{shown}[{segment}]"
        else:
            shown = f"{shown}.{segment}" if shown else segment
        here = below
    return shown


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else json.dumps(_data(node))


def _data(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [_data(item) for item in node.items]
    return {key: _data(entry.node) for key, entry in node.entries.items()}
