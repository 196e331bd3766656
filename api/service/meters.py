"""The Prometheus metrics: requests of this process, and the figures of the service (jobs/service_stats.py).

Each application has its own registry, so that two applications in one process do not share their counts.
"""

from collections.abc import Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from api.service.probe import Probe
from jobs.delivery import BrokerState
from jobs.service_stats import ServiceStats
from models import Database
from training.release import release

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4  # every version of Prometheus reads it

# How long a scrape waits for the database and for the broker. Prometheus itself waits for ten seconds by default.
TIMEOUT_SECONDS = 3.0

# Most answers take milliseconds. An answer that takes more than ten seconds means an outage.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    """Metrics of the requests that this process answers. Their labels have few values, whatever clients send."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        labels = ("method", "route", "status")
        self.requests = Counter(
            "epochal_http_requests_total",
            "Requests answered, by route and class of status; `gone` where the client left before.",
            labels,
            registry=self.registry,
        )
        self.seconds = Histogram(
            "epochal_http_request_duration_seconds",
            "From a request's arrival to the end of its answer, without streams and requests that asked to wait.",
            labels,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "epochal_http_requests_in_flight",
            "Requests that are being answered, streams included.",
            registry=self.registry,
        )
        self.streams = Gauge("epochal_http_streams_open", "Open event streams.", registry=self.registry)


class Exposition:
    """All metrics as text."""

    def __init__(self, meters: Meters, *others: Collector) -> None:
        self._registry = meters.registry
        for collector in others:
            self._registry.register(collector)

    def text(self) -> bytes:
        """Prometheus' text format. If the database or the broker does not answer, this takes TIMEOUT_SECONDS for
        each."""
        return generate_latest(self._registry)


class ServiceFigures(Collector):
    """Reads the figures during the scrape, so that they are never older than it."""

    def __init__(self, figures: Probe[ServiceStats], broker: Probe[BrokerState], database: Database) -> None:
        self._figures = figures
        self._broker = broker
        self._database = database

    def describe(self) -> Iterator[Metric]:
        """Describe nothing. Without this method, registration would call `collect`, and so read the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """If the database does not answer, `epochal_database_up` is 0, and the metrics that need it are missing."""
        yield InfoMetricFamily("epochal_build", "The release that runs.", {"version": release()})
        figures = self._figures.ask(TIMEOUT_SECONDS)
        yield _gauge("epochal_database_up", "Whether the database answers.", figures is not None)
        broker = self._broker.ask(TIMEOUT_SECONDS)
        yield _gauge("epochal_broker_up", "Whether the broker answers and takes messages.", broker == "ok")
        yield _connections(
            "epochal_database_connections",
            "Connections to the database of this process: open ones, and the most that it opens.",
            {"open": self._database.open_connections, "most": self._database.most_connections},
        )
        if figures is not None and figures.server_connections:
            yield _connections(
                "epochal_database_server_connections",
                "Connections to the PostgreSQL server of all its clients: open ones, and the most that it takes.",
                figures.server_connections,
            )
        if figures is not None:
            yield from _jobs(figures)
            yield from _workers(figures)
            yield from _deliveries(figures)


def _jobs(figures: ServiceStats) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("epochal_jobs", "Jobs that have not ended, by status.", labels=["status"])
    for status, count in figures.jobs.items():
        jobs.add_metric([status], count)
    yield jobs
    yield _gauge(
        "epochal_oldest_queued_job_age_seconds",
        "How long the job that waits longest has been in the queue; 0 where none waits.",
        figures.oldest_queued_seconds,
    )
    yield _gauge(
        "epochal_expired_leases", "Jobs whose worker is lost, and that are not back yet.", figures.expired_leases
    )
    yield _gauge(
        "epochal_training_images_per_second",
        "Of the running jobs together, each in its last epoch.",
        figures.images_per_second,
    )
    ended = CounterMetricFamily(
        "epochal_attempts_ended",
        "Attempts that ended since this process was first asked, by reason.",
        labels=["reason"],
    )
    for reason, count in figures.attempts_ended.items():
        ended.add_metric([reason], count)
    yield ended
    yield CounterMetricFamily(
        "epochal_epochs_recorded",
        "Epochs whose metrics were recorded since this process was first asked.",
        figures.epochs_recorded,
    )


def _workers(figures: ServiceStats) -> Iterator[Metric]:
    workers = GaugeMetricFamily("epochal_workers", "Connected workers, by state.", labels=["state"])
    for state, count in figures.workers.items():
        workers.add_metric([state], count)
    yield workers
    slots = GaugeMetricFamily(
        "epochal_worker_slots",
        "Jobs that the connected workers run, and further ones that they could.",
        labels=["state"],
    )
    slots.add_metric(["busy"], figures.busy_slots)
    slots.add_metric(["free"], figures.free_slots)
    yield slots


def _deliveries(figures: ServiceStats) -> Iterator[Metric]:
    yield _gauge(
        "epochal_webhook_deliveries_waiting",
        "Webhook messages that are to be sent, for the first time or again.",
        figures.deliveries_waiting,
    )
    yield _gauge(
        "epochal_oldest_webhook_delivery_age_seconds",
        "How long ago that happened which the oldest of them is about; 0 where none waits.",
        figures.oldest_delivery_seconds,
    )


def _connections(name: str, documentation: str, counts: Mapping[str, int]) -> Metric:
    metric = GaugeMetricFamily(name, documentation, labels=["state"])
    for state, count in counts.items():
        metric.add_metric([state], count)
    return metric


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value)
