"""The Prometheus metrics of predictions that this process makes."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serving import Predictor
from serving.measures import Histogram


class PredictionMeters(Collector):
    """Reads what the predictor has counted."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def describe(self) -> Iterator[Metric]:
        """Describe nothing, as api.service.meters does."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        now = self._predictor.measures()
        yield _counter("epochal_prediction_requests", "Requests, by what became of them.", "outcome", now.requests)
        yield _counter("epochal_prediction_images", "Images, by what became of them.", "outcome", now.images)
        yield _histogram("epochal_prediction_duration_seconds", "From a request to its answer.", now.seconds)
        yield _histogram("epochal_prediction_batch_images", "Images that ran together.", now.batches)
        yield CounterMetricFamily("epochal_prediction_model_loads", "Models that were loaded.", now.loads)
        yield CounterMetricFamily(
            "epochal_prediction_model_evictions", "Models that gave way to others.", now.evictions
        )
        yield GaugeMetricFamily("epochal_prediction_waiting_images", "Images without an answer.", now.waiting_images)
        yield GaugeMetricFamily("epochal_prediction_loaded_models", "Models that are loaded.", now.sessions)
        yield GaugeMetricFamily(
            "epochal_prediction_model_bytes", "Memory that the loaded models count for.", now.session_bytes
        )


def _counter(name: str, documentation: str, label: str, counts: dict[str, int]) -> Metric:
    metric = CounterMetricFamily(name, documentation, labels=[label])
    for value, count in counts.items():
        metric.add_metric([value], count)
    return metric


def _histogram(name: str, documentation: str, histogram: Histogram) -> Metric:
    buckets, running = list[tuple[str, float]](), 0
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        running += count
        buckets.append((bound, float(running)))
    return HistogramMetricFamily(name, documentation, buckets=buckets, sum_value=histogram.total)
