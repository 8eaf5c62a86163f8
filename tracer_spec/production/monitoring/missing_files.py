"""Files that a log has lost, by the numbers that a deployment gives to the files it writes one after another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tracer_spec.production.monitoring.state import ReadFile

_NAME = re.compile(r"decisions-\d{4}-\d\d-\d\d-([0-9a-f]{12})-(\d{4,})\.jsonl(?:\.gz)?")


def gaps(paths: Sequence[Path], before: Sequence[ReadFile], *, is_begun: bool) -> Iterator[tuple[Path, int]]:
    """Yield each new file that others should stand before, and how many of these are missing.

    Parameters
    ----------
    paths : sequence of Path
        The files that are there.
    before : sequence of ReadFile
        The files that earlier runs have read.
    is_begun : bool
        Whether there were earlier runs. They may have read a writer's files that nobody remembers: of a writer that is new
        to a log that is followed already, nothing is missing.
    """
    known = _by_writer([Path(each.path) for each in before])
    for writer, files in _by_writer(paths).items():
        old = known.get(writer, {})
        last = min((*old, *files)) - 1 if is_begun else 0
        for number in sorted({*old, *files}):
            if number > last + 1 and number not in old:
                yield files[number], number - last - 1
            last = number


def _by_writer(paths: Sequence[Path]) -> dict[str, dict[int, Path]]:
    """Return the files that deployments wrote, by the random part of their names and by their numbers."""
    writers: dict[str, dict[int, Path]] = {}
    for path in paths:
        if found := _NAME.fullmatch(path.name):
            writers.setdefault(found[1], {}).setdefault(int(found[2]), path)
    return writers
