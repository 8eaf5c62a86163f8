"""Formats as data: named sets of JMESPath expressions, presets or written in the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

from tracer_spec.builtin.formats.instructions import instructions_beside
from tracer_spec.errors import SpecError, did_you_mean

ADDRESS = "traces.format"
# the reason of a preset's records that say that there was a call, and nothing of what was said in it
NOT_LOGGED = "content not logged"

# what a spec writes under ``format:``: expressions by part, and mappings of them for join and the rules
Written: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Join:
    """How two records become one trace: one that asks, one that answers, with one key.

    Parameters
    ----------
    key : str
        What both have in common: a string or a number.
    input, output : str
        True of a record that asks; of one that answers. A record that is neither stands for itself.
    """

    key: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Format:
    """Where the parts of a trace lie inside a record: JMESPath expressions, None where there is no such part.

    Parameters
    ----------
    name : str
        What a spec writes after ``format:``; ``custom`` for a map written out in the spec.
    label : str
        The teacher's answer. Null means that the teacher was not asked: such a record is not a trace.
    text : str, optional
        What the teacher was asked.
    id : str, optional
        The event's id: records that share it are log copies or retries of one event.
    time : str, optional
        When it was asked: see :func:`~tracer_spec.builtin.formats.times.epoch_seconds`.
    truth, group, model, version, embedding : str, optional
        A human's label; the key of the grouped split; the teacher's model; the version of its prompt; a vector.
    parent, trace : str, optional
        For logs of spans: the id of the span that holds this one, as ``id`` writes it, and the id of the trace, in which ids
        are unique. A span that holds another call of an LLM is a wrapper of it, and left out.
    where : str, optional
        Records for which this is false or null are left out.
    iterate : str, optional
        A list inside the record, each item of which is one trace. The other expressions then read the item,
        in which ``"$record"`` is the whole record.
    view : str, optional
        An object that the other expressions read in place of the record (or of the item).
    join : Join, optional
        For logs that keep what was asked and what was answered apart. The other expressions then read
        ``{inputs: [...], outputs: [...]}``: the records (items, views) of one key, in the order they were read.
    skip : mapping of str to str
        Reason to condition. A record for which one is true is not a trace: it is dropped, and counted under it.
    unanswered : mapping of str to str
        Reason to condition. Where one is true, the teacher was asked and gave no label: its answer was cut
        short, or it refused. ``traces.labels.unanswered`` says what becomes of such a trace.
    unlabelled : mapping of str to str
        Reason to condition. Where one is true, the request has no teacher's label, and nothing is wrong: it is not a trace, and
        counted under the reason; where labels are not needed it counts as traffic.
    certify : str, optional
        Whether chance alone chose the request for the teacher, so that it may certify. Without it, every trace may.
    rate : str, optional
        How often chance chooses, in [0, 1]; null where it always does.
    deferred : str, optional
        Whether the teacher would have been asked whatever chance said.
    instructions : str, optional
        The system's prompt, by which calls of several tasks are told apart. No spec writes it: it is a preset's
        own, or stands in the conversation that ``text`` is read from.
    summary : str
        One line, for people.
    reads_decisions : bool
        Whether the label is known to be the teacher's own, also in a record that carries a router's decision.

    Notes
    -----
    ``a || b`` is JMESPath's own: it also passes over an empty string, an empty list and ``false``.
    ``not_null(a, b)`` passes over null and missing alone. The functions beyond JMESPath's own are in
    :mod:`tracer_spec.expressions.functions`.

    References
    ----------
    James Saryerwinnie, "JMESPath specification", jmespath.org/specification.html
    """

    name: str
    label: str
    text: str | None = None
    id: str | None = None
    time: str | None = None
    truth: str | None = None
    group: str | None = None
    model: str | None = None
    version: str | None = None
    embedding: str | None = None
    parent: str | None = None
    trace: str | None = None
    where: str | None = None
    iterate: str | None = None
    view: str | None = None
    join: Join | None = None
    skip: Mapping[str, str] = field(default_factory=dict)
    unanswered: Mapping[str, str] = field(default_factory=dict)
    unlabelled: Mapping[str, str] = field(default_factory=dict)
    certify: str | None = None
    rate: str | None = None
    deferred: str | None = None
    instructions: str | None = None
    summary: str = ""
    reads_decisions: bool = False


PARTS = tuple(
    each.name for each in fields(Format) if each.name not in ("name", "instructions", "summary", "reads_decisions")
)
# a format that reads decisions, and takes one of these from elsewhere, knows no more whose label it reads
_WHOSE_LABEL = frozenset(("label", "skip", "view", "iterate", "join"))
RULES = ("skip", "unanswered", "unlabelled")
JOIN_KEYS = tuple(each.name for each in fields(Join))


def unanswered(body: str) -> dict[str, str]:
    """Return the rules of ``unanswered`` where an expression gives the body of a response."""
    return {
        "truncated": f"truncated({body})",
        "refusal": f"refused({body})",
        "nothing answered": f"said_nothing({body})",
    }


def written_expressions(parts: Written) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every expression that a spec writes under ``format:``, with its path from there."""
    for part, value in parts.items():
        if part == "preset":
            continue
        if isinstance(value, str):
            yield (part,), value
        elif isinstance(value, Mapping):
            yield from (((part, key), each) for key, each in value.items() if isinstance(each, str))


