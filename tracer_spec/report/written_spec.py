"""The spec inside a bundle as plain data. No variable is expanded, so that no secret can be in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tracer_spec.errors import BundleError, SpecError
from tracer_spec.runtime import Bundle
from tracer_spec.runtime.archive import SPEC
from tracer_spec.spec.nodes import Items, Node, Pairs, Scalar
from tracer_spec.spec.overrides import apply_overrides
from tracer_spec.spec.reader import read_yaml
from tracer_spec.spec.told_overrides import NOT_TOLD

_LISTED = 8


def written_spec(bundle: Bundle) -> dict[str, str]:
    """Return every value of the spec as built, by address.

    Overrides of the build are applied, but for those that the bundle only names (options of plugins). A plugin of a list
    goes by its alias, so that one more in front moves no other; a long list goes item by item.
    """
    overrides = bundle.manifest.provenance.get("overrides", [])
    told = [each for each in overrides if isinstance(each, str)] if isinstance(overrides, list) else []
    try:
        tree, problems = read_yaml(bundle.members[SPEC].decode(), SPEC)
        tree, found = apply_overrides(tree, [each for each in told if not each.endswith(NOT_TOLD)])
        if problems or found:
            raise SpecError.of((*problems, *found))
    except (KeyError, UnicodeDecodeError, SpecError):
        hint = "build the bundle again with 'tracer-spec build'"
        raise BundleError("cannot be read", address=SPEC, hint=hint) from None
    hidden = {each.removesuffix(NOT_TOLD): "given by --set, not told" for each in told if each.endswith(NOT_TOLD)}
    return dict(_values(tree, "")) | hidden


def _values(node: Node, address: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Scalar):
        yield address, node.text
    elif isinstance(node, Pairs):
        for key, entry in node.entries.items():
            yield from _values(entry.node, f"{address}.{key}" if address else key)
    elif address == "traces":  # two sources may be of one plugin
        for index, item in enumerate(node.items):
            yield from _values(item, f"{address}[{index}]")
    elif any(isinstance(item, Pairs) for item in node.items) or address in ("zoo", "families", "guards"):
        for index, item in enumerate(node.items):
            yield from _item(item, address, index)
    elif len(node.items) > _LISTED:
        yield from ((f"{address}[{_text(item)}]", "listed") for item in node.items)
    else:
        yield address, f"[{', '.join(_text(item) for item in node.items)}]"


def _item(item: Node, address: str, index: int) -> Iterator[tuple[str, str]]:
    """Yield what is written of one plugin of a list, or of any other mapping."""
    if isinstance(item, Scalar):
        yield f"{address}.{item.text}", item.text
        return
    entries = item.entries if isinstance(item, Pairs) else {}
    name = next((entries[key].node for key in ("as", "use") if key in entries), None)
    yield from _values(item, f"{address}.{name.text if isinstance(name, Scalar) else index}")


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else json.dumps(_data(node))


def _data(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [_data(item) for item in node.items]
    return {key: _data(entry.node) for key, entry in node.entries.items()}
