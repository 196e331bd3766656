"""What a request costs, in units of an ordinary one: it is charged that much against the rate limit of its key, and the
dear ones stand in a line of their own, in which each project has one at a time.

The figures say which requests are dearer than others, and not exactly by how much. A cost is known before the request
is worked on, and so from its address and its length alone.
"""

from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, QueryParams

EXPENSIVE = 5  # from here on a request is dear

BYTES_A_UNIT = 8 * 1024  # of a body: the longer it is, the longer takes refusing it
LARGEST_BODY = 192 * 1024

Cost = Callable[[QueryParams], int]


def _number(query: QueryParams, name: str, default: int, most: int) -> int:
    """What is no number is refused later, and costs little."""
    text = query.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else default


def _rows(query: QueryParams) -> int:
    if "max_points" in query:
        return 10  # the whole curve is read
    return 1 + _number(query, "limit", 0, 10_000) // 500


COSTS: Mapping[str, Cost] = {
    "get_curves_svg": lambda _: 20,
    "get_curves_png": lambda _: 20,
    "get_log": lambda _: 10,
    "compare_jobs": lambda query: max(EXPENSIVE, 3 * len(query.getlist("job"))),
    "list_metrics": _rows,
    "list_steps": _rows,
    "list_events": _rows,
    "list_checkpoints": lambda query: 1 + _number(query, "limit", 100, 1000) // 200,
    "list_jobs": lambda query: 1 + _number(query, "limit", 20, 100) // 40,
    "list_queue": lambda query: 1 + _number(query, "limit", 20, 100) // 40,
    "submit_job": lambda query: (
        EXPENSIVE if query.get("dry_run", "").lower() in ("true", "1", "on", "yes", "t", "y") else 1
    ),
    "list_datasets": lambda _: 10,
    "get_service_metrics": lambda _: 10,
}


def cost_of(operation: str | None, query: QueryParams, headers: Headers) -> int:
    """Units, from 1."""
    own = COSTS.get(operation or "")
    return (own(query) if own else 1) + _body_bytes(headers) // BYTES_A_UNIT


def _body_bytes(headers: Headers) -> int:
    stated = headers.get("content-length", "")
    if stated.isdecimal():
        return min(int(stated), LARGEST_BODY) if len(stated) < 10 else LARGEST_BODY
    return LARGEST_BODY if "transfer-encoding" in headers else 0
