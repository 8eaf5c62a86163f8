"""Lines of router.yaml by address, such as ``zoo[1].use``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracer_spec.errors import SpecError


@dataclass(frozen=True, slots=True)
class SpecLines:
    """The places of a spec file.

    Parameters
    ----------
    file : str
        As it was named on the command line.
    places : mapping of str to (int, int)
        Address to line and column; of a key where there is one, else of the value.
    learners : mapping of str to str
        What a surrogate of the zoo is called, to its address.
    """

    file: str
    places: Mapping[str, tuple[int, int]] = field(repr=False)
    learners: Mapping[str, str] = field(repr=False)

    def find(self, address: str) -> tuple[str, int, int]:
        """Return file, line and column of an address, or of its nearest parent that is written; a learner is ``zoo.NAME``."""
        address = self.learners.get(address.removeprefix("zoo."), address) if address.startswith("zoo.") else address
        while address and address not in self.places:
            address = address[: max(address.rfind("."), address.rfind("["), 0)]
        return (self.file, *self.places.get(address, (1, 1)))


def read_lines(spec: str, overrides: Sequence[str] = ()) -> SpecLines | None:
    """Return the places of a spec, whose zoo an override may give; None where there is no such file, or it is not YAML."""
    from pathlib import Path

    from tracer_spec.spec import load_spec
    from tracer_spec.spec.load import read_text
    from tracer_spec.spec.reader import read_yaml

    try:
        root, _ = read_yaml(read_text(Path(spec), spec), spec)
    except SpecError:
        return None
    learners = {}
    with contextlib.suppress(SpecError):
        zoo = load_spec(spec, overrides=overrides).spec.zoo
        learners = {each.alias: f"zoo[{number}]" for number, each in enumerate(zoo)}
    return SpecLines(spec, dict(_places(root, ())), learners)


def _places(node: object, path: tuple[str | int, ...]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the address and place of whatever stands below a node."""
    from tracer_spec.spec.nodes import Items, Pairs, address

    if isinstance(node, Pairs):
        for key, entry in node.entries.items():
            yield address((*path, key)), (entry.place.line, entry.place.column)
            yield from _places(entry.node, (*path, key))
    elif isinstance(node, Items):
        for number, item in enumerate(node.items):
            yield address((*path, number)), (item.place.line, item.place.column)
            yield from _places(item, (*path, number))
