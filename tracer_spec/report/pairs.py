"""Single rows: neighbours that part ways, examples, confusions, and doubts about the teacher."""

from __future__ import annotations

from typing import Any

from tracer_spec.flow.documents.audit import Example, Row
from tracer_spec.report.facts import Facts
from tracer_spec.report.number_format import count, shown
from tracer_spec.report.section import OLDER, Absent, Room, Section, Shown

_WITHOUT_TEXT = " Texts are left out: the spec does not set report.text: true."


def boundary(facts: Facts, room: Room) -> Section | Absent:
    """Show near rows of one label of which one is handled."""
    title = "Pairs at the boundary"
    found = facts.audit.boundary
    if found is None:
        return Absent(title, OLDER)
    if not found:
        return Absent(title, "no two neighbours of one label part ways")
    pairs = tuple(
        {
            "label": shown(each.label, 100),
            "similarity": each.similarity,
            "left": _row(each.handled, room),
            "right": _row(each.deferred, room),
        }
        for each in found
    )
    return Section(
        id="boundary",
        title=title,
        shows="Requests of one label that lie close together, one handled and one deferred: what tips the balance."
        + _note(found[0].handled),
        caveat="Chosen for being close, not for being typical.",
        view={"pairs": Shown.first(pairs, room.pairs)},
    )


def examples(facts: Facts, room: Room) -> Section | Absent:
    """Show representative rows."""
    title = "Examples"
    found = facts.audit.examples
    if found is None:
        return Absent(title, OLDER)
    if not found.handled and not found.deferred:
        return Absent(title, "there are no rows to show")
    sides = [
        {"title": name, "rows": Shown.first(tuple(_row(each, room) for each in rows), room.pairs)}
        for name, rows in (("Handled", found.handled), ("Deferred", found.deferred))
    ]
    return Section(
        id="examples",
        title=title,
        shows="Rows that stand for others like them: some that the router answers, and some that it leaves to the teacher."
        + _note((found.handled or found.deferred)[0]),
        caveat="Examples, not a sample: their shares say nothing.",
        view={"sides": sides},
    )


def confusions(facts: Facts, room: Room) -> Section | Absent:
    """Show which labels the surrogate takes for which."""
    title = "Confusions"
    found = facts.audit.confusions
    if found is None:
        return Absent(title, OLDER)
    if not found:
        return Absent(title, "the surrogate and the teacher never differ on these rows")
    most = max(each.n for each in found)
    rows = tuple(
        {
            "teacher": shown(each.teacher, 100),
            "surrogate": shown(each.surrogate, 100),
            "n": each.n,
            "handled": each.handled,
            "share": each.n / most if most else 0.0,
        }
        for each in found
    )
    return Section(
        id="confusions",
        title=title,
        shows="What the surrogate says where the teacher says something else, commonest first, and how many of these rows were "
        "handled all the same; the others were deferred in time.",
        caveat="Counts of fit rows, out of fold. A difference is not always the surrogate's error.",
        view={"rows": Shown.first(rows, room.rows)},
    )


def suspects(facts: Facts, room: Room) -> Section | Absent:
    """Show near-duplicates on which the teacher contradicts itself."""
    title = "Where the teacher may have erred"
    found = facts.audit.suspects
    if found is None:
        return Absent(title, OLDER)
    if not found:
        return Absent(title, "no near-duplicates have different labels")
    pairs = tuple(
        {"similarity": each.similarity, "left": _row(each.a, room), "right": _row(each.b, room)} for each in found
    )
    total = max(facts.audit.n_suspects or 0, len(found))
    listed = Shown.first(pairs, room.pairs)
    return Section(
        id="suspects",
        title=title,
        shows="Requests that are nearly the same, to which the teacher gave different labels."
        + (f" {count(total)} pairs were found." if total > len(listed.items) else "")
        + _note(found[0].a),
        caveat="A suspicion, not a verdict: both answers may be right, and near in the embedding is not the same in meaning.",
        view={"pairs": Shown(listed.items, total - len(listed.items))},
    )


def _row(row: Row, room: Room) -> dict[str, Any]:
    return {
        "number": row.row,
        "label": shown(row.label, 100),
        "predicted": None if row.predicted is None else shown(row.predicted, 100),
        "agrees": row.predicted == row.label,
        "score": row.score,
        "kind": row.kind if isinstance(row, Example) and row.kind else "",
        "text": None if row.text is None else shown(row.text, room.characters),
    }


def _note(row: Row) -> str:
    return _WITHOUT_TEXT if row.text is None else ""
