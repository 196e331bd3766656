"""Server-sent events, as the contract describes them and as proxies should treat them."""

from typing import Any

from pydantic import BaseModel

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


def schema_of_events(*data: type[BaseModel]) -> dict[str, Any]:
    """The same, where the data of an event is one of these. The contract must have their schemas as components."""
    content = {"anyOf": [{"$ref": f"#/components/schemas/{model.__name__}"} for model in data]}
    properties = EVENT_SCHEMA["properties"]
    return {**EVENT_SCHEMA, "properties": {**properties, "data": {**properties["data"], "contentSchema": content}}}
