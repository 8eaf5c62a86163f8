"""What Prometheus reads: counted in plain numbers, since one thread serves, and written out when it is asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from tracer_spec.production.decision_log import DecisionLog
    from tracer_spec.runtime import Router

    from tracer_spec_serve.live import Live

_OVERHEAD = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5)
_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_VERSION = ("router", "version")
_INFINITY = "+Inf"


class _Spread:
    """Durations, by the bucket that each falls into."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds, self._sum = bounds, 0.0
        self._counts = [0] * (len(bounds) + 1)

    def add(self, seconds: float) -> None:
        """Add a duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def show(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add it to what is written."""
        names = [*map(str, self._bounds), _INFINITY]
        buckets = [(name, float(n)) for name, n in zip(names, accumulate(self._counts), strict=True)]
        family.add_metric(labels, buckets, self._sum)


class Metrics(Collector):
    """What one server has done so far, and what it serves.

    Parameters
    ----------
    live : Live
    log : DecisionLog or None
    """

    def __init__(self, live: Live, log: DecisionLog | None) -> None:
        self._live, self._log = live, log
        self.in_flight = self.n_overloaded = 0
        self.decisions: Counter[tuple[str, str, str, str]] = Counter()
        self.reloads: Counter[tuple[str]] = Counter()
        self.upstream_errors: Counter[tuple[str]] = Counter()
        self._requests: Counter[tuple[str, str, str, str, str]] = Counter()
        self._seconds: defaultdict[str, _Spread] = defaultdict(lambda: _Spread(_LATENCY))
        self.overhead = _Spread(_OVERHEAD)

    def count(self, outcome: str, reason: str, router: Router | None, status: int, seconds: float) -> None:
        """Count a request; ``router`` is whose it is, None where it is nobody's."""
        name, version = ("", "") if router is None else (router.name, router.version)
        self._requests[outcome, reason, name, version, str(status)] += 1
        self._seconds[outcome].add(seconds)

    def text(self) -> bytes:
        """Return all of it, as Prometheus reads it."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Return all of it, as prometheus_client takes it."""
        requests = ("outcome", "reason", *_VERSION, "status")
        yield _counted("tracer_requests", "Requests answered.", requests, self._requests)
        seconds = HistogramMetricFamily(
            "tracer_request_seconds", "From a request to the end of its answer.", labels=["outcome"]
        )
        for outcome, spread in self._seconds.items():
            spread.show(seconds, [outcome])
        yield seconds
        overhead = HistogramMetricFamily("tracer_overhead_seconds", "What the server added to a chat.", labels=[])
        self.overhead.show(overhead)
        yield overhead
        decisions = (*_VERSION, "handled", "reason")
        yield _counted("tracer_decisions", "Decisions of /v1/route.", decisions, self.decisions)
        yield _counted("tracer_upstream_errors", "Requests the upstream failed.", ["code"], self.upstream_errors)
        yield _counted("tracer_reloads", "Reloads of the bundles.", ["result"], self.reloads)
        yield CounterMetricFamily("tracer_overloaded", "Requests refused: too many in flight.", value=self.n_overloaded)
        yield GaugeMetricFamily("tracer_in_flight", "Requests in flight.", value=self.in_flight)
        yield GaugeMetricFamily("tracer_ready", "1 from when the bundles are open.", value=1)
        yield from self._bundles()
        yield from self._claims()
        if self._log is not None:
            yield from _log_lines(self._log)

    def _bundles(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("tracer_bundle_info", "The bundles that serve.", labels=[*_VERSION, "sha256"])
        handling = GaugeMetricFamily("tracer_handling", "Whether a router answers what it handles.", labels=_VERSION)
        for each in self._live.all:
            router = each.router
            info.add_metric([router.name, router.version, router.sha256], 1)
            handling.add_metric([router.name, router.version], float(not each.is_revoked))
        yield from (info, handling)

    def _claims(self) -> Iterator[Metric]:
        agreement = GaugeMetricFamily("tracer_audited_agreement", "Agreement on audited rows handled.", labels=_VERSION)
        audits = GaugeMetricFamily("tracer_audited_rows", "Audited rows handled, since release.", labels=_VERSION)
        e_value = GaugeMetricFamily("tracer_e_value", "Evidence against the claim so far.", labels=_VERSION)
        bar = GaugeMetricFamily("tracer_e_value_bar", "The evidence that refutes the claim.", labels=_VERSION)
        claim = GaugeMetricFamily("tracer_claim", "1 for how the claim stands.", labels=[*_VERSION, "verdict"])
        watching = GaugeMetricFamily("tracer_watching", "Whether the log is read and its state kept.", labels=_VERSION)
        for each in self._live.all:
            if (watched := each.watch) is None:
                continue
            labels = [each.router.name, each.router.version]
            if (share := watched.agreement) is not None:
                agreement.add_metric(labels, share)
            audits.add_metric(labels, watched.n_audits)
            e_value.add_metric(labels, watched.e_value)
            bar.add_metric(labels, watched.bar)
            claim.add_metric([*labels, watched.verdict], 1)
            watching.add_metric(labels, float(not watched.trouble))
        yield from (agreement, audits, e_value, bar, claim, watching)


def _counted(name: str, what: str, labels: Sequence[str], counts: Counter[Any]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, what, labels=labels)
    for key, n in counts.items():
        family.add_metric(key, n)
    return family


def _log_lines(log: DecisionLog) -> Iterator[Metric]:
    counts = log.counts
    lines = CounterMetricFamily("tracer_log_lines", "Decisions given to the log.", labels=["result"])
    lines.add_metric(["written"], counts.written)
    lines.add_metric(["dropped"], counts.dropped)
    yield lines
    yield GaugeMetricFamily("tracer_log_waiting", "Decisions that wait to be written.", value=counts.waiting)
