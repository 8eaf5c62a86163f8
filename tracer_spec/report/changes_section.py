"""Changes since an earlier bundle, as a section of the page."""

from __future__ import annotations

from tracer_spec.report.changes import LabelChange
from tracer_spec.report.changes_facts import change_facts, value_text
from tracer_spec.report.changes_sentences import verdict
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import Absent, Room, Section, Shown

_MOST_VALUES = 100


def changes(documents: Documents, room: Room) -> Section | Absent:
    """Show what changed, for users and for trust, and how each label fares before and after."""
    title, found = "Since the previous bundle", documents.changes
    if found is None:
        return Absent(title, "no previous bundle was given: report BUNDLE --previous OLD")
    values = [(name, each.address, *value_text(each)) for name, differs in found.values.items() for each in differs]
    facts = list(change_facts(found))
    return Section(
        id="changes",
        title=title,
        shows=f"{found.old.name} {found.old.version}, then {found.new.name} {found.new.version}: {verdict(found)}.",
        caveat=found.noise,
        view={
            "told": [each for each in facts if each.name in ("users", "trust")],
            "names": [(each.title, Shown.first(each.names, room.rows)) for each in facts if each.names],
            "labels": Shown.first(sorted(found.labels, key=_by_change), room.labels),
            "n_changed": sum(each.is_change for each in found.labels),
            "differences": Shown.first(values, min(_MOST_VALUES, 2 * room.rows)),
        },
    )


def _by_change(each: LabelChange) -> tuple[bool, float, str]:
    """Put what is more than noise first, and of that what loses most."""
    return (not each.is_change, each.delta or 0.0, each.label)
