"""The spec that a bundle holds, as its build read it: as written, with that build's overrides."""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.errors import SpecError
from tracer_spec.spec.nodes import Node
from tracer_spec.spec.overrides import apply_overrides
from tracer_spec.spec.reader import read_yaml
from tracer_spec.spec.told_overrides import NOT_TOLD


def spec_as_built(written: bytes, overrides: Sequence[str], where: str) -> Node:
    """Return a spec with overrides, but for those whose values a bundle does not tell.

    Raises
    ------
    SpecError
        Where the spec, or an override, cannot be read.
    UnicodeDecodeError
        Where the spec is not UTF-8.

    Examples
    --------
    >>> from tracer_spec.spec.nodes import find
    >>> find(spec_as_built(b"seed: 0", ["seed=3", "zoo[0].with.C=..."], "router.yaml"), ("seed",)).text
    '3'
    """
    tree, problems = read_yaml(written.decode(), where)
    tree, found = apply_overrides(tree, [each for each in overrides if not each.endswith(NOT_TOLD)])
    if problems or found:
        raise SpecError.of((*problems, *found))
    return tree
