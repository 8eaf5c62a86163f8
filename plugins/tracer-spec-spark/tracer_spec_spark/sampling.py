"""Samples by a salted hash of the id, made by Spark: the same rows next month, and nothing but ids is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.columns import key_of
from tracer_spec.flow.traces.row_keys import SPAN, uniform_hash

from tracer_spec_spark.workers import in_worker, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# not the salt of the split: else a sample would be of the rows that certify
_SALT = b"tracer-spec 1 sample"
_ZERO = 1 << 63
_PART_BITS = 16
ADDRESS = "traces.with.id"


def sampled(rows: DataFrame, column: str, *, share: float | None, max_rows: int | None, salt: str) -> DataFrame:
    """Return the rows whose ids have the least hashes.

    Parameters
    ----------
    rows : DataFrame
    column : str
        Of the ids.
    share : float or None
        The share of rows to keep, in (0, 1]; all of them where None.
    max_rows : int or None
        How many to keep at most. Rows of one id are kept together or not at all.
    salt : str
        Another one keeps other rows.

    Raises
    ------
    DataError
        Where a row has no id, so that nothing would keep it or leave it.

    Notes
    -----
    The hash is that of the split, under a salt of its own, so that the shares of fit and certify rows stay as they are.
    A bound on rows takes two looks at the ids: how many there are in each of 65,536 parts of the hashes, then the hashes of
    the one part in which the bound falls. Only counts, and that part, come to the driver.
    """
    from pyspark.sql import functions as f

    hashed = f.udf(in_worker("sampling", "hasher", salt), "bigint", useArrow=False)(f.col(quoted(column)))
    ids = rows.select(hashed.alias("hash"))
    part = f.shiftright("hash", 64 - _PART_BITS)
    counts = {each["part"]: each["count"] for each in ids.groupBy(part.alias("part")).count().collect()}
    missing = counts.pop(None, 0)
    if missing:
        raise DataError(
            f"{missing:,} of {missing + sum(counts.values()):,} rows have no id, and rows are sampled by it",
            hint="name the column of ids under 'id', or leave those rows out with a WHERE under 'sql'",
            address=ADDRESS,
        )
    bounds = [] if share is None or share >= 1 else [int(share * SPAN) - _ZERO]
    if max_rows is not None and sum(counts.values()) > max_rows:
        at, n_before = _reached(counts, max_rows)
        inside = ids.where(part == at).groupBy("hash").count().collect()
        bounds.append(_reached({each["hash"]: each["count"] for each in inside}, max_rows - n_before)[0])
    return rows.where(hashed < f.lit(min(bounds))) if bounds else rows


def hasher(salt: str) -> Callable[[Any], int | None]:
    """Return what hashes an id, as an integer from -2^63 on, as Spark's begin there; None for what is no id."""
    salted = _SALT + salt.encode()

    def of(value: Any) -> int | None:
        key = key_of(value)
        return None if key is None else uniform_hash(b"id\0" + key.encode("utf-8", "surrogatepass"), salted) - _ZERO

    return of


def _reached(counts: Mapping[int, int], n: int) -> tuple[int, int]:
    """Return the first key with which there are more than n, and how many there are before it."""
    before = 0
    for key in sorted(counts):
        if before + counts[key] > n:
            break
        before += counts[key]
    return key, before
