"""Changes from one bundle to the next as Markdown for a comment on a pull request: bounded, and nothing in it is live."""

from __future__ import annotations

import re

from tracer_spec.report.changes import Changes
from tracer_spec.report.changes_facts import ChangeFact, Quoted, change_facts
from tracer_spec.report.changes_sentences import verdict
from tracer_spec.report.decision_changes import Flips
from tracer_spec.text_format import one_line

_LIVE = re.compile(r"([\\`*_{}\[\]<>#!|~@&])")
_QUOTED_CHARACTERS = 120


def changes_markdown(changes: Changes, flips: Flips | None = None) -> str:
    """Return the review of a change.

    Notes
    -----
    It opens with the verdict; what is long folds away, and is cut with a count of what was left out. Labels, ids and texts
    are what others wrote: they stand in code spans, where neither Markdown nor HTML nor a mention is read.
    """
    head = f"### {_plain(changes.new.name)}: {_plain(verdict(changes))}"
    return "\n\n".join([head, *map(_block, change_facts(changes, flips))])


def _block(fact: ChangeFact) -> str:
    if fact.table:
        rule = ["---"] * len(fact.head)
        lines = [fact.head, rule, *(map(_cell, row) for row in fact.table[: fact.most])]
        body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    else:
        body = " ".join(map(_plain, fact.lines)) or ", ".join(map(_code, fact.names[: fact.most]))
    more = max(len(fact.names), len(fact.table)) - fact.most
    if more > 0:
        body += f"\n\n{more:,} more {_noun(fact)}; `--json` has all."
    if fact.is_detail:
        return f"<details><summary>{fact.title}</summary>\n\n{body}\n\n</details>"
    separator = "\n\n" if fact.table else " "
    mark = "" if fact.title.endswith(("?", ".")) else ":"
    return f"**{_plain(fact.title)}{mark}**{separator}{body}"


def _noun(fact: ChangeFact) -> str:
    is_of_labels = fact.names or fact.head[0] == "label"
    return "labels" if is_of_labels else "rows" if fact.head[0] == "row" else "values"


def _cell(text: str) -> str:
    return _code(text) if isinstance(text, Quoted) else _plain(text)


def _plain(text: str) -> str:
    """Return text that is read as it is: nothing in it is markup, a mention or a tag."""
    return _LIVE.sub(r"\\\1", one_line(text, 400))


def _code(text: str) -> str:
    """Return a code span; inside a table a bar ends a cell even there, so it is escaped."""
    line = one_line(text, _QUOTED_CHARACTERS).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not line or line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line or '(empty)'}{pad}{fence}"
