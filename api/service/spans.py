"""Where spans go. Imports OpenTelemetry's SDK: for `api.service.telemetry`, where it is wanted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from settings import service_version

# Asked for every few seconds by whatever watches the service, and never of interest.
UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})

# What a client wrote, in which a key may stand. The route's template says what was asked for.
OF_THE_CLIENT = ("url.path", "url.query")


@dataclass(frozen=True, slots=True)
class Tracing:
    """Traces of one application."""

    provider: TracerProvider
    exporter: SpanExporter

    @property
    def config(self) -> TelemetryConfig:
        """What FastAPI takes as `telemetry`."""
        return {
            "tracing": True,
            "tracer_provider": self.provider,
            "metrics": False,  # Prometheus has them
            "logs": False,  # as has our own log, without what a client wrote
            "auto_configure": False,
            "exclude": _is_untraced,
        }

    @contextmanager
    def exporting(self) -> Iterator[None]:
        """Send spans from a thread of its own as long as the context lasts, and what is left at its end."""
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
        try:
            yield
        finally:
            self.provider.shutdown()


def tracing_to(exporter: SpanExporter) -> Tracing:
    """The rest is as the OTEL_* variables say it: the service's name, what is sampled, how spans are batched."""
    own = {SERVICE_NAME: "epochal-api", SERVICE_VERSION: service_version()}
    resource = Resource.create(own).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(_Discretion())
    return Tracing(provider, exporter)


def exporter_of(kind: str) -> SpanExporter:
    """Of the name that OTEL_TRACES_EXPORTER has for it."""
    return OTLPSpanExporter() if kind == "otlp" else ConsoleSpanExporter()


class _Discretion(SpanProcessor):
    """Takes out of a span what a client wrote, before anybody else sees it."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """FastAPI's attributes are there already."""
        for name in OF_THE_CLIENT:
            if name in (span.attributes or {}):
                span.set_attribute(name, "REDACTED")


def _is_untraced(scope: Mapping[str, Any]) -> bool:
    return scope.get("path") in UNTRACED
