"""What changes from one bundle to the next, as Markdown for a comment on a pull request: bounded, and nothing in it is live."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tracer_spec.errors import Difference
from tracer_spec.report.changes import Changes, LabelChange
from tracer_spec.report.changes_words import (
    counted,
    flips_line,
    flips_rates,
    for_users,
    share,
    trust,
    unknown,
    value_text,
    verdict,
)
from tracer_spec.report.decision_changes import KINDS, Flip, Flips

_LABELS, _FEW, _VALUES, _ROWS, _NAMES = 15, 5, 12, 20, 20
_LABEL_CHARACTERS, _TEXT_CHARACTERS = 60, 120
_LIVE = re.compile(r"([\\`*_{}\[\]<>#!|~@&])")


def changes_markdown(changes: Changes, flips: Flips | None = None) -> str:
    """Return the review of a change.

    Notes
    -----
    It opens with the verdict; what is long folds away, and is cut with a count of what was left out. Labels, ids and texts
    are what others wrote: they stand in code spans, where neither Markdown nor HTML nor a mention is read.
    """
    old, new = changes.old, changes.new
    blocks = [
        f"### {_plain(new.name)}: {_plain(verdict(changes))}",
        f"**What changes for users?** {' '.join(map(_plain, for_users(changes)))}",
        f"**Can it be trusted?** {' '.join(map(_plain, trust(changes)))}",
    ]
    if missing := unknown(changes, flips):
        blocks.append(f"**What is not known.** {' '.join(map(_plain, missing))}")
    if not changes.decides_alike:
        blocks += [*_labels(changes), *_names(changes)]
    blocks += _flips(flips)
    if not changes.is_same_file:
        blocks.append(_folded("What else differs", _values(changes)))
    blocks.append(f"`{old.sha256[:12]}` {_plain(old.status)} → `{new.sha256[:12]}` {_plain(new.status)}")
    return "\n\n".join(blocks)


def _labels(changes: Changes) -> list[str]:
    """Return a table of the labels whose handled rate changes, worst first."""
    found = (*changes.handled_less, *changes.handled_more)
    moved = [each for each in changes.labels if each.delta]
    shown = found[:_LABELS] or moved[:_FEW]
    if not shown:
        return []
    table = _table(
        ("label", "handled before", "after", "change", "rows before", "after"),
        ([_code(each.label), *_label(each)] for each in shown),
    )
    left = f"\n\n{len(found) - len(shown):,} more labels; `--json` has all." if len(found) > len(shown) else ""
    title = (
        f"{counted(len(changes.handled_less), 'label')} handled less, {len(changes.handled_more) or 'none'} more "
        f"(of {len(changes.labels):,}; the rest changes by no more than noise)"
        if found
        else "No single label changes by more than noise; those that lose most"
    )
    return [f"**{title}**\n\n{table}{left}", _folded("What counts as a change", changes.noise)]


def _label(each: LabelChange) -> list[str]:
    delta = "" if each.delta is None else f"{each.delta:+.3f}"
    return [share(each.old.coverage), share(each.new.coverage), delta, f"{each.old.n:,}", f"{each.new.n:,}"]


def _names(changes: Changes) -> list[str]:
    lines = []
    for title, labels in (("Labels gone", changes.gone), ("Labels added", changes.added)):
        if labels:
            more = f" and {len(labels) - _NAMES:,} more" if len(labels) > _NAMES else ""
            lines.append(f"**{title}:** {', '.join(map(_code, labels[:_NAMES]))}{more}")
    return lines


def _flips(flips: Flips | None) -> list[str]:
    """Return what the traces show: counts by kind and label, and the rows, folded away."""
    if flips is None:
        return []
    blocks = [f"**On the traces given,** {flips_line(flips)}. There, {flips_rates(flips)}."]
    if flips.left_out:
        left = ", ".join(f"{count:,} {_plain(reason)}" for reason, count in flips.left_out.items())
        blocks.append(f"Left out: {left}.")
    if not flips.rows:
        return blocks
    shown = flips.by_label[:_LABELS]
    table = _table(
        ("label", *KINDS), ([_code(label), *(f"{kinds[kind]:,}" for kind in KINDS)] for label, kinds in shown)
    )
    more = f"\n\n{len(flips.by_label) - len(shown):,} more labels." if len(flips.by_label) > len(shown) else ""
    blocks.append(_folded(f"Flips by label ({len(flips.by_label):,})", table + more))
    rows = flips.rows[:_ROWS]
    with_text = any(each.text is not None for each in rows)
    head = ("row", "id", "before", "after", "teacher", "", *(("text",) if with_text else ()))
    left = f"\n\n{len(flips.rows) - len(rows):,} more rows; `--json` has all." if len(flips.rows) > len(rows) else ""
    blocks.append(_folded(f"Rows that flip ({len(flips.rows):,})", _table(head, map(_flip, rows)) + left))
    return blocks


def _flip(each: Flip) -> list[str]:
    sides = [_code(side.label) if side.label is not None else "deferred" for side in (each.old, each.new)]
    teacher = _code(each.teacher) if each.teacher is not None else "none"
    text = [] if each.text is None else [_code(each.text, _TEXT_CHARACTERS)]
    worse = "worse" if each.is_worse else ""
    return [f"{each.row}", _code(each.id) if each.id else "", *sides, teacher, worse, *text]


def _values(changes: Changes) -> str:
    """Return a table of every value that differs, a bounded number of each kind."""
    lines: list[list[str]] = []
    for name, found in changes.values.items():
        lines += [_value(name, each) for each in found[:_VALUES]]
        if len(found) > _VALUES:
            lines.append([name, f"{len(found) - _VALUES:,} more; `--json` has all", "", ""])
    lines.append(["bundle", "bytes", f"{changes.old.n_bytes:,}", f"{changes.new.n_bytes:,}"])
    return _table(("of", "what", "before", "after"), lines)


def _value(name: str, each: Difference) -> list[str]:
    was, now = value_text(each)
    return [name, _code(each.address), _code(was), _code(now)]


# --- Markdown --------------------------------------------------------------------------------------------------------


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown already."""
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _plain(text: str) -> str:
    """Return text that is read as it is: nothing in it is markup, a mention or a tag."""
    return _LIVE.sub(r"\\\1", _line(text, 400))


def _code(text: str, limit: int = _LABEL_CHARACTERS) -> str:
    """Return a code span; inside a table a bar ends a cell even there, so it is escaped."""
    line = _line(text, limit).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not line or line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line or '(empty)'}{pad}{fence}"


def _line(text: str, limit: int) -> str:
    """Return text on one line, cut where it is long, without what does not print."""
    line = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
