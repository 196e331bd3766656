"""Times in requests: RFC 3339, with an offset from UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

_RFC_3339 = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[Tt ](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(\.(?P<fraction>\d{1,64}))?([Zz]|(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d))",
    re.ASCII,
)
# In a query, an unencoded plus is decoded as a space.
_LOST_PLUS = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)? \d\d:\d\d", re.ASCII)
_NO_OFFSET = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)

EXAMPLE = "2026-11-25T12:00:00Z"


def parse_time(value: object) -> datetime:
    """`value` in UTC, cut to microseconds. Raises PydanticCustomError, which says what is expected."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _refusal(_what_is_missing(value))
    year, month, day, hour, minute, second = (int(found[name]) for name in _PARTS)
    offset = _offset(found)
    if (hour, minute, second) == (24, 0, 0):
        raise _refusal("should have hours from 00 to 23: midnight is 00:00:00 of the day that begins")
    if second == 60:
        raise _refusal("should have no leap second: the second before is 59, and the one behind it 00")
    if hour > 23 or minute > 59 or second > 59:
        raise _refusal("should have a time of day from 00:00:00 to 23:59:59")
    if year == 0:
        raise _refusal("should have a year from 0001 to 9999")
    microseconds = int((found["fraction"] or "")[:6].ljust(6, "0"))
    try:
        there = datetime(year, month, day, hour, minute, second, microseconds, tzinfo=timezone(offset))
    except ValueError:
        raise _refusal(f"should have a day that there is: there is no {year:04}-{month:02}-{day:02}") from None
    try:
        return there.astimezone(UTC)
    except OverflowError:
        raise _refusal("should be a time that UTC has") from None


_PARTS = ("year", "month", "day", "hour", "minute", "second")


def _offset(found: re.Match[str]) -> timedelta:
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise _refusal("should have an offset from -23:59 to +23:59")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if found["sign"] == "-" else offset


def _what_is_missing(value: object) -> str:
    if isinstance(value, str) and _LOST_PLUS.fullmatch(value):
        return f"should have its offset: a + in an address means a space, so write it as %2B, or the time as {EXAMPLE}"
    if isinstance(value, str) and _NO_OFFSET.fullmatch(value):
        return f"should have seconds and an offset from UTC, such as {EXAMPLE}"
    return f"should be a time with its offset, such as {EXAMPLE}"


def _refusal(reason: str) -> PydanticCustomError:
    return PydanticCustomError("rfc_3339", "{reason}", {"reason": reason})


Time = Annotated[AwareDatetime, BeforeValidator(parse_time)]
