"""Request bodies: parses strict JSON in UTF-8. A body that is anything else is refused with a message that says why."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import Request

from api.http.errors import InvalidRequest, MalformedBody, UnsupportedContentEncoding, UnsupportedMediaType

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

LARGEST_EXACT_INTEGER = 2**53  # a float represents every integer up to here

# Values in a body, nested ones included. The largest useful body has some hundreds. Pydantic makes one error for each
# wrong value, all in one call that holds the interpreter's lock: every other request waits meanwhile.
MAX_VALUES = 4000

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})  # ASCII is UTF-8, too
# JSON text begins with ASCII characters. Where NUL bytes stand around them shows whether it is UTF-16 or UTF-32.
_WIDE = {
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, re.compile(rb"\0\0\0[^\0]|[^\0]\0\0\0")),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, re.compile(rb"\0[^\0]|[^\0]\0(?!\0)")),
}


class ParsedRequest(Request):
    """A request whose body has been read and parsed already."""

    def __init__(self, request: Request, content: bytes, value: object) -> None:
        super().__init__(request.scope, request.receive)
        self._content = content
        self._value = value

    async def body(self) -> bytes:
        """The bytes as the client sent them."""
        return self._content

    async def json(self) -> object:
        """The value that was parsed from them."""
        return self._value


def has_body(request: Request) -> bool:
    """Whether the request's headers announce a body."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def require_no_body(request: Request) -> None:
    """For an operation that takes no body. `{}` passes, since many clients always send one. Raises InvalidRequest."""
    if has_body(request) and (await request.body()).strip() not in (b"", b"{}"):
        raise InvalidRequest([{"pointer": "#", "detail": "should not be there: this operation takes no body"}], 1)


def parse_body(request: Request, content: bytes, media_types: Sequence[str]) -> object:
    """The value of `content`, the body of `request`. Raises UnsupportedMediaType, UnsupportedContentEncoding and
    MalformedBody; InvalidRequest for more than MAX_VALUES values."""
    value = _parse(request, content, media_types)
    if count_values(value) > MAX_VALUES:
        raise _too_many()
    return value


def refuse_many_values(content: bytes) -> None:
    """Before it is parsed, for a body whose texts have none of these characters but for a few: of 16 MiB of empty
    lists, the parser makes 500 MB. Raises InvalidRequest."""
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise _too_many()


def _parse(request: Request, content: bytes, media_types: Sequence[str]) -> object:
    require_uncoded(request)
    _require_json(request, media_types)
    if wide := _wide_form(content):
        raise MalformedBody(f"It is {wide}: send UTF-8.")
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"Byte {error.start} is not UTF-8.") from error
    try:
        return json.loads(text, object_pairs_hook=_without_repetition, parse_float=_number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedBody(f"It is no JSON from {place} on: {_fault(text, error.pos)}") from error
    except RecursionError as error:
        raise MalformedBody("It is nested too deeply.") from error
    except ValueError as error:
        raise MalformedBody("A number in it has too many digits.") from error


def require_uncoded(request: Request) -> None:
    """For a body that must be whole, and as it is. Raises UnsupportedContentEncoding and MalformedBody."""
    codings = ",".join(request.headers.getlist("content-encoding")).lower()
    if codings.strip() not in ("", "identity"):
        raise UnsupportedContentEncoding
    if "content-range" in request.headers:
        raise MalformedBody("It is a part by its Content-Range: send the whole body.")


def _require_json(request: Request, media_types: Sequence[str]) -> None:
    stated = request.headers.getlist("content-type")
    media_type, *parameters = (part.strip().lower() for part in (stated[0] if stated else "").split(";"))
    if len(stated) > 1 or media_type not in media_types:
        said = "two types" if len(stated) > 1 else media_type or "a body without a Content-Type"
        raise UnsupportedMediaType(f"Send {' or '.join(media_types)}, not {said}.", media_types)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in _CHARSETS:
            raise UnsupportedMediaType(
                "Send it in UTF-8, which JSON always is, and not in another charset.", media_types
            )


def _wide_form(content: bytes) -> str | None:
    for name, (*marks, unmarked) in _WIDE.items():
        if content.startswith(tuple(marks)) or unmarked.match(content):
            return name
    return None


def _fault(text: str, position: int) -> str:
    """What is wrong at `position`, where the JSON parser gave up."""
    rest, before = text[position:], text[:position].rstrip()
    if not rest.strip() or rest.startswith('"'):
        return "it ends too early." if not rest.strip() else "a text is not closed, or a comma or colon is missing."
    if rest.startswith("'"):
        return "texts stand in double quotes."
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments."
    if rest[0] in "]}" and before.endswith(","):
        return "there is a comma too many in front of it."
    if rest[0] < " ":
        return "a control character in a text is written with a backslash, a line break as \\n."
    if rest[0] == "\\" or before.endswith("\\"):
        return "there is no such escape in a text: a backslash itself is written \\\\."
    if word := re.match("(?i)true|false|null|none|undefined", rest):
        return f"{word[0]} is not a value here: JSON has true, false and null."
    return f"{rest[0]!r} does not belong there."


def count_values(value: object) -> int:
    """How many are in it, nested ones included; of more than MAX_VALUES, a number above that."""
    count, unseen = 0, [value]
    while unseen and count <= MAX_VALUES:
        each = unseen.pop()
        inner = list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else ()
        count += len(inner)
        unseen.extend(inner if count <= MAX_VALUES else ())
    return count


def _too_many() -> InvalidRequest:
    return InvalidRequest([{"pointer": "#", "detail": f"should have at most {MAX_VALUES} values in it"}], 1)


def _number(text: str) -> float:
    """`5.0` and `5e0` become the integer 5, as JSON Schema and languages with a single number type have it."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < LARGEST_EXACT_INTEGER else value


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated names in an object: JSON does not define which value counts, and parsers differ."""
    value = dict(pairs)
    if len(value) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise MalformedBody(f"An object in it has {name!r} twice.")
    return value
