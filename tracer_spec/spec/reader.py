"""YAML text, which may be hostile, as a tree of :mod:`~tracer_spec.spec.nodes`.

The parser's event stream is read instead of its composed nodes: events come one at a time, so that depth,
size and aliases are bounded *before* they cost memory or stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from tracer_spec.errors import Problem, SpecError
from tracer_spec.spec.nodes import Entry, Items, Node, Pairs, Place, Scalar, quoted
from tracer_spec.spec.scalars import SURROGATE

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 100_000

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    place: Place
    anchor: str | None
    first: int
    height: int = 1
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] | None = None
    key: tuple[str, Place] | None = None
    skipped: bool = False


def read_yaml(text: str, file: str, *, override: bool = False) -> tuple[Node, list[Problem]]:
    """Return the root of one document, and what is wrong without making the rest unreadable: duplicate keys, tags, merge keys.

    Parameters
    ----------
    text : str
        The YAML.
    file : str
        What places are reported under.
    override : bool
        Whether ``file`` names an override, whose text has no lines worth counting.

    Raises
    ------
    SpecError
        Where the text is not one YAML document within bounds: depth 64, 100,000 values after aliases.
    """
    builder = _Builder(file, override)
    bad = _NOT_YAML.search(text)
    if bad:
        line = text.count("\n", 0, bad.start())
        place = builder.place(line, bad.start() - (text.rfind("\n", 0, bad.start()) + 1))
        builder.fail(place, f"the character U+{ord(bad[0]):04X} is not allowed in YAML")
    try:
        for event in yaml.parse(text, Loader=_FAST):
            builder.take(event)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        builder.fail_syntax(text, _in_plain_words(text, error, _Builder(file, override)))
    if builder.root is None:
        builder.fail(Place(file), "the file is empty", hint="start with 'version: 1'")
    return builder.root, builder.problems


class _Builder:
    """Builds the tree from parser events, without recursion."""

    def __init__(self, file: str, override: bool) -> None:
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self._file = file
        self._override = override
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._n_values = 0

    def place(self, line: int, column: int) -> Place:
        """Return a place from the parser's counts, which start at 0."""
        return Place(self._file) if self._override else Place(self._file, line + 1, column + 1)

    def fail(self, place: Place, what: str, hint: str = "") -> NoReturn:
        """Raise with all that was found so far."""
        raise SpecError.of((*self.problems, Problem(str(place), what, hint)))

    def fail_syntax(self, text: str, error: Exception) -> NoReturn:
        """Raise what the parser says, with a hint for the traps people fall into."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is None:
            self.fail(Place(self._file), "not YAML: an escape or a directive is out of range")
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        said = " ".join(str(part) for part in (error.problem, error.context) if part)  # type: ignore[attr-defined]
        self.fail(self.place(mark.line, mark.column), f"not YAML: {said}", _syntax_hint(said, line))

    def take(self, event: Any) -> None:
        """Take the next event."""
        place = self.place(event.start_mark.line, event.start_mark.column)
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self.fail(place, "a second document starts here", "a spec is one document: take out the '---'")
        if isinstance(event, yaml.AliasEvent):
            self._take_alias(event.anchor, place)
        elif isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event, place)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._enter(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._leave()

    def _take_scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        self._check_tag(event.tag, place)
        if SURROGATE.search(event.value):
            self.fail(place, "an escape names half a surrogate pair, which is no character")
        plain = not event.style  # the two parsers say '' and None
        if self._awaits_key():
            self._take_key(event.value, plain, place)
            return
        self._count(1, place)
        node = Scalar(place, event.value, plain)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1, 0)
        self._put(node, 0)

    def _take_key(self, key: str, plain: bool, place: Place) -> None:
        top = self._open[-1]
        assert top.entries is not None  # noqa: S101 - only mappings await keys
        top.key, top.skipped = (key, place), False
        if plain and key == "<<":
            self._note(place, "merge keys ('<<') are not part of YAML 1.2", "write the keys out")
            top.skipped = True
        elif plain and key == "":
            self._note(place, "a key is missing before ':'")
            top.skipped = True
        elif key in top.entries:
            before = top.entries[key].place
            first = f"first given on line {before.line}" if before.line else "given twice"
            self._note(place, f"the key {quoted(key)} is given again; it was {first}", "keep one of them")
            top.skipped = True

    def _take_alias(self, anchor: str | None, place: Place) -> None:
        if self._awaits_key():
            self.fail(place, f"the alias '*{anchor}' cannot be a key", "write the key out")
        if anchor is None or anchor not in self._anchors:
            inside = any(frame.anchor == anchor for frame in self._open)
            unknown = f"no anchor '&{anchor}' comes before this alias"
            self.fail(place, f"the alias '*{anchor}' stands inside of what it names" if inside else unknown)
        node, n_values, height = self._anchors[anchor]
        self._count(n_values, place)
        self._check_depth(height, place)
        self._put(node, height)

    def _enter(self, event: Any, place: Place) -> None:
        self._check_tag(event.tag, place)
        if self._awaits_key():
            self.fail(place, "a key is a list or a mapping", "a key must be a string")
        self._check_depth(1, place)
        self._count(1, place)
        entries: dict[str, Entry] | None = {} if isinstance(event, yaml.MappingStartEvent) else None
        self._open.append(_Open(place, event.anchor, self._n_values - 1, entries=entries))

    def _leave(self) -> None:
        done = self._open.pop()
        node: Node = Items(done.place, tuple(done.items)) if done.entries is None else Pairs(done.place, done.entries)
        if done.anchor:
            self._anchors[done.anchor] = (node, self._n_values - done.first, done.height)
        self._put(node, done.height)

    def _put(self, node: Node, height: int) -> None:
        """Give a finished value to what is open around it."""
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        top.height = max(top.height, height + 1)
        if top.entries is None:
            top.items.append(node)
            return
        assert top.key is not None  # noqa: S101 - a mapping's value follows its key
        key, place = top.key
        if not top.skipped:
            top.entries[key] = Entry(place, node)
        top.key = None

    def _awaits_key(self) -> bool:
        return bool(self._open) and self._open[-1].entries is not None and self._open[-1].key is None

    def _count(self, n: int, place: Place) -> None:
        self._n_values += n
        if self._n_values > MAX_VALUES:
            self.fail(place, f"more than {MAX_VALUES:,} values, aliases counted as often as they are used")

    def _check_depth(self, height: int, place: Place) -> None:
        if len(self._open) + height > MAX_DEPTH:
            self.fail(place, f"lists and mappings are nested deeper than {MAX_DEPTH}")

    def _check_tag(self, tag: str | None, place: Place) -> None:
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._note(
                place, f"tags are not allowed: {quoted(shown)}", "write the value without it; quotes make a string"
            )

    def _note(self, place: Place, what: str, hint: str = "") -> None:
        self.problems.append(Problem(str(place), what, hint))


def _in_plain_words(text: str, error: Exception, builder: _Builder) -> Exception:
    """Return the pure Python parser's error for what libyaml refused: it says more.

    Its events go through a builder: libyaml has bounds of its own, and ours must be met before its parser's.
    """
    if _FAST is yaml.SafeLoader:
        return error
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except (yaml.YAMLError, ValueError, OverflowError) as better:
        return better if getattr(better, "problem_mark", None) else error
    return error


def _syntax_hint(said: str, line: str) -> str:
    """Return a remedy for the common mistakes."""
    if "'\\t'" in said:
        return "indent with spaces, not tabs"
    if "${" in line and "flow" in said:
        return "inside [ ] and { } a variable is quoted: '${NAME}'"
    if "cannot start any token" in said:
        return "put quotes around the value"
    if "mapping values are not allowed" in said:
        return "put quotes around a value that holds ': ', or check the indentation"
    if "expected ',' or" in said:
        return "close every [ and {, on the line or below it, and put commas between what is inside"
    if "could not find expected ':'" in said:
        return "put a space after each '-' and each ':'"
    return ""
