"""``csv``: delimited text with named columns, plain or gzip, streamed."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from tracer_spec.builtin.formats.raw import HEADER_AGAIN
from tracer_spec.builtin.sources.named_files import Paths, path_field, read_each
from tracer_spec.errors import DataError
from tracer_spec.inputs import files, streams
from tracer_spec.plugin import Options, Record

if TYPE_CHECKING:
    from _csv import Reader

UTF8 = "utf-8-sig"
# blanks, and the byte order mark of a file in the middle of another
_AROUND = " \t\ufeff"
_OPEN_QUOTE = "a quote that opens here does not close as CSV asks; reading goes on with the next line"


def _known_encoding(name: str) -> str:
    """Return the codec's own name of an encoding; UTF-8 takes a byte order mark along."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"no encoding is called '{name}'; some are: utf-8, cp1252, utf-16") from None
    return UTF8 if codec == "utf-8" else codec


def _each_once(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names a column twice: {', '.join(twice)}")
    return names


class CsvOptions(Options):
    """Options of ``csv``."""

    path: Paths = path_field(example="traces/*.csv")
    delimiter: str = Field(",", min_length=1, max_length=1, description="what separates fields; '\\t' for tabs")
    encoding: Annotated[str, AfterValidator(_known_encoding)] = Field(
        UTF8, description="the files' encoding; a byte order mark is passed over"
    )
    header: Literal[True] | Annotated[list[str], Field(min_length=1), AfterValidator(_each_once)] = Field(
        True,
        description="true: the first line names the columns; a list of names: the files have no such line",
    )
    max_field_chars: int = Field(
        16 << 20, gt=0, description="a longer field or line is a bad record; a quote closes within as many characters"
    )


@dataclass(frozen=True, slots=True)
class Csv:
    """Streams the rows of delimited files as mappings from column to string.

    A row whose quotes do not close is one bad record: the lines after the one on which its last field began are read again.
    An empty field is a missing value (None): the format has no other way to say so. Columns without a name
    are left out.
    """

    options: CsvOptions

    def records(self) -> Iterator[Record]:
        """Yield one record per row that is not blank, file by file."""
        return read_each(self.options.path, self._read, example="*.csv")

    def _read(self, stream: streams.Stream, file: files.Input) -> Iterator[Record]:
        """Yield the records of one open file."""
        # bytes that are not of the encoding become lone surrogates, so that they spoil their own row alone
        encoding = self.options.encoding
        text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
        lines = _Lines(text, self.options.max_field_chars)
        rows = csv.reader(lines, delimiter=self.options.delimiter, strict=True)
        columns = None if self.options.header is True else self.options.header
        where = f"{file.name}:1"
        try:
            if encoding == UTF8:
                files.refuse_utf16(stream, file)
            while True:
                where = lines.start(file.name)
                fields, problem = self._next(rows, lines)
                if fields is None:
                    return
                if not problem and not fields:
                    continue
                if columns is None:
                    columns = _checked(fields, problem, where)
                elif problem or (problem := _problem(fields, columns, where)):
                    yield Record(lines.where(file.name), {}, problem)
                else:
                    named = zip(columns, fields, strict=True)
                    yield Record(where, {column: field or None for column, field in named if column})
        except streams.DAMAGE:
            yield Record(where, {}, streams.CUT_SHORT)
        except UnicodeDecodeError:
            yield Record(where, {}, f"not {encoding}; nothing after it is read")
        finally:
            text.detach()

    def _next(self, rows: Reader, lines: _Lines) -> tuple[list[str] | None, str]:
        """Return the next row, None at the end, and its problem."""
        # the limit is the process's own: set for this one row, and put back
        limit_before = csv.field_size_limit(self.options.max_field_chars)
        try:
            return next(rows, None), ""
        except _LineTooLongError:
            what = f"a line longer than {self.options.max_field_chars} characters, the 'max_field_chars'"
            return [], _OPEN_QUOTE if lines.go_back() else what
        except csv.Error as error:
            return [], _OPEN_QUOTE if lines.go_back() else f"invalid CSV: {error}"
        finally:
            csv.field_size_limit(limit_before)


def _checked(header: list[str], problem: str, where: str) -> list[str]:
    """Return the columns that a header line names."""
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if not problem and twice:
        problem = f"the header names a column twice: {', '.join(twice)}"
    if not problem and not any(names):
        problem = "the header names no column"
    problem = problem or _undecodable(names)
    if problem:
        raise DataError(problem, where=where, hint="fix the first line; or, where there is none, 'header: [a, b]'")
    return names


def _problem(fields: list[str], columns: list[str], where: str) -> str:
    if _is_header_again(fields, columns, where):
        return HEADER_AGAIN
    if len(fields) != len(columns):
        return f"{len(fields)} fields where there are {len(columns)} columns"
    return _undecodable(fields)


def _is_header_again(fields: list[str], columns: list[str], where: str) -> bool:
    """Tell whether a row is the header once more, as in files that were put together; of one column it may be a text."""
    if len(columns) < 2 or len(fields) != len(columns) or fields[0].strip(_AROUND) not in columns:
        return False
    names = [each.strip(_AROUND) for each in fields]
    if names != columns and sorted(names) == sorted(columns):
        raise DataError(
            f"the columns of the header again, in another order ({', '.join(names)})",
            where=where,
            hint="files with headers of their own were put together: keep them apart, and read them by a glob",
        )
    return names == columns


def _undecodable(fields: list[str]) -> str:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return "bytes that are not of the 'encoding'"
    return ""


class _LineTooLongError(Exception):
    """A line is longer than is allowed."""


class _Lines:
    """The lines of a stream, none longer than allowed; those of the row being read can be read again."""

    def __init__(self, text: io.TextIOWrapper, max_length: int) -> None:
        self._text = text
        self._max_length = max_length
        self._number = 0
        self._first = 0
        self._row: list[str] = []
        self._again: deque[str] = deque()

    def __iter__(self) -> _Lines:
        return self

    def start(self, name: str) -> str:
        """Start a row, and return its address."""
        self._row.clear()
        self._first = self._number + 1
        return self.where(name)

    def where(self, name: str) -> str:
        """Return the address of the row; after :meth:`go_back` of the field in it that spoils it."""
        return f"{name}:{self._first}"

    def go_back(self) -> bool:
        """Go back to the line after the one on which the row's last quote opened; return whether that was another line."""
        opened, is_inside = 0, False
        for number, line in enumerate(self._row[:-1]):
            n_quotes = line.replace('""', "").count('"')
            is_inside ^= n_quotes % 2 == 1
            opened = number if is_inside and n_quotes else opened
        again = self._row[opened + 1 :]
        self._again.extendleft(reversed(again))
        self._number -= len(again)
        self._first += opened
        return bool(again)

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(self._max_length + 3)
        if not line:
            raise StopIteration
        self._number += 1
        is_too_long = len(line.rstrip("\r\n")) > self._max_length
        if is_too_long and not line.endswith(("\n", "\r")):
            while (rest := self._text.readline(1 << 20)) and not rest.endswith(("\n", "\r")):
                pass
            line += "\n"  # nothing more is to be passed over where it is read again
        self._row.append(line)
        if is_too_long:
            raise _LineTooLongError
        return line
