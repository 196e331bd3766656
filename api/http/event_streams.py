"""Server-sent events, as the contract describes them and as proxies should treat them."""

from typing import Any

EVENT_STREAM = "text/event-stream"
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would otherwise buffer small events
# The schema of one event: OpenAPI 3.1 cannot describe a stream, and tools read it this way.
EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}
