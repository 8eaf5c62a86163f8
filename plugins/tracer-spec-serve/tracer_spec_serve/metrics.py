"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from tracer_spec.production.decision_log import DecisionLog
    from tracer_spec.runtime import Router

    from tracer_spec_serve.live import Live

_OVERHEAD = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5)
_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
NO_ROUTER = ""
_VERSION = ("router", "version")


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self._requests = Counter(
            "tracer_requests", "Requests answered.", ["outcome", "reason", *_VERSION, "status"], registry=own
        )
        self._seconds = Histogram(
            "tracer_request_seconds",
            "From a request to the end of its answer.",
            ["outcome"],
            buckets=_LATENCY,
            registry=own,
        )
        self.overhead = Histogram(
            "tracer_overhead_seconds",
            "What the server added to a request before it was answered or sent on.",
            buckets=_OVERHEAD,
            registry=own,
        )
        self.decisions = Counter(
            "tracer_decisions", "Decisions of /v1/route.", [*_VERSION, "handled", "reason"], registry=own
        )
        self.upstream_errors = Counter(
            "tracer_upstream_errors", "Requests the upstream failed.", ["code"], registry=own
        )
        self.refused = Counter("tracer_overloaded", "Requests refused, since too many were in flight.", registry=own)
        self.in_flight = Gauge("tracer_in_flight", "Requests in flight.", registry=own)
        self.reloads = Counter("tracer_reloads", "Reloads of the bundles.", ["result"], registry=own)
        self._children: dict[tuple[str, str, str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, outcome: str, reason: str, router: Router | None, status: int, seconds: float) -> None:
        """Count a request; ``router`` is whose it is, None where it is nobody's."""
        named = (NO_ROUTER, NO_ROUTER) if router is None else (router.name, router.version)
        key = (outcome, reason, *named, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (self._requests.labels(*map(str, key)), self._seconds.labels(outcome))
        children[0].inc()
        children[1].observe(seconds)

    def follow(self, live: Live, log: DecisionLog | None) -> None:
        """Show also what serves by now, how its claim fares, and what became of the log."""
        self.registry.register(_State(live, log))

    def text(self) -> bytes:
        """Return all of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class _State(Collector):
    """What is read when it is asked for."""

    def __init__(self, live: Live, log: DecisionLog | None) -> None:
        self._live, self._log = live, log

    def collect(self) -> Iterator[Metric]:
        """Return what serves by now."""
        yield GaugeMetricFamily("tracer_ready", "Whether requests are answered.", value=float(self._live.is_ready))
        yield from self._bundles()
        yield from self._claims()
        if self._log is not None:
            counts = self._log.counts
            lines = CounterMetricFamily("tracer_log_lines", "Decisions given to the log.", labels=["result"])
            lines.add_metric(["written"], counts.written)
            lines.add_metric(["dropped"], counts.dropped)
            yield lines
            yield GaugeMetricFamily("tracer_log_waiting", "Decisions that wait to be written.", value=counts.waiting)

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
        yield from (agreement, audits, e_value, bar, claim)
