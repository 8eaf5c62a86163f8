"""Lines of router.yaml by address, such as ``zoo[1].use``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_spec.errors import SpecError

if TYPE_CHECKING:
    from tracer_spec.spec.nodes import Node


@dataclass(frozen=True, slots=True)
class SpecLines:
    """The places of a spec file.

    Parameters
    ----------
    file : str
        As it was named on the command line.
    root : Node
        What is written in it.
    learners : mapping of str to str
        What a surrogate of the zoo is called, to its address.
    """

    file: str
    root: Node = field(repr=False)
    learners: Mapping[str, str] = field(repr=False)

    def find(self, address: str) -> tuple[str, int, int]:
        """Return file, line and column of an address, by its key, or of its nearest parent that is written.

        A learner is ``zoo.NAME``.
        """
        from tracer_spec.spec.nodes import key_place, path_of

        address = self.learners.get(address.removeprefix("zoo."), address) if address.startswith("zoo.") else address
        place = key_place(self.root, path_of(self.root, address))
        return (self.file, place.line, place.column)


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
    return SpecLines(spec, root, learners)
