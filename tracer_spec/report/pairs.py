"""Single rows: neighbours that part ways, examples, confusions, and doubts about the teacher."""

from __future__ import annotations

from tracer_spec.flow.documents.audit import Row
from tracer_spec.report.documents import Documents
from tracer_spec.report.section import OLDER, Absent, Room, Section, Shown


def boundary(documents: Documents, room: Room) -> Section | Absent:
    """Show near rows of one label of which one is handled."""
    title, found = "Pairs at the boundary", documents.audit.boundary
    if not found:
        return Absent(title, OLDER if found is None else "no two neighbours of one label part ways")
    return Section(
        id="boundary",
        title=title,
        shows="Requests of one label that lie close together, one handled and one deferred: what tips the balance."
        + _note(found[0].handled),
        caveat="Chosen for being close, not for being typical.",
        view={"pairs": Shown.first(found, room.pairs), "characters": room.characters},
    )


def examples(documents: Documents, room: Room) -> Section | Absent:
    """Show representative rows."""
    title, found = "Examples", documents.audit.examples
    if found is None:
        return Absent(title, OLDER)
    if not found.handled and not found.deferred:
        return Absent(title, "there are no rows to show")
    sides = [(name, Shown.first(getattr(found, name), room.pairs)) for name in ("handled", "deferred")]
    return Section(
        id="examples",
        title=title,
        shows="Rows that stand for others like them: some that the router answers, and some that it leaves to the teacher."
        + _note((found.handled or found.deferred)[0]),
        caveat="Examples, not a sample: their shares say nothing.",
        view={"sides": sides, "characters": room.characters},
    )


def confusions(documents: Documents, room: Room) -> Section | Absent:
    """Show which labels the surrogate takes for which."""
    title, found = "Confusions", documents.audit.confusions
    if not found:
        return Absent(title, OLDER if found is None else "the surrogate and the teacher never differ on these rows")
    return Section(
        id="confusions",
        title=title,
        shows="What the surrogate says where the teacher says something else, commonest first, and how many of these rows were "
        "handled all the same; the others were deferred in time.",
        caveat="Counts of fit rows, out of fold. A difference is not always the surrogate's error.",
        view={"rows": Shown.first(found, room.rows), "most": max(1, *(each.n for each in found))},
    )


def suspects(documents: Documents, room: Room) -> Section | Absent:
    """Show near-duplicates on which the teacher contradicts itself."""
    title, found = "Where the teacher may have erred", documents.audit.suspects
    if not found:
        return Absent(title, OLDER if found is None else "no near-duplicates have different labels")
    total = max(documents.audit.n_suspects or 0, len(found))
    listed = found[: room.pairs]
    counted = f" {total:,} pairs were found." if total > len(listed) else ""
    return Section(
        id="suspects",
        title=title,
        shows="Requests that are nearly the same, to which the teacher gave different labels."
        + counted
        + _note(found[0].a),
        caveat="A suspicion, not a verdict: both answers may be right, and near in the embedding is not the same in meaning.",
        view={"pairs": Shown(listed, total - len(listed)), "characters": room.characters},
    )


def _note(row: Row) -> str:
    return " Texts are left out: the spec does not set report.text: true." if row.text is None else ""
