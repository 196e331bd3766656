"""Traces of requests, where OTEL_* variables say where they go.

FastAPI makes the spans. What takes them elsewhere is imported only where it is asked for.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig

if TYPE_CHECKING:
    from api.spans import Tracing

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
EXPORTERS = ("otlp", "console")

OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


class TelemetryUnavailable(RuntimeError):
    """Traces are asked for and cannot be exported; the message says why and what would help."""


def tracing(environment: Mapping[str, str] = os.environ) -> "Tracing | None":
    """As the variables say; None where they ask for no traces. Raises TelemetryUnavailable."""
    kind = _exporter(environment)
    if kind is None:
        return None
    try:
        from api import spans
    except ImportError as error:
        raise TelemetryUnavailable(
            "OTEL_* variables ask for traces, but what exports them is not installed: "
            "install the extra `telemetry`, or set OTEL_TRACES_EXPORTER=none."
        ) from error
    return spans.tracing_to(spans.exporter_of(kind))


def _exporter(environment: Mapping[str, str]) -> str | None:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if named == "none" or not (named or any(environment.get(endpoint) for endpoint in ENDPOINTS)):
        return None
    kind = named or "otlp"
    if kind not in EXPORTERS:
        raise TelemetryUnavailable(f"OTEL_TRACES_EXPORTER should be {', '.join(EXPORTERS)} or none, not {named!r}.")
    for name in PROTOCOLS:
        if kind == "otlp" and (protocol := environment.get(name) or PROTOCOL) != PROTOCOL:
            raise TelemetryUnavailable(f"{name} should be {PROTOCOL}, not {protocol!r}.")
    return kind
