"""Accounting of records: every record that is dropped is counted under a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tracer_spec.errors import DataError, Problem, SpecError, did_you_mean
from tracer_spec.flow.traces.bound import audited_note
from tracer_spec.flow.traces.counts import Accounting, SourceCounts
from tracer_spec.flow.traces.look_alikes import look_alikes
from tracer_spec.flow.traces.name_counts import Seen, as_shown, most_frequent, several_teachers
from tracer_spec.flow.traces.prompt_counts import Prompts
from tracer_spec.flow.traces.remedies import (
    ASK_THE_TEACHER,
    DIGESTS,
    JOIN_THE_PARTS,
    LOG_THE_CONTENT,
    LOOK_AT_EXTRACT,
    LOOK_AT_THE_FORMAT,
    LOOK_AT_THE_SOURCE,
    LOOK_AT_THE_TEACHER,
    LOOK_AT_THE_VECTOR,
    ONE_LABEL,
    SAVE_AS_UTF8,
)
from tracer_spec.flow.traces.teachers import audited_apart_notes
from tracer_spec.text_format import plural
from tracer_spec.text_steps.labels import FLAWS, NO_LABEL, SEVERAL

UNREADABLE = "unreadable record"
FAILED = "expression failed"
NO_TEXT = "no text"
NOT_A_STRING = "text is not a string"
EMPTY_TEXT = "empty text"
NOT_UNICODE = "text is not valid Unicode"
NO_VECTOR = "no vector"
NO_TRACE = "no trace in the record"
HEADER_AGAIN = "header line again"
EXCLUDED = "excluded by where"
BEYOND = "beyond max_rows"
NO_MATCH = "no match"
DUPLICATE = "duplicate id"
OF_EARLIER_SOURCE = "event of an earlier source"
OTHER_TEACHER = "other teacher model"
NO_INPUT = "no matching input"
NO_OUTPUT = "no matching output"
NO_KEY = "no key to join by"
DECISION = "a router's decision"
NOT_LOGGED = "content not logged"

# the order in which reports list them
REASONS = (
    *(UNREADABLE, FAILED, DECISION, NO_KEY, NO_TEXT, NOT_A_STRING, EMPTY_TEXT, NOT_UNICODE, NO_LABEL, NO_VECTOR),
    *(NO_TRACE, HEADER_AGAIN, EXCLUDED, BEYOND, NO_MATCH, OTHER_TEACHER, NO_INPUT, NO_OUTPUT),
    *(DUPLICATE, OF_EARLIER_SOURCE),
)
# something is wrong with these records; others are left out as a rule of the format, or of the spec, says
BAD = frozenset(REASONS[: REASONS.index(NO_TRACE)])
N_EXAMPLES = 5


@dataclass(slots=True)
class Tally:
    """Counts while records are read; :meth:`close` gives the :class:`Accounting`."""

    settled: str = ""  # how the spec settles that there are several teachers; empty where it does not
    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unusable: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    models: Seen = field(default_factory=Seen)
    versions: Seen = field(default_factory=Seen)
    prompts: Prompts = field(default_factory=Prompts)
    n_unanswered: int = 0
    n_audited_beyond: int = 0
    audited_apart: Seen = field(default_factory=Seen)  # of which 'split.certify_where' does not hold, by model
    n_other_text: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    longest_list: tuple[str, int] = ("", 0)
    has_digests: bool = False

    def drop(self, reason: str, where: str, detail: str = "") -> None:
        """Count a record that is not kept."""
        self.read += 1
        self.dropped[reason] += 1
        addresses = self.examples.setdefault(reason, [])
        if len(addresses) < N_EXAMPLES:
            addresses.append(where)
        if reason in BAD and len(self.problems) < N_EXAMPLES:
            self.problems.append(Problem(where, f"{reason}: {detail}" if detail else reason))

    def close(
        self, on_error: str, unknown: str, allowed: Sequence[str] | None, remedy: Callable[[], str] = str
    ) -> Accounting:
        """Return the accounting, after :meth:`check`."""
        self.check(on_error, unknown, allowed, remedy)
        return self.account(allowed)

    def check(
        self, on_error: str, unknown: str, allowed: Sequence[str] | None, remedy: Callable[[], str] = str
    ) -> None:
        """Raise where the traces cannot be used; ``remedy`` may know what to do where no answer is a label.

        Raises
        ------
        DataError
            Where records are bad and ``on_error`` is ``fail``, labels are off the list and ``unknown`` is
            ``fail``, or nothing usable is left.
        """
        if not self.kept and not self.dropped[OF_EARLIER_SOURCE]:
            raise self._nothing_usable()
        if on_error == "fail" and self.problems:
            raise self._bad_records()
        if unknown == "fail" and (self.unknown or self.unusable):
            raise self._off_list(allowed)
        n_unusable = self.unusable.total()
        if n_unusable and n_unusable == self.kept:
            raise DataError(
                f"none of {plural(self.kept, 'trace')} has a usable label: {_listing(self._flaws())}",
                hint=remedy() or self._remedy(),
                address="traces.labels",
            )

    def account(self, allowed: Sequence[str] | None, sources: tuple[SourceCounts, ...] = ()) -> Accounting:
        """Return the accounting, with the counts by source where there are several."""
        return Accounting(
            read=self.read,
            kept=self.kept,
            dropped={reason: self.dropped[reason] for reason in self._in_order()},
            examples={reason: tuple(self.examples[reason]) for reason in self._in_order()},
            unusable=self._flaws(),
            unknown_labels=most_frequent(self.unknown),
            n_unknown=self.unknown.total(),
            models=most_frequent(self.models.counts),
            notes=tuple(self._notes(allowed or ())),
            versions=most_frequent(self.versions.counts),
            sources=sources,
        )

    def counts(self, name: str) -> SourceCounts:
        """Return the counts as those of one source."""
        return SourceCounts(name, self.read, self.kept, {reason: self.dropped[reason] for reason in self._in_order()})

    def add(self, other: Tally) -> None:
        """Add the counts of another source."""
        self.read += other.read
        self.kept += other.kept
        self.n_unanswered += other.n_unanswered
        self.n_audited_beyond += other.n_audited_beyond
        self.audited_apart.update(other.audited_apart)
        self.n_other_text += other.n_other_text
        for name in ("dropped", "unusable", "unknown", "labels", "odd"):
            getattr(self, name).update(getattr(other, name))
        self.models.update(other.models)
        self.versions.update(other.versions)
        self.prompts.update(other.prompts)
        for reason, addresses in other.examples.items():
            known = self.examples.setdefault(reason, [])
            known += addresses[: N_EXAMPLES - len(known)]

    def _remedy(self) -> str:
        """Return what to do where no answer is a label."""
        ruled_out = [flaw for flaw in self._flaws() if flaw not in FLAWS]
        if ruled_out:
            flaw = max(ruled_out, key=lambda each: self.unusable[each])
            return f"where these are labels after all: 'traces.format.unanswered: {{{flaw}: null}}', over the preset"
        if 2 * self.unusable[SEVERAL] > self.unusable.total():
            return ONE_LABEL
        return "look at 'traces.labels.normalize': it turns the teacher's answer into a label"

    def _nothing_usable(self) -> DataError:
        """Return the error for input of which nothing is left: more likely the format is wrong than it all."""
        head = Problem(
            where="",
            what=f"none of {plural(self.read, 'record')} is a usable trace: {self._listed(self._in_order())}",
            hint=self._where_to_look(),
            address="traces",
        )
        return _error(head, *self.problems)

    def _where_to_look(self) -> str:
        """Return what to do where nothing is left."""
        if self.dropped[DECISION]:
            return ASK_THE_TEACHER
        if self.has_digests and self.dropped[NO_TEXT]:
            return DIGESTS
        if self.dropped[NOT_LOGGED] and not self.problems:
            return LOG_THE_CONTENT
        if 2 * self.dropped[NOT_A_STRING] > self.read:
            return JOIN_THE_PARTS
        if 2 * self.dropped[NO_MATCH] > self.read:
            return LOOK_AT_EXTRACT
        if 2 * self.dropped[NO_VECTOR] > self.read:
            return LOOK_AT_THE_VECTOR
        key, n_items = self.longest_list
        if n_items > self.read:
            return (
                f"the first record lists {plural(n_items, 'object')} under '{as_shown(key)}': are those the traces? then "
                f"'traces.format: {{preset: NAME, iterate: {as_shown(key)}}}'"
            )
        if 2 * self.dropped[OTHER_TEACHER] > self.read:
            return LOOK_AT_THE_TEACHER
        if set(self.dropped) - {UNREADABLE}:
            return LOOK_AT_THE_FORMAT
        return SAVE_AS_UTF8 if all("UTF-8" in each.what for each in self.problems) else LOOK_AT_THE_SOURCE

    def _bad_records(self) -> DataError:
        """Return the error that lists the first bad records."""
        bad = [reason for reason in self._in_order() if reason in BAD]
        n_bad = sum(self.dropped[reason] for reason in bad)
        remedy = f"{ASK_THE_TEACHER}; or" if self.dropped[DECISION] else "fix them,"
        remedy = f"{DIGESTS}; or" if self.has_digests and self.dropped[NO_TEXT] else remedy
        remedy = f"{JOIN_THE_PARTS}; or" if 2 * self.dropped[NOT_A_STRING] > n_bad else remedy
        head = Problem(
            where="",
            what=f"{n_bad:,} of {plural(self.read, 'record')} cannot be used: {self._listed(bad)}",
            hint=f"{remedy} leave them out with 'traces.format.where', or drop and count: 'on_error: drop'",
            address="traces.on_error",
        )
        return _error(head, *self.problems)

    def _off_list(self, allowed: Sequence[str] | None) -> DataError:
        """Return the error that names the worst labels off the list."""
        worst = most_frequent(self.unknown)
        listing = _listing({**worst, **self._flaws()})
        near = ((label, did_you_mean(label, allowed or ())) for label in worst)
        hints = [f"'{label}': {question}" for label, question in near if question]
        remedy = "name spellings in 'aliases', or count them as disagreement: 'unknown: disagree'"
        n_bad = self.unknown.total() + self.unusable.total()
        return DataError(
            f"{n_bad:,} of {plural(self.kept, 'trace')} have no allowed label: {listing}",
            hint="; ".join([*hints[:3], remedy]),
            address="traces.labels.unknown",
        )

    def _in_order(self) -> list[str]:
        return in_order(reason for reason, n in self.dropped.items() if n)

    def _flaws(self) -> dict[str, int]:
        return dict(sorted(self.unusable.items()))

    def _listed(self, reasons: Sequence[str]) -> str:
        return _listing({reason: self.dropped[reason] for reason in reasons})

    def _notes(self, allowed: Sequence[str]) -> list[str]:
        """Say what a reader should know beyond the counts."""
        notes = [f"{what}, on {plural(n, 'trace')}" for what, n in sorted(self.odd.items())]
        notes += several_teachers(self.models, self.versions, self.settled)
        notes += self.prompts.notes()
        alike = look_alikes(dict.fromkeys(allowed, 0) | self.labels)
        if alike:
            more = f", and {len(alike) - 3:,} more such" if len(alike) > 3 else ""
            notes.append(
                f"labels that differ in case, blanks, hyphens, a prefix, invisible characters or letters that look alike: "
                f"{'; '.join(alike[:3])}{more}; where they are one label, 'traces.labels.normalize' makes them one (casefold, "
                "join:_, prefix:TEXT and then strip), or 'traces.labels.aliases' names the spellings"
            )
        if self.n_unanswered:
            notes.append(
                f"{plural(self.n_unanswered, 'answer')} cut short or refused and left out: "
                "the certificate speaks of inputs that the teacher answers"
            )
        notes += audited_apart_notes(self.audited_apart, self.models)
        if self.n_audited_beyond:
            notes.append(audited_note(self.n_audited_beyond, self.kept + self.dropped[BEYOND]))
        if self.dropped[NO_MATCH]:
            notes.append(
                f"{plural(self.dropped[NO_MATCH], 'text')} that 'traces.extract' does not match left out: "
                "the certificate speaks of those that it matches"
            )
        for reason, lost, found in ((NO_INPUT, "answer", "question"), (NO_OUTPUT, "question", "answer")):
            if self.dropped[reason]:
                notes.append(f"{plural(self.dropped[reason], lost)} without {found}: are all files read?")
        if self.dropped[DECISION]:
            notes.append(
                f"{plural(self.dropped[DECISION], 'record')} of a router's decisions left out: {ASK_THE_TEACHER}"
            )
        n_copies = self.dropped[DUPLICATE]
        if n_copies > self.kept:
            notes.append(
                f"{n_copies:,} records repeat the id of another and {self.kept:,} are left: "
                "is 'traces.format.id' the id of one event?"
            )
        elif self.n_other_text:
            notes.append(
                f"{plural(self.n_other_text, 'record')} left out with the id of an earlier one and another text: is "
                "'traces.format.id' the id of one event? The first messages of conversations, or the first day of ids that "
                "begin anew, are no sample of the traffic"
            )
        return notes


def in_order(reasons: Iterable[str]) -> list[str]:
    """Return reasons in the order in which all reports list them: those of :data:`REASONS`, then those of formats' rules."""
    met = set(reasons)
    return [*(reason for reason in REASONS if reason in met), *sorted(met.difference(REASONS))]


def check_choice(value: str, choices: Sequence[str], address: str) -> None:
    """Raise SpecError where a setting is none of its choices."""
    if value not in choices:
        raise SpecError(
            f"'{value}' is not one of {', '.join(choices)}", hint=did_you_mean(value, choices), address=address
        )


def _error(*problems: Problem) -> DataError:
    error = DataError(problems[0].what)
    error.problems = problems
    return error


def _listing(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} ({count:,})" for what, count in counts.items()) or "no record was read"
