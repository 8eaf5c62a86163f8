"""What changes from one bundle to the next, for a terminal: a screen, the worst first."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

from tracer_spec.cli.console import one_line, paint, rows, size
from tracer_spec.errors import Difference
from tracer_spec.report.changes import Changes, LabelChange
from tracer_spec.report.changes_words import (
    flips_line,
    flips_rates,
    for_users,
    share,
    trust,
    unknown,
    value_text,
    verdict,
)
from tracer_spec.report.decision_changes import Flip, Flips

_LABELS, _FEW, _VALUES, _ROWS, _WIDTH = 6, 3, 4, 8, 104


def tell(changes: Changes, flips: Flips | None, *, verbose: bool = False) -> str:
    """Return the story of a change."""
    new = changes.new
    colour = "green" if new.claim.confidence is not None or changes.is_same_version else "yellow"
    head = paint(f"{changes.old.name} {changes.old.version} → {new.name} {new.version}", "bold", stream=sys.stdout)
    facts = [("users", _wrapped(for_users(changes))), ("trust", _wrapped(trust(changes)))]
    facts += _labels(changes, verbose)
    facts += [
        (name, _names(labels, verbose)) for name, labels in (("gone", changes.gone), ("added", changes.added)) if labels
    ]
    facts += _flips(flips, verbose)
    facts += [
        (name, _values(found, name, verbose)) for name, found in changes.values.items() if found and name != "traces"
    ]
    if not changes.is_same_file:
        facts.append(("size", f"{size(changes.old.n_bytes)} → {size(new.n_bytes)}"))
        facts.append(("sha256", f"{changes.old.sha256} →\n{new.sha256}"))
    if missing := unknown(changes, flips):
        facts.append(("unknown", _wrapped(missing)))
    told = "\n".join(textwrap.wrap(verdict(changes), _WIDTH + 14))
    return f"{head}\n{paint(told, 'bold', colour, stream=sys.stdout)}\n\n{rows(facts, stream=sys.stdout)}"


def _wrapped(sentences: Sequence[str]) -> str:
    return "\n".join(line for each in sentences for line in textwrap.wrap(one_line(each, 600), _WIDTH))


def _labels(changes: Changes, verbose: bool) -> list[tuple[str, str]]:
    facts = []
    for name, found in (("less", changes.handled_less), ("more", changes.handled_more)):
        shown = found if verbose else found[:_LABELS]
        lines = [_label(each) for each in shown]
        if len(found) > len(shown):
            lines.append(f"and {len(found) - len(shown)} more (-v shows all)")
        if lines:
            facts.append((name, "\n".join(lines)))
    moved = [each for each in changes.labels if each.delta]
    if not facts and moved and not verbose:
        head = "no single label changes by more than noise; those that lose most:"
        facts.append(("labels", "\n".join([head, *(_label(each) for each in moved[:_FEW])])))
    if verbose:
        quiet = [each for each in changes.labels if not each.is_change]
        facts.append(("alike", "\n".join(_label(each) for each in quiet) or "no label"))
    return facts


def _label(each: LabelChange) -> str:
    delta = "" if each.delta is None else f"  {each.delta:+.3f}"
    return (
        f"{one_line(each.label, 40):<40}  {share(each.old.coverage)} → {share(each.new.coverage)}{delta}  "
        f"({each.old.handled:,} of {each.old.n:,} → {each.new.handled:,} of {each.new.n:,} rows)"
    )


def _names(labels: Sequence[str], verbose: bool) -> str:
    shown = labels if verbose else labels[:_LABELS]
    more = f" and {len(labels) - len(shown)} more" if len(labels) > len(shown) else ""
    return ", ".join(one_line(label) for label in shown) + more


def _values(found: Sequence[Difference], name: str, verbose: bool) -> str:
    shown = found if verbose else found[:_VALUES]
    lines = []
    for each in shown:
        was, now = value_text(each)
        lines.append(f"{one_line(each.address.removeprefix(f'{name}.'))}: {one_line(was)} → {one_line(now)}")
    if len(found) > len(shown):
        lines.append(f"and {len(found) - len(shown)} more (-v shows all)")
    return "\n".join(lines)


def _flips(flips: Flips | None, verbose: bool) -> list[tuple[str, str]]:
    if flips is None:
        return []
    lines = [_wrapped([flips_line(flips), flips_rates(flips)])]
    if flips.left_out:
        lines.append("left out: " + ", ".join(f"{count:,} {reason}" for reason, count in flips.left_out.items()))
    facts = [("flips", "\n".join(lines))]
    labels = flips.by_label if verbose else flips.by_label[:_LABELS]
    if labels:
        said = [
            f"{one_line(label, 40):<40}  {', '.join(f'{count:,} {kind}' for kind, count in kinds.items() if count)}"
            for label, kinds in labels
        ]
        if len(flips.by_label) > len(labels):
            said.append(f"and {len(flips.by_label) - len(labels)} more labels (-v shows all)")
        facts.append(("by label", "\n".join(said)))
        shown = flips.rows if verbose else flips.rows[:_ROWS]
        told = [_flip(each) for each in shown]
        if len(flips.rows) > len(shown):
            told.append(f"and {len(flips.rows) - len(shown):,} more (-v shows all; --json holds all)")
        facts.append(("rows", "\n".join(told)))
    return facts


def _flip(each: Flip) -> str:
    name = f"row {each.row}" + (f" ({one_line(each.id, 24)})" if each.id else "")
    was, now = (one_line(side.label, 40) if side.label is not None else "deferred" for side in (each.old, each.new))
    teacher = f"; teacher: {one_line(each.teacher, 40)}" if each.teacher is not None else ""
    worse = "  worse" if each.is_worse else ""
    text = f"\n  {one_line(each.text, 100)}" if each.text is not None else ""
    return f"{name}: {was} → {now}{teacher}{worse}{text}"
