"""Counts of judged rows, which Spark makes, and the verification that they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tracer_spec.errors import DataError
from tracer_spec.flow.documents.certificate import AGREEMENT, END_TO_END, Claim
from tracer_spec.flow.rates import LabelRate
from tracer_spec.flow.traces.name_counts import N_LISTED
from tracer_spec.flow.traces.out_of_prompts import FEW
from tracer_spec.flow.traces.traffic import Traffic
from tracer_spec.flow.verification import Drift, LabelCount, Verification, macro_f1
from tracer_spec.flow.verify import (
    KNOWN_GROUP,
    NO_MATCH,
    OTHER_OF_GROUP,
    ROUNDING,
    SAME_CONTENT,
    SAME_EVENT,
    shared_confidence,
    verdict_of,
)
from tracer_spec.plugin import LabelTarget
from tracer_spec.runtime.bundle import Bundle
from tracer_spec.stats.rate import Rate
from tracer_spec.stats.two_samples import kolmogorov_smirnov

from tracer_spec_spark.judging import CONTENT, EVENT, FRESH, GROUP, REPEAT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# what rows are counted by, for all but their scores and their unknown labels: a few thousand counts at most
ROW = ("matched", "seen", "handled", "agree", "teacher", "answered", "usable", "reason")
_MEASURED = (FRESH, REPEAT)

Count = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of rows.

    Parameters
    ----------
    n : int
        Traces.
    left_out : mapping of str to int
    rows : sequence of mapping
        ``n`` of each combination of :data:`ROW`, of rows to measure and rows of known content.
    cells : sequence of mapping
        ``n`` of each cell of scores and the greatest score in it, of rows to measure.
    wrong : mapping of int to int
        How many rows to measure get each class against the teacher.
    unknown : mapping of str to int
        The most frequent labels that the bundle does not know, of rows to measure.
    """

    n: int
    left_out: Mapping[str, int]
    rows: Sequence[Count]
    cells: Sequence[Count]
    wrong: Mapping[int, int]
    unknown: Mapping[str, int]

    @classmethod
    def of(cls, distinct: DataFrame, by_row: Sequence[Count], *, grouped: bool) -> Counts:
        """Count rows of which no two share an id.

        Parameters
        ----------
        distinct : DataFrame
            Of the columns of :mod:`tracer_spec_spark.judging`.
        by_row : sequence of mapping
            Their counts by :data:`ROW`.
        grouped : bool
            Whether one row of each group counts.

        Raises
        ------
        DataError
            Where a group is missing; where no row is left to measure.
        """
        n = _total(by_row)
        matching = _that(by_row, "matched")
        if _total(matching) / n >= FEW:
            by_row, distinct = matching, distinct.where("matched")
        among = distinct.where(f"seen NOT IN ('{EVENT}', '{GROUP}')")
        left_out = {
            reason: _total([each for each in by_row if each["seen"] == word])
            for reason, word in ((SAME_EVENT, EVENT), (KNOWN_GROUP, GROUP), (SAME_CONTENT, CONTENT))
        }
        n_alone, n_measured = _total(by_row), _total(_measured(by_row))
        if grouped:
            _check_groups(distinct, n_alone)
            among = one_each(among, "group", "mark")
            by_row = sums(among, *ROW)
            left_out[OTHER_OF_GROUP] = n_measured - _total(_measured(by_row))
        left_out[NO_MATCH] = n - n_alone
        left_out = {reason: count for reason, count in left_out.items() if count}
        if not _measured(by_row):
            listed = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
            raise DataError(
                f"none of {n:,} traces is new to this bundle: {listed}",
                hint="verify on traces that were collected after those it was built on",
            )
        measured = among.where(f"seen IN ('{FRESH}', '{REPEAT}')")
        return cls(n, left_out, by_row, _cells(measured), _wrong(measured), _unknown(measured))


def verification(counts: Counts, bundle: Bundle, claim: Claim) -> Verification:
    """Return what counts say of a bundle."""
    confidence = shared_confidence(claim)
    measured, unclear = _measured(counts.rows), [each for each in counts.rows if each["seen"] == CONTENT]
    with_unclear = [*measured, *unclear]
    found = _rates(measured, confidence)
    also = _rates(with_unclear, confidence)[claim.measure] if len(with_unclear) > len(measured) else None
    labels = bundle.manifest.labels
    of_labels = tuple(_label_rate(each, labels, measured, unclear, confidence) for each in claim.labels)
    by_label = tuple(
        LabelCount(label, *_label_counts([each for each in measured if each["teacher"] == number]))
        for number, label in enumerate(labels)
    )
    unknown = [each for each in measured if each["teacher"] < 0]
    reasons: Counter[str] = Counter()
    for each in measured:
        if not each["handled"]:
            reasons[each["reason"]] += each["n"]
    return Verification(
        verdict=verdict_of(claim, found[claim.measure], also, of_labels=of_labels),
        claim=claim,
        confidence=confidence,
        coverage=found["coverage"],
        agreement=found[AGREEMENT],
        end_to_end=found[END_TO_END],
        left_out=counts.left_out,
        n_repeats=_total([each for each in measured if each["seen"] == REPEAT]),
        known_rows=_knows_its_rows(bundle),
        labels=by_label,
        unknown=LabelCount("", *_label_counts(unknown)),
        unknown_labels=counts.unknown,
        reasons=dict(sorted(reasons.items())),
        drift=_drift(claim, counts.cells),
        with_known_texts=also,
        label_claims=of_labels,
        macro_f1=macro_f1(by_label, [counts.wrong.get(number, 0) for number in range(len(labels))]),
        traffic=Traffic(),  # every row that is counted has a label, and the caller says that chance chose it
    )


