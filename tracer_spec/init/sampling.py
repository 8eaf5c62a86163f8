"""A sample of the records of files: drawn from many, since logs are often sorted."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracer_spec.init.files import SourceGuess
from tracer_spec.plugin import Record
from tracer_spec.plugin.registry import find_plugins

# records looked at, and those read to find them; of each file a share
SAMPLED, READ = 400, 20_000
# records by which traces are counted; all of a large file would take too long
COUNTED = 100_000
# files looked into, and records of each at least
_FILES, _FEWEST_OF_A_FILE = 200, 4


@dataclass(frozen=True, slots=True)
class Sample:
    """Some records of one or more files.

    Parameters
    ----------
    paths : tuple of str
        Files or globs, as a spec would name them.
    records : tuple of Record
        Spread over the first ones of each file.
    is_whole : bool
        Whether these are all records there are.
    """

    paths: tuple[str, ...]
    source: SourceGuess
    records: tuple[Record, ...] = field(repr=False)
    is_whole: bool

    def again(self, *, joined: bool = False) -> Iterator[Record]:
        """Yield the records of all files, up to the number that is counted; all of them where they are joined to others."""
        return itertools.islice(records_of(self.paths, self.source), None if joined else COUNTED)

    def has_more(self) -> bool:
        """Tell whether there are more records than are counted."""
        return next(itertools.islice(records_of(self.paths, self.source), COUNTED, None), None) is not None


def records_of(paths: Sequence[str], source: SourceGuess) -> Iterator[Record]:
    """Yield the records of files, as the source of a spec would."""
    plugin = find_plugins().get("source", source.use).plugin
    given = {"path": list(paths) if len(paths) > 1 else paths[0], **source.options}
    options = plugin.options.model_validate(given, context={"root": Path.cwd()})
    records: Iterator[Record] = plugin.make(options).records()
    return records


def take_sample(paths: Sequence[str], files: Sequence[str], source: SourceGuess) -> Sample:
    """Take a sample of the files that ``paths`` name.

    Raises
    ------
    DataError
        Where a file cannot be read.
    """
    some = files if len(files) <= _FILES else [files[place * len(files) // _FILES] for place in range(_FILES)]
    size, most = max(_FEWEST_OF_A_FILE, SAMPLED // len(some)), max(_FEWEST_OF_A_FILE, READ // len(some))
    taken: list[Record] = []
    is_whole = len(some) == len(files)
    for file in some:
        records, n_read = spread(itertools.islice(records_of([file], source), most), size)
        taken += records
        is_whole = is_whole and n_read == len(records) and n_read < most
    return Sample(tuple(paths), source, tuple(taken), is_whole)


def spread(records: Iterable[Record], size: int) -> tuple[list[Record], int]:
    """Return at most ``size`` of the records in their order, each as likely as another, and how many there were.

    Notes
    -----
    In one pass, with never more than ``size`` records in memory (algorithm R), and the same ones every time. At equal
    distances, a log that goes round its labels would show one of them.

    References
    ----------
    Jeffrey S. Vitter, "Random sampling with a reservoir", ACM Transactions on Mathematical Software 11(1), 1985.
    """
    chance = random.Random(0).random  # noqa: S311 - chance, not secrecy
    kept: list[tuple[int, Record]] = []
    n = 0
    for record in records:
        if n < size:
            kept.append((n, record))
        elif (place := int(chance() * (n + 1))) < size:
            kept[place] = (n, record)
        n += 1
    return [record for _, record in sorted(kept, key=lambda each: each[0])], n
