"""The numbers that Prometheus scrapes. Labels are bounded: experts and outcomes, never tenants, users or prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from doyen_experts.contract import Usage
from doyen_router.gate.balance import LoadFigures
from doyen_router.gate.decision import Choice
from doyen_workers.dispatch import Lane

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """One registry for one application, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            "doyen_router_decisions", "Routing decisions", ["expert", "outcome"], registry=self.registry
        )
        self._confidence = Histogram(
            "doyen_router_confidence",
            "Calibrated probability of the first chosen expert",
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=self.registry,
        )
        self._abstentions = Counter(
            "doyen_router_abstentions", "Decisions in which the gate abstained", ["reason"], registry=self.registry
        )
        self._adjustments = Counter(
            "doyen_router_adjustments", "Adjustments in decisions", ["adjustment"], registry=self.registry
        )
        self._propensity = Histogram(
            "doyen_router_propensity",
            "Propensity of decisions that chance could have made otherwise",
            buckets=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9, 1],
            registry=self.registry,
        )
        self._executions = Histogram(
            "doyen_expert_request_duration_seconds",
            "An expert's time for one request, waiting included",
            ["expert", "state"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._tokens = Counter("doyen_tokens", "Tokens read and written", ["direction"], registry=self.registry)
        self._requests = Histogram(
            "doyen_http_request_duration_seconds",
            "Time until an answer's end",
            ["route", "method", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.undelivered = Gauge("doyen_decisions_undelivered", "Decisions in the journal only", registry=self.registry)
        self.lost = Gauge("doyen_decisions_lost", "Decisions that nothing had room for", registry=self.registry)

    def decision(self, expert: str, outcome: str, choice: Choice) -> None:
        self._decisions.labels(expert, outcome).inc()
        self._confidence.observe(choice.confidence)
        if choice.abstained:
            self._abstentions.labels(choice.reason.value).inc()
        if choice.propensity < 1:
            self._propensity.observe(choice.propensity)
        for adjustment in choice.adjustments:
            self._adjustments.labels(adjustment.name).inc()

    def execution(self, expert: str, state: str, seconds: float, usage: Usage) -> None:
        self._executions.labels(expert, state).observe(seconds)
        self._tokens.labels("in").inc(usage.prompt_tokens)
        self._tokens.labels("out").inc(usage.completion_tokens)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).observe(seconds)

    def watch_lanes(self, lanes: Callable[[], dict[str, Lane]]) -> None:
        self.registry.register(_Lanes(lanes))

    def watch_balance(self, figures: Callable[[], Mapping[str, LoadFigures]]) -> None:
        self.registry.register(_Balance(figures))


class _Lanes(Collector):
    def __init__(self, lanes: Callable[[], dict[str, Lane]]) -> None:
        self._lanes = lanes

    def collect(self) -> Iterable[GaugeMetricFamily]:
        waiting = GaugeMetricFamily("doyen_expert_queue_depth", "Requests that wait for an expert", labels=["expert"])
        running = GaugeMetricFamily("doyen_expert_running", "Requests in an expert", labels=["expert"])
        for expert, lane in self._lanes().items():
            waiting.add_metric([expert], lane.waiting)
            running.add_metric([expert], lane.running)
        return [waiting, running]


class _Balance(Collector):
    def __init__(self, figures: Callable[[], Mapping[str, LoadFigures]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[GaugeMetricFamily]:
        violation = GaugeMetricFamily(
            "doyen_router_balance_max_violation", "Heaviest load over the mean, less one", labels=["policy"]
        )
        entropy = GaugeMetricFamily("doyen_router_balance_entropy", "Of the load; 1 is even", labels=["policy"])
        dead = GaugeMetricFamily("doyen_router_balance_dead_experts", "Experts without any load", labels=["policy"])
        for policy, figures in self._figures().items():
            violation.add_metric([policy], figures.max_violation)
            entropy.add_metric([policy], figures.entropy)
            dead.add_metric([policy], len(figures.dead))
        return [violation, entropy, dead]
