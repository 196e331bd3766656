"""What a line of the log looks like, whatever it is about."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from logs import LogFormat, configure_logging

Log = Callable[[LogFormat], io.StringIO]


@pytest.fixture
def log_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """Logging as the programs have it, and everybody's own put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configure(form: LogFormat) -> io.StringIO:
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        configure_logging("info", form)
        return written

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


NASTY = "a\nb\r\x1b[2J\x00\x7f\x85\u2028\u202ec\t"


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_whatever_is_said_stays_in_its_line(log_to: Log, form: LogFormat) -> None:
    written = log_to(form)
    structlog.get_logger().warning(NASTY, text=NASTY, error=ValueError(NASTY), count=3)
    logging.getLogger("library").warning("%s", NASTY)
    lines = written.getvalue().splitlines()  # at every kind of line end that Unicode has
    assert len(lines) == 2
    assert all(character.isprintable() for line in lines for character in line)


def test_json_is_read_back_as_it_was_said(log_to: Log) -> None:
    written = log_to("json")
    structlog.get_logger().info("job queued", job_id="job_1", loss=float("nan"), share=0.5, missing=None, text=NASTY)
    line = json.loads(written.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "job queued",
        "job_id": "job_1",
        "loss": "nan",
        "share": 0.5,
        "missing": None,
        "text": NASTY,
    }


def test_json_has_what_raised(log_to: Log) -> None:
    written = log_to("json")
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        structlog.get_logger().exception("unexpected error", request_id="mine-1")
    line = json.loads(written.getvalue())
    assert (line["level"], line["request_id"]) == ("error", "mine-1")
    assert line["exception"].endswith("RuntimeError: first\nsecond")


def test_logfmt_is_for_a_terminal(log_to: Log) -> None:
    written = log_to("logfmt")
    structlog.get_logger().info("job queued", job_id="job_1", message='say "no"')
    assert written.getvalue().partition(" ")[2] == 'level=info event="job queued" job_id=job_1 message="say \\"no\\""\n'


def test_libraries_that_write_addresses_are_quiet(log_to: Log) -> None:
    written = log_to("json")
    logging.getLogger("httpx2").info("HTTP Request: POST https://hook.example/secret")
    logging.getLogger("library").info("said")
    assert "secret" not in written.getvalue()
    assert "said" in written.getvalue()


def test_what_opentelemetry_says_of_an_export_has_no_address(log_to: Log) -> None:
    written = log_to("logfmt")
    logger = logging.getLogger("opentelemetry.exporter")
    error = ConnectionError("HTTPConnectionPool(host='h', port=4318): url: /token-secret")
    logger.error("Failed to export %s batch code: %s, reason: %s", "spans", 503, error)
    try:
        raise error
    except ConnectionError:
        logger.exception("Exception while exporting Span.")
    first, second = written.getvalue().splitlines()
    assert "secret" not in first + second
    assert "batch code: 503, reason: ConnectionError" in first
    assert "Exception while exporting Span. (ConnectionError)" in second