def _label_rate(
    asked: LabelTarget, labels: Sequence[str], measured: Sequence[Count], unclear: Sequence[Count], confidence: float
) -> LabelRate:
    """Return what counts say of the claim of one label."""
    number = labels.index(asked.label) if asked.label in labels else -2

    def trials_and_successes(rows: Sequence[Count]) -> tuple[int, int]:
        n, handled, teacher, answered = (
            np.array([each[name] for each in rows]) for name in ("n", "handled", "teacher", "answered")
        )
        trials, right = asked.outcomes(number, teacher, answered, handled.astype(bool))
        return int(n[trials].sum()), int(n[right].sum())

    (n, k), (n_unclear, k_unclear) = trials_and_successes(measured), trials_and_successes(unclear)
    also = Rate.of(n + n_unclear, k + k_unclear, confidence) if n_unclear else None
    return LabelRate(asked, Rate.of(n, k, confidence), also)


def sums(rows: DataFrame, *names: str) -> list[Count]:
    """Return how many rows there are of each combination of values of these columns."""
    from pyspark.sql import functions as f

    return [each.asDict() for each in rows.groupBy(*names).agg(f.sum("n").alias("n")).collect()]


def one_each(rows: DataFrame, key: str, least: str) -> DataFrame:
    """Return one row of each value of ``key`` that is not null: the one with the least ``least``."""
    from pyspark.sql import functions as f

    whole = f.struct(least, *(name for name in rows.columns if name != least))
    chosen = rows.where(f.col(key).isNotNull()).groupBy(key).agg(f.min(whole).alias("row"))
    return chosen.select(*(f.col(f"row.{name}").alias(name) for name in rows.columns))


def _check_groups(rows: DataFrame, n: int) -> None:
    missing = rows.where("group IS NULL").count()
    if missing:
        raise DataError(
            f"this bundle's claim is per group, and {missing:,} of {n:,} rows have none",
            hint="its split was grouped: give rows with the key that its router.yaml names in split.key",
        )


def _cells(rows: DataFrame) -> list[Count]:
    """Return how many rows fall in each cell, and a score that stands for it: the greatest, where shares are highest."""
    from pyspark.sql import functions as f

    counted = rows.groupBy("cell").agg(f.sum("n").alias("n"), f.max("score").alias("score"))
    return [each.asDict() for each in counted.collect()]


def _wrong(rows: DataFrame) -> dict[int, int]:
    return {each["wrong"]: each["n"] for each in sums(rows.where("wrong IS NOT NULL"), "wrong")}


def _unknown(rows: DataFrame) -> dict[str, int]:
    """Return the most frequent labels that the bundle does not know."""
    from pyspark.sql import functions as f

    counted = rows.where("unknown IS NOT NULL").groupBy("unknown").agg(f.sum("n").alias("n"))
    most = counted.orderBy(f.col("n").desc(), "unknown").limit(N_LISTED).collect()
    return {each["unknown"]: each["n"] for each in most}


def _knows_its_rows(bundle: Bundle) -> bool:
    from tracer_spec.flow.traces.row_hashes import KnownRows

    return KnownRows.read(bundle.members, bundle.manifest.provenance) is not None


def _measured(rows: Sequence[Count]) -> list[Count]:
    return [each for each in rows if each["seen"] in _MEASURED]


def _total(rows: Sequence[Count]) -> int:
    return sum(each["n"] for each in rows)


def _that(rows: Sequence[Count], flag: str) -> list[Count]:
    return [each for each in rows if each[flag]]


def _label_counts(rows: Sequence[Count]) -> tuple[int, int, int]:
    """Return rows, those handled, and those of them that agree."""
    return _total(rows), _total(_that(rows, "handled")), _total(_that(rows, "agree"))


def _rates(rows: Sequence[Count], confidence: float) -> dict[str, Rate]:
    n, n_handled, k = _label_counts(rows)
    return {
        "coverage": Rate.of(n, n_handled, confidence),
        AGREEMENT: Rate.of(n_handled, k, confidence),
        END_TO_END: Rate.of(n, n - (n_handled - k), confidence),
    }


def _drift(claim: Claim, cells: Sequence[Count]) -> Drift | None:
    if not claim.scores:
        return None
    scores, counts = [each["score"] for each in cells], [each["n"] for each in cells]
    distance, p_value = kolmogorov_smirnov(claim.scores, claim.n_certify, scores, counts=counts, rounding=ROUNDING)
    return Drift(distance, p_value, claim.n_certify, sum(counts))
