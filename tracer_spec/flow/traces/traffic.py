"""Traffic: what the rows of a log are a sample of, and which of them tell agreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.optional_labels import NOT_ANSWERED
from tracer_spec.flow.traces.sampling import Sampling
from tracer_spec.flow.traces.trace_set import TraceSet
from tracer_spec.plugin import Mask
from tracer_spec.stats.draws import is_by_chance


@dataclass(frozen=True, slots=True)
class Traffic:
    """What measured rows are a sample of.

    Parameters
    ----------
    n_unlabelled : int
        Rows without a teacher's label: they count for coverage and drift.
    n_chosen : int
        Rows whose label is there because the router was unsure: they count for coverage and drift alone.
    is_whole : bool
        Whether all requests of the log are there, as far as the audited ones can tell; else audited rows alone count.
    rates : tuple of (float, float) or None
        The least and the greatest rate of the audit, where there was one.
    """

    n_unlabelled: int = 0
    n_chosen: int = 0
    is_whole: bool = True
    rates: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows of a log, as masks of shape (n,).

    Parameters
    ----------
    is_labelled : ndarray of bool
        Rows with a teacher's label.
    is_audited : ndarray of bool
        Rows that chance chose for the teacher.
    is_traffic : ndarray of bool
        Rows that together stand for all traffic.
    """

    is_labelled: Mask
    is_audited: Mask
    is_traffic: Mask

    def traffic(self, sampling: Sampling | None, among: Mask) -> Traffic:
        """Say what some of the rows are a sample of."""
        rates = None
        if sampling is not None and (among & self.is_audited).any():
            known = sampling.rates[among & self.is_audited]
            rates = float(known.min()), float(known.max())
        return Traffic(
            n_unlabelled=int((among & ~self.is_labelled).sum()),
            n_chosen=int((among & self.is_labelled & ~self.is_audited).sum()),
            is_whole=bool(self.is_traffic[among].all()),
            rates=rates,
        )


def sample_of(traces: TraceSet, among: Mask, *, seen: Mask | None = None) -> Sample:
    """Return which rows tell what, of those ``among``; ``seen`` are those left out since the build saw them.

    A build sees of a router's requests those with a label. Where it saw some, or requests are missing that the router
    answered, those that chance chose stand for the traffic alone. Where the teacher was asked all requests, none is amiss.

    Raises
    ------
    DataError
        Where every label is that of a request that chance did not choose.
    """
    everything = np.ones(len(traces), bool)
    is_labelled = np.array([label != NOT_ANSWERED for label in traces.labels], bool)
    if traces.sampling is None:
        return Sample(is_labelled, everything, everything)
    is_audited, n_labelled = traces.sampling.may_certify, int(is_labelled.sum())
    if n_labelled and not (is_labelled & is_audited).any():
        raise DataError(
            f"agreement cannot be measured: none of the {n_labelled:,} rows with a teacher's label was audited; a router "
            "deferred them because it was unsure, and of what it answers they say nothing",
            hint="'tracer_spec.deploy(..., audit=0.02)' sends a share of all requests to the teacher, whatever the router "
            "would say; agreement is measured on those",
        )
    lacks_rows = seen is not None and bool((seen & (traces.sampling.rates < 1)).any())
    is_whole = not lacks_rows and _is_whole(traces.sampling, among)
    return Sample(is_labelled, is_audited, everything if is_whole else is_audited)


def _is_whole(sampling: Sampling, among: Mask) -> bool:
    """Return whether chance chose as many rows as its rates say, of those handled and of those deferred."""
    for stratum in (sampling.is_deferred, ~sampling.is_deferred):
        rows = stratum & among & sampling.is_said
        rates = sampling.rates[rows]
        n_chosen = int((rows & sampling.may_certify).sum())
        if not is_by_chance(n_chosen, float(rates.sum()), float((rates * (1 - rates)).sum())):
            return False
    return True
