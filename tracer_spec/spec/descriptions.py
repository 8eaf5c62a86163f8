"""The file of descriptions: what each label is for, in a sentence."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tracer_spec.errors import SpecError
from tracer_spec.spec.fields import MAX_SENTENCE
from tracer_spec.spec.labels import check_place
from tracer_spec.spec.load import read_text
from tracer_spec.spec.nodes import Pairs, Scalar, as_written, is_typed, quoted
from tracer_spec.spec.reader import read_yaml


def read_descriptions(path: Path, shown: str, *, root: Path | None = None) -> dict[str, str]:
    """Return the sentence of each label in a file, in its order; ``shown`` is its name in messages.

    The file is a mapping, in YAML or JSON: ``card_arrival: the customer asks when a card arrives``. ``root`` is the folder that
    it must lie in.

    Raises
    ------
    SpecError
        Where the file cannot be read, is no such mapping, or describes a label twice.
    """
    check_place(path, shown, path.parent if root is None else root)
    tree, problems = read_yaml(read_text(path, shown), shown)
    if problems:
        raise SpecError.of(tuple(problems))
    if not isinstance(tree, Pairs):
        hint = "write 'label: what it is for', one a line"
        raise SpecError(f"the file is {as_written(tree)}, not a mapping", where=shown, hint=hint)
    described: dict[str, str] = {}
    for label, sentence in _sentences(tree):
        if label in described:
            raise SpecError(f"the label {quoted(label)} is described twice", where=shown)
        described[label] = sentence
    if not described:
        raise SpecError("the file describes no label", where=shown, hint="write 'label: what it is for', one a line")
    return described


def _sentences(tree: Pairs) -> Iterator[tuple[str, str]]:
    """Yield each label with its sentence."""
    for written, entry in tree.entries.items():
        node, where = entry.node, str(entry.place)
        if not isinstance(node, Scalar) or is_typed(node) or not node.text.strip():
            fact = f"what {quoted(written)} is for is {as_written(node)}, not a sentence"
            raise SpecError(fact, where=where, hint="write it in quotes")
        if len(node.text) > MAX_SENTENCE:
            raise SpecError(f"what {quoted(written)} is for takes more than {MAX_SENTENCE:,} characters", where=where)
        yield unicodedata.normalize("NFC", written), node.text
