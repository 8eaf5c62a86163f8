"""Facts of a change, for a terminal: a screen, the worst first."""

from __future__ import annotations

from tracer_spec.cli.console import paint, wrapped
from tracer_spec.cli.text.outcome import fact_lines
from tracer_spec.report.changes import Changes
from tracer_spec.report.changes_facts import ChangeFact, change_facts
from tracer_spec.report.changes_sentences import verdict
from tracer_spec.report.decision_changes import Flips
from tracer_spec.report.facts import Fact
from tracer_spec.text_format import listing, one_line

_CELL, _TEXT, _SENTENCE = 50, 100, 600


def diff_text(changes: Changes, flips: Flips | None, *, verbose: bool = False, brief: bool = False) -> str:
    """Return the two bundles, the verdict, and the facts of the change."""
    old, new = changes.old, changes.new
    colour = "green" if new.claim.confidence is not None or changes.is_same_version else "yellow"
    head = paint(f"{old.name} {old.version} → {new.name} {new.version}", "bold")
    told = [paint(line, "bold", colour) for line in wrapped(verdict(changes))]
    facts = [Fact(each.name, _text(each, verbose)) for each in change_facts(changes, flips, all_labels=verbose)]
    return "\n".join([head, *told, *fact_lines(facts, brief=brief)])


def _text(fact: ChangeFact, verbose: bool) -> str:
    """Lay a fact out; a terminal has room for a third of what a comment shows."""
    few = max(len(fact.names), len(fact.table)) if verbose else fact.most // 3
    if fact.names:
        return listing(map(one_line, fact.names), few)
    if not fact.table:
        return "\n".join(one_line(line, _SENTENCE) for line in fact.lines)
    limits = [_TEXT if name == "text" else _CELL for name in fact.head]
    rows = [list(map(one_line, row, limits)) for row in (fact.head, *fact.table[:few])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    more = len(fact.table) - few
    hint = [f"and {more:,} more (-v shows all; --json holds all)"] if more > 0 else []
    title = [fact.title] if fact.name == "labels" else []
    return "\n".join([*title, *lines, *hint])
