"""What changed since an earlier bundle: the temporal delta."""

from __future__ import annotations

from typing import Any

from tracer_spec.errors import Difference
from tracer_spec.report.changes import LabelChange
from tracer_spec.report.changes_words import for_users, trust, value_text, verdict
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import shown
from tracer_spec.report.section import Absent, Room, Section, Shown

_MOST_VALUES = 100


def changes(facts: Facts, room: Room) -> Section | Absent:
    """Show what changed, for users and for trust, and how each label fares before and after."""
    title = "Since the previous bundle"
    found = facts.changes
    if found is None:
        return Absent(title, "no previous bundle was given: report BUNDLE --previous OLD")
    moved = tuple(_label(each) for each in sorted(found.labels, key=_by_change))
    values = tuple((name, _value(each)) for name, differs in found.values.items() for each in differs)
    return Section(
        id="changes",
        title=title,
        shows=f"{found.old.name} {found.old.version}, then {found.new.name} {found.new.version}: {verdict(found)}.",
        caveat=found.noise,
        view={
            "users": for_users(found),
            "trust": trust(found),
            "labels": Shown.first(moved, room.labels),
            "n_changed": sum(each.is_change for each in found.labels),
            "names": [
                (name, Shown.first(tuple(shown(label, 80) for label in labels), room.rows))
                for name, labels in (("Added", found.added), ("Gone", found.gone))
                if labels
            ],
            "differences": Shown.first(values, min(_MOST_VALUES, 2 * room.rows)),
        },
    )


def _by_change(each: LabelChange) -> tuple[bool, float, str]:
    """Put what is more than noise first, and of that what loses most."""
    return (not each.is_change, each.delta or 0.0, each.label)


def _label(each: LabelChange) -> dict[str, Any]:
    return {
        "label": shown(each.label, 100),
        "old": each.old.coverage,
        "new": each.new.coverage,
        "old_agreement": each.old.agreement,
        "new_agreement": each.new.agreement,
        "delta": each.delta,
        "is_change": each.is_change,
    }


def _value(each: Difference) -> tuple[str, str, str]:
    was, now = value_text(each)
    return shown(each.address, 80), shown(was, 100), shown(now, 100)
