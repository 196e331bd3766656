"""Traces of requests, if OTEL_* variables ask for them.

FastAPI makes the spans. The exporter is an optional dependency, and is imported only if traces are asked for.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig

from environment.libraries import invalid_otel_variables, trace_exporter
from environment.startup import CannotStart

if TYPE_CHECKING:
    from api.service.spans import Tracing

OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


class TelemetryUnavailable(CannotStart):
    """Traces are asked for, but cannot be exported. The message says why, and what to do."""


def tracing(environment: Mapping[str, str] = os.environ) -> "Tracing | None":
    """The tracing that the variables ask for, or None. Raises TelemetryUnavailable."""
    kind = trace_exporter(environment)
    if kind is None:
        return None
    if wrong := "\n".join(f"{name}: {what}." for name, what in invalid_otel_variables(environment)):
        raise TelemetryUnavailable(wrong)
    try:
        from api.service import spans
    except ImportError as error:
        raise TelemetryUnavailable(
            "OTEL_* variables ask for traces, but what exports them is not installed: "
            "install the extra `telemetry`, or set OTEL_TRACES_EXPORTER=none."
        ) from error
    return spans.tracing_to(spans.exporter_of(kind))
