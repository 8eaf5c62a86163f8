"""The contract of a trace source."""

from __future__ import annotations

import gc
import itertools
import unittest
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracer_spec.errors import DataError
from tracer_spec.plugin import Record
from tracer_spec.testing.contract import Contract


class SourceContract(Contract):
    r"""What every source promises. Say in ``options`` or ``prepare`` where it finds a few records, at least two.

    Attributes
    ----------
    expected : sequence of mapping, optional
        The data of those records, in their order.
    missing : mapping, optional
        Options that name what does not exist.

    Examples
    --------
    >>> import json
    >>> class TestJsonLines(SourceContract):
    ...     plugin = "jsonl"
    ...     missing = {"path": "nothing-here.jsonl"}
    ...     expected = [{"input": "a"}, {"input": "b"}]
    ...     def prepare(self, folder):
    ...         lines = [json.dumps(row) for row in self.expected]
    ...         (folder / "traces.jsonl").write_text("\n".join(lines))
    ...         return {"path": "traces.jsonl"}
    """

    kind = "source"
    expected: Sequence[Mapping[str, Any]] | None = None
    missing: Mapping[str, Any] | None = None

    def _all(self) -> list[Record]:
        return self.kept("records", lambda: list(self.made().records()))

    def test_it_streams(self) -> None:
        """records() gives an iterator that reads as it goes; whoever stops early leaves nothing open."""
        records = self.made().records()
        self.require(
            isinstance(records, Iterator) and not type(records).__name__.startswith(("list", "tuple")),
            f"records() gives a {type(records).__name__}",
            fix="write records as a generator: yield one Record at a time, and hold no more than a batch",
        )
        first = list(itertools.islice(records, 1))
        close = getattr(records, "close", None)
        if close is not None:
            close()
        del records
        gc.collect()  # a file left open warns when it is collected, and pytest -W error makes that a failure
        self.require(first == self._all()[:1], "the first record differs from run to run", fix="keep a stable order")

    def test_every_record_has_an_address_and_data(self) -> None:
        """A Record has where, as file:line or file#row, one of its own; a good one has data, a bad one says its problem."""
        records = self._all()
        self.require(
            len(records) >= 2, f"it gives {len(records)} records", fix="let options or prepare point at two or more"
        )
        for each in records:
            self.require(
                isinstance(each, Record)
                and isinstance(each.where, str)
                and bool(each.where)
                and "\n" not in each.where,
                f"it yields {each!r:.120}",
                fix="yield tracer_spec.plugin.Record(where, data), where on one line: messages point there",
            )
            self.require(
                isinstance(each.data, Mapping) and all(isinstance(key, str) for key in each.data),
                f"the data of {each.where} are {type(each.data).__name__}",
                fix="give a mapping with strings as keys, as JSON has them",
            )
            self.require(
                not each.data if each.problem else True,
                f"{each.where} has a problem and data",
                fix="leave data empty where a record could not be read",
            )
        places = [each.where for each in records]
        self.require(
            len(set(places)) == len(places), "two records have one address", fix="count lines or rows in where"
        )

    def test_reading_again_gives_the_same_records(self) -> None:
        """The order is stable: reading twice, from one source or from two, gives equal records."""
        source = self.made()
        self.require(
            list(source.records()) == list(source.records()) == self._all(),
            "reading again gives other records",
            fix="start at the beginning in each call of records(), and sort what has no order, such as files of a glob",
        )

    def test_it_gives_the_records_that_are_there(self) -> None:
        """Where ``expected`` is said: the data are those, in that order."""
        if self.expected is None:
            raise unittest.SkipTest("the contract does not say what records to expect")
        got = [dict(each.data) for each in self._all()]
        wanted = [dict(each) for each in self.expected]
        first = next((i for i, (one, other) in enumerate(itertools.zip_longest(got, wanted)) if one != other), None)
        self.require(
            first is None,
            f"{len(got)} records, {len(wanted)} expected; they differ from number {first} on",
            fix="yield one record a line or row, with its values as JSON has them",
        )

    def test_what_does_not_exist_is_a_data_error(self) -> None:
        """Where ``missing`` is said: what keeps it from starting raises DataError with what is wrong and what to do."""
        if self.missing is None:
            raise unittest.SkipTest("the contract names no options for what does not exist")
        try:
            list(self.made(self.missing).records())
        except DataError:
            return
        self.require(False, "it reads what does not exist", fix="raise tracer_spec.errors.DataError(what, hint=...)")
