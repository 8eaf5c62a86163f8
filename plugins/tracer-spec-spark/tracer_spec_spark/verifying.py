"""Verification of a bundle from counts that Spark makes: the numbers of ``tracer-spec verify``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)
from tracer_spec.build_packages import check_build_packages
from tracer_spec.errors import DataError, UsageError
from tracer_spec.flow.documents.certificate import CertificateDocument, Claim
from tracer_spec.flow.traces.accounting import DUPLICATE, REASONS
from tracer_spec.flow.traces.counts import Accounting
from tracer_spec.flow.verification import Verification
from tracer_spec.fresh.spec_of_bundle import text_at, traces_spec, written_spec
from tracer_spec.report.facts import dropped_text
from tracer_spec.runtime.bundle import Bundle, read_bundle

from tracer_spec_spark.counting import ROW, Counts, one_each, sums, verification
from tracer_spec_spark.judging import COLUMNS
from tracer_spec_spark.routing import check_column, column_type
from tracer_spec_spark.shipping import Settings, ship
from tracer_spec_spark.workers import check_workers, in_worker, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_TYPES = {
    "string": StringType(),
    "int64": LongType(),
    "int32": IntegerType(),
    "binary": BinaryType(),
    "bool": BooleanType(),
    "float": FloatType(),
}


@dataclass(frozen=True, slots=True)
class Verified:
    """What the rows of a DataFrame say of a bundle.

    Parameters
    ----------
    found : Verification
        The numbers, and the verdict.
    accounting : Accounting
        What became of every row.
    """

    found: Verification
    accounting: Accounting

    def document(self) -> dict[str, Any]:
        """Return the numbers as ``tracer-spec verify --json`` has them under ``measured``."""
        return self.found.document(self.accounting)


def verify(
    df: DataFrame,
    bundle: str | os.PathLike[str],
    *,
    text: str,
    label: str,
    id: str | None = None,  # noqa: A002 - as the key of a spec
    group: str | None = None,
    sha256: str | None = None,
    embedder: str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
) -> Verified:
    """Measure a bundle on the rows of a DataFrame that its build never saw.

    Parameters
    ----------
    df : DataFrame
        Rows that the spec's teacher answered, whatever a router would have said: of a log of decisions, those
        ``where("router IS NULL OR router.audit")``. Classic or of Spark Connect.
    bundle : path
        The ``.tracer`` file on this machine; Spark brings it to the workers.
    text, label : str
        The columns of the texts, as they were logged, and of the teacher's answers, which are cleaned as the spec inside the
        bundle says.
    id : str or None
        The column of the events' ids; of rows that share one, one counts. Without ids, rows of texts that the build has seen
        cannot be told from its own.
    group : str or None
        The column of the groups, where the claim is per group.
    sha256, embedder, embedder_options
        As :func:`tracer_spec.load` takes them.

    Returns
    -------
    Verified

    Raises
    ------
    BundleError
        As :func:`tracer_spec.load`.
    DataError
        Where a column does not exist, no row can be used, or none is new to the bundle.
    MissingDependencyError
        Where the workers lack a package.
    UsageError
        Where the claim is per group, and there is no column of groups or of ids; where the bundle takes vectors.

    Notes
    -----
    Each row becomes a few small columns where it lies; those are kept in Spark while they are counted, and counts come here.
    They are those of ``tracer-spec verify`` on the same rows, but that Spark's rows have no order: of rows of one id that say
    different things, not the first counts, but one that a hash chooses.

    Examples
    --------
    >>> verified = verify(calls, "dist/intents.tracer", text="body", label="answer", id="id")  # doctest: +SKIP
    >>> verified.found.agreement  # doctest: +SKIP
    Rate(n=61234, k=59100, lower=0.9636, upper=0.9666)
    """
    check_build_packages("measuring a bundle on rows", "scipy")
    _check_columns(df.schema, text, label, id, group)
    opened = read_bundle(bundle, sha256=sha256)
    if opened.manifest.embedder.probe is None:
        raise UsageError(
            "this bundle takes vectors, and its rows are known by them",
            hint="'tracer-spec verify BUNDLE TRACES' measures it",
        )
    tree = written_spec(opened)
    grouped = text_at(tree, "split", "strategy") == "grouped"
    if grouped and (group is None or id is None):
        raise UsageError(
            "this bundle's claim is per group", hint="group='COLUMN', and id='COLUMN', which chooses a row of each"
        )
    claim = CertificateDocument.of_bundle(opened).claimed(opened.manifest.status)
    session = df.sparkSession
    shipped = ship(session, bundle, sha256, Settings(embedder, embedder_options, True))
    check_workers(session)
    asked = {"text": text, "label": label, "id": id, "group": group if grouped else None}
    named = sorted({name for name in asked.values() if name is not None})
    claimed = sorted({each.label for each in claim.labels})
    make = in_worker("judging", "judge", shipped.plain(), asked, _cleaning(opened, tree), list(claim.scores), claimed)
    schema = StructType([StructField(name, _TYPES[str(kind)]) for name, kind in COLUMNS.items()])
    with _kept(df.select(*map(quoted, named)).mapInArrow(make, schema)) as rows:
        return _concluded(rows, opened, claim, grouped=grouped)


def _check_columns(schema: StructType, text: str, label: str, event: str | None, group: str | None) -> None:
    check_column(schema, text, StringType, "texts")
    for name in (label, event, group):
        if name is not None:
            column_type(schema, name)


def _cleaning(bundle: Bundle, tree: Any) -> dict[str, Any]:
    """Return what makes a :class:`LabelCleaner` as the build had it, in plain values."""
    labels = traces_spec(bundle, tree).labels
    allowed = None if labels.allowed == "infer" else list(bundle.manifest.labels)
    return {"normalize": list(labels.normalize), "aliases": dict(labels.aliases), "allowed": allowed}


@contextmanager
def _kept(rows: DataFrame) -> Iterator[DataFrame]:
    """Keep rows in Spark, so that they are judged once."""
    kept = rows.persist()
    try:
        yield kept
    finally:
        kept.unpersist()


def _concluded(rows: DataFrame, bundle: Bundle, claim: Claim, *, grouped: bool) -> Verified:
    """Count, and conclude."""
    keyed = rows.where("key IS NOT NULL")
    chosen = one_each(keyed, "key", "digest")
    alone = rows.where("key IS NULL").unionByName(chosen)
    dropped = {each["dropped"]: each["n"] for each in sums(alone.where("dropped IS NOT NULL"), "dropped")}
    copies = keyed.count() - chosen.count()
    distinct = alone.where("dropped IS NULL")
    by_row = sums(distinct, *ROW)
    n = sum(each["n"] for each in by_row)
    dropped |= {DUPLICATE: copies} if copies else {}
    nothing: Mapping[str, Any] = {}
    in_order = {reason: dropped[reason] for reason in REASONS if reason in dropped}
    read = n + sum(dropped.values())
    if not n:
        raise DataError(f"no row is a trace: {dropped_text(read, 0, in_order)}")
    if not any(each["usable"] for each in by_row):
        raise DataError(
            f"none of {n:,} rows has a usable label", hint="name the column of the teacher's answers under 'label'"
        )
    accounting = Accounting(read, n, in_order, nothing, nothing, nothing, 0, nothing, ())
    return Verified(verification(Counts.of(distinct, by_row, grouped=grouped), bundle, claim), accounting)
