"""Traces: of nothing where nobody asked for them, of every request where somebody did."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from api.app import create_app
from api.service.spans import Tracing, tracing_to
from api.service.telemetry import TelemetryUnavailable, tracing
from settings import Settings
from tests.api.conftest import LocalClient

REPOSITORY = Path(__file__).parents[2]
A_JOB = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf"
SECRET = "epochal_admin.0123456789abcdef0123456789abcdef"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()

    def into_memory() -> Tracing:
        return tracing_to(exporter)

    monkeypatch.setattr("api.app.tracing", into_memory)
    return exporter


def of_requests(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]


def test_a_span_has_the_name_of_its_route(exporter: InMemorySpanExporter, front_settings: Settings) -> None:
    with LocalClient(create_app(front_settings)) as client:
        client.get(f"{A_JOB}?key={SECRET}", headers={"Authorization": f"Bearer {SECRET}"})
        client.get(f"/{SECRET}")
        client.get("/livez")  # asked for every few seconds, and not traced
    found, unknown = of_requests(exporter)
    assert found.name == "GET /v1/jobs/{job_id}"
    assert found.attributes is not None
    assert found.attributes["http.route"] == "/v1/jobs/{job_id}"
    assert found.attributes["http.response.status_code"] == 503  # no database to look the key up in
    assert found.resource.attributes["service.name"] == "epochal-api"
    assert unknown.name == "GET"
    assert SECRET not in "".join(span.to_json() for span in exporter.get_finished_spans())


def test_a_span_belongs_to_the_trace_of_its_client(exporter: InMemorySpanExporter, front_settings: Settings) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    with LocalClient(create_app(front_settings)) as client:
        client.get("/problems", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    [span] = of_requests(exporter)
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == trace_id


def test_the_variables_that_name_the_service_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert tracing_to(InMemorySpanExporter()).provider.resource.attributes["service.name"] == "mine"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SERVICE_NAME": "mine"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_nobody_asks_for_traces(environment: dict[str, str]) -> None:
    assert tracing(environment) is None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER: should be otlp, console or none."),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: should be http/protobuf.",
        ),
    ],
)
def test_what_cannot_be_done_is_said(environment: dict[str, str], said: str) -> None:
    with pytest.raises(TelemetryUnavailable, match=said):
        tracing(environment)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "api.service.spans")
    monkeypatch.delattr("api.service.spans")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TelemetryUnavailable, match="install the extra `telemetry`"):
        tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})


def test_nothing_is_imported_that_nobody_asked_for() -> None:
    script = (
        "import sys, api.app; api.app.create_app(); print([name for name in sys.modules"
        " if name in ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'api.service.spans')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OTLP receiver: its address, and what it has received."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def test_traces_arrive_where_the_variables_say(
    collector: tuple[str, list[ExportTraceServiceRequest]], front_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, received = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    with LocalClient(create_app(front_settings)) as client:
        client.get("/problems")
    names = [
        span.name
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert "GET /problems" in names