def written_conditions(parts: Written) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the conditions among them that say which records are rows, or may certify, with their paths."""
    yield from (each for each in written_expressions(parts) if each[0][0] in ("where", "skip", "certify"))


def custom_format(parts: Written, preset: Format | None = None) -> Format:
    """Return the format that a map in the spec describes.

    Parameters
    ----------
    parts : mapping
        A JMESPath expression, or None, for any of the parts of :class:`Format`; a mapping for ``join``, ``skip``,
        ``unanswered`` and ``unlabelled``. ``label`` is needed where there is no preset.
    preset : Format, optional
        What holds where ``parts`` says nothing. A part that is None is taken out of it; so is a rule that is None;
        other rules are added to those it has.

    Raises
    ------
    SpecError
        Where a part is unknown, ``label`` is missing, or ``join`` is not whole.
    """
    for part in parts:
        if part not in PARTS:
            raise SpecError(
                f"a format has no part '{part}'; known: {', '.join(PARTS)}",
                hint=did_you_mean(part, PARTS),
                address=f"{ADDRESS}.{part}",
            )
    label = parts.get("label", preset.label if preset else None)
    if label is None:
        raise SpecError(
            "the format has no label",
            hint="add label: the JMESPath of the teacher's answer; or preset: the name of one that has it",
            address=ADDRESS,
        )
    base = preset or Format("custom", label)
    changed = dict(parts)
    if parts.get("join") is not None:
        changed["join"] = _join(parts["join"], base.join)
    for rules in RULES:
        if rules in parts:
            changed[rules] = _rules(getattr(base, rules), parts[rules])
    if base.instructions is None and isinstance(text := parts.get("text"), str):
        changed["instructions"] = instructions_beside(text)
    return replace(base, **changed, reads_decisions=base.reads_decisions and not changed.keys() & _WHOSE_LABEL)


def _join(written: Written, base: Join | None) -> Join:
    """Return a join with the preset's expressions where the spec has none."""
    known = {key: getattr(base, key) for key in JOIN_KEYS} if base else {}
    whole = known | {key: value for key, value in written.items() if value is not None}
    missing = [key for key in JOIN_KEYS if key not in whole]
    if missing:
        raise SpecError(
            f"the join has no {missing[0]}", hint="it needs key, input and output", address=f"{ADDRESS}.join"
        )
    return Join(**whole)


def _rules(base: Mapping[str, str], written: Written | None) -> dict[str, str]:
    """Return the preset's rules and the spec's, without those that the spec takes out; all of them for null."""
    if written is None:
        return {}
    return {reason: rule for reason, rule in {**base, **written}.items() if rule is not None}
