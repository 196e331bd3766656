"""The service's own log: one line an event on standard error, as `key=value` or as JSON, control characters escaped."""

import json
import logging
import math
import re
import sys
from typing import Any, Literal

import structlog

# Libraries whose lines below `warning` are left out. At `info` they repeat what our own lines say, or write addresses
# that may hold secrets; at `debug` some write what they sign requests with.
QUIET = (
    "aiobotocore",
    "alembic",
    "amqp",
    "botocore",
    "celery",
    "fsspec",
    "httpcore2",
    "httpx2",
    "kombu",
    "matplotlib",
    "s3fs",
    "urllib3",
    "uvicorn.access",
)

LogFormat = Literal["logfmt", "json"]

FIRST_KEYS = ["timestamp", "level", "event"]

# Characters that move the cursor, clear the screen, reverse text or end a line. The renderer escapes "\n" itself.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def configure_logging(level: Literal["debug", "info", "warning", "error"], form: LogFormat = "logfmt") -> None:
    """Send structlog's lines and those of libraries that use `logging` to standard error, from `level` up."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *(_JSON if form == "json" else _LOGFMT),
            ],
        )
    )
    handler.addFilter(_without_addresses)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


def _without_addresses(record: logging.LogRecord) -> bool:
    """Take addresses out of OpenTelemetry's lines. When an export fails, it writes the collector's address, whose path
    often holds a token. The text stays, and of its arguments the numbers and the types of errors."""
    if record.name.partition(".")[0] == "opentelemetry":
        values = record.args if isinstance(record.args, tuple) else ()
        record.args = tuple(value if isinstance(value, int | float) else _kind(value) for value in values)
        if record.exc_info and record.exc_info[0] is not None:
            record.msg, record.exc_info = f"{record.msg} ({record.exc_info[0].__name__})", None
    return True


def _kind(value: object) -> str:
    return type(value).__name__ if isinstance(value, BaseException) else "…"


def _escaped(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: _CONTROL.sub(_escape, str(value)) if _is_text(value) else value for key, value in line.items()}


def _is_text(value: object) -> bool:
    return value is not None and not isinstance(value, bool | int | float)


def _escape(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")


def _in_order(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    first = {key: line.pop(key) for key in FIRST_KEYS if key in line}
    return {**first, **line}


def _json(line: dict[str, Any], **options: Any) -> str:
    """ASCII alone, and no NaN, which JSON does not have."""
    values = {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in line.items()
    }
    return json.dumps(values, **options)


_LOGFMT: list[structlog.typing.Processor] = [_escaped, structlog.processors.LogfmtRenderer(key_order=FIRST_KEYS)]
_JSON: list[structlog.typing.Processor] = [_in_order, structlog.processors.JSONRenderer(serializer=_json)]
