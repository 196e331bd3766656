"""Checks query parameters more strictly than pydantic, which would accept `3_0` as 30 and ignore unknown names."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import Request

from api.http.errors import InvalidRequest
from api.http.validation import MAX_ERRORS, unknown_name_message
from training.names import quoted

LINK_SIGNATURE = "signature"  # of a signed link, which `api.service.signed_links` takes out of the query

# Numbers and booleans are written as in JSON.
_WRITTEN: Mapping[type, tuple[re.Pattern[str], str]] = {
    int: (re.compile("-?(0|[1-9][0-9]*)"), "should be an integer in plain digits, such as 20"),
    float: (re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"), "should be a number, such as 0.5"),
    bool: (re.compile("true|false"), "should be true or false"),
}


def check_query(request: Request, known: Mapping[str, Any]) -> None:
    """Check that every parameter of the query is `known` (types by name), is repeated only if it is a list, and is
    written as its type requires. Raises InvalidRequest.
    """
    _require_utf8(request)
    given = request.query_params.multi_items()
    times = Counter(name for name, _ in given)
    wrong = [name for name in times if name not in known or (times[name] > 1 and not _may_repeat(known[name]))]
    odd = [
        (name, value, said) for name, value in given if name in known and (said := _oddly_written(known[name], value))
    ]
    errors = []
    for name in wrong[:MAX_ERRORS]:  # a query has room for thousands, and each takes a while to explain
        if name in known:
            errors.append({"parameter": name, "detail": f"should be there once, not {times[name]} times"})
        else:
            errors.append({"parameter": name, "detail": unknown_name_message("this address", "parameter", name, known)})
    if not errors:
        errors = [{"parameter": name, "detail": f"{said}, not {quoted(value)}"} for name, value, said in odd]
        errors = errors[:MAX_ERRORS]
    if errors:
        raise InvalidRequest(errors, len(wrong) or len(odd))


def _require_utf8(request: Request) -> None:
    """Starlette would silently replace invalid bytes with U+FFFD."""
    query: bytes = request.scope["query_string"]
    for part in query.split(b"&"):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            name = unquote_to_bytes(part.partition(b"=")[0]).decode(errors="replace")
            raise InvalidRequest(
                [{"parameter": name, "detail": "should be text in UTF-8, percent-encoded"}], 1
            ) from None


def _oddly_written(annotation: object, value: str) -> str | None:
    """The rule that `value` breaks; None if it is written correctly."""
    forms = [_WRITTEN[kind] for kind in _kinds(annotation) if kind in _WRITTEN]
    return None if not forms or any(form.fullmatch(value) for form, _ in forms) else forms[0][1]


def _kinds(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)


def _may_repeat(annotation: object) -> bool:
    """A list, or one that need not be there."""
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))
