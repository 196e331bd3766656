"""Exports spans. This module imports OpenTelemetry's SDK, so `api.service.telemetry` imports it only if it is
needed."""

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

from training.release import release

# Monitoring requests these every few seconds, and their traces are of no interest.
UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})

# Attributes that the client controls: they may contain a key. The template of the route says what was requested.
CLIENT_ATTRIBUTES = ("url.path", "url.query")


@dataclass(frozen=True, slots=True)
class Tracing:
    """Tracing of one application."""

    provider: TracerProvider
    exporter: SpanExporter

    @property
    def config(self) -> TelemetryConfig:
        """The argument `telemetry` of FastAPI."""
        return {
            "tracing": True,
            "tracer_provider": self.provider,
            "metrics": False,  # Prometheus reads them instead
            "logs": False,  # the own log has them, without text that clients control
            "auto_configure": False,
            "exclude": _is_untraced,
        }

    @contextmanager
    def exporting(self) -> Iterator[None]:
        """Export spans in a thread while the context lasts, and the remaining ones at its end."""
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
        try:
            yield
        finally:
            self.provider.shutdown()


def tracing_to(exporter: SpanExporter) -> Tracing:
    """Tracing that exports to `exporter`. OTEL_* variables set the rest: service name, sampling, batching."""
    own = {SERVICE_NAME: "epochal-api", SERVICE_VERSION: release()}
    resource = Resource.create(own).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(_Redaction())
    return Tracing(provider, exporter)


def exporter_of(kind: str) -> SpanExporter:
    """The exporter that OTEL_TRACES_EXPORTER calls `kind`."""
    return OTLPSpanExporter() if kind == "otlp" else ConsoleSpanExporter()


class _Redaction(SpanProcessor):
    """Redacts the attributes that a client controls, before another processor reads the span."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """FastAPI has set its attributes by now."""
        for name in CLIENT_ATTRIBUTES:
            if name in (span.attributes or {}):
                span.set_attribute(name, "REDACTED")


def _is_untraced(scope: Mapping[str, Any]) -> bool:
    return scope.get("path") in UNTRACED
