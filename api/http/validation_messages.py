"""Messages for the client in place of pydantic's, which speak to the programmer of the service."""

import json
import re
from typing import Any, get_args

from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from training.names import did_you_mean
from training.number_format import plain

MAX_QUOTED = 64  # characters of the client's own text in a detail

_PYDANTIC_TYPES = frozenset(get_args(ErrorType))

_MESSAGES = {
    "int_type": "should be an integer",
    "int_from_float": "should be an integer",
    "int_parsing": "should be an integer",
    "int_parsing_size": "should be a smaller integer",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_type": "should be text",
    "string_unicode": "has text that is no Unicode: a surrogate without its other half",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "string_pattern_mismatch": "should be as {pattern} has it",
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "literal_error": "should be {expected}",
    "enum": "should be {expected}",
    "list_type": "should be an array",
    "tuple_type": "should be an array",
    "dict_type": "should be a JSON object",
    "model_type": "should be a JSON object",
    "model_attributes_type": "should be a JSON object",
    "invalid_key": "should have texts as its names",
    "none_required": "should be null",
    "missing": "is missing",
}
_UNKNOWN = "does not fit: /docs says what does"  # for a type of error that no field is known to cause


def error_message(error: ErrorDetails) -> str:
    """What is expected, and the value itself if it is short and the message does not quote it already."""
    detail = _message(error)
    value = error["input"]
    if (
        error["type"] in ("conflict", "string_unicode")
        or value == ""
        or not isinstance(value, str | int | float | bool)
    ):
        return detail
    shown = json.dumps(value, ensure_ascii=False)
    detail = f"{detail}, not {shown}" if len(shown) <= MAX_QUOTED else detail
    if error["type"] in ("literal_error", "enum") and isinstance(value, str):
        return detail + did_you_mean(value, re.findall("'([^']*)'", str(error["ctx"]["expected"])))
    return detail


def _message(error: ErrorDetails) -> str:
    if error["type"] not in _PYDANTIC_TYPES:
        return str(error["msg"])  # from a PydanticCustomError of ours
    if error["type"] == "string_too_short" and error["ctx"]["min_length"] == 1:
        return "should not be empty"
    told = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    return _MESSAGES.get(error["type"], _UNKNOWN).format_map(told)


def _plain(value: Any) -> str:
    return plain(value) if isinstance(value, int | float) else str(value)
