"""JSON to records. A record is an answer of the API, or a part of one: a dataclass of `epochal.types`.

A client outlives the services that it talks to. Fields that a newer service adds are kept aside; where an older one
does not send a field that may be None, it is None; a word that is new in a list of words is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from epochal.records import NOT_FINITE, Record, sent_fields

Kind = TypeVar("Kind")
Reader = Callable[[Any], Any]


def decode(kind: type[Kind], value: object) -> Kind:
    """`value`, which is JSON, as a `kind`: a record, or a type that a record's field may have, such as
    `tuple[Job, ...]`. Raises ValueError, which names the field that does not fit, and never quotes it."""
    hint: Any = kind  # mypy: a class may not be hashable
    try:
        return cast("Kind", _reader(hint)(value))
    except _Misfit as misfit:
        name = "answer" if get_origin(hint) else kind.__name__
        raise ValueError(f"{name}{misfit.path}: {misfit.problem}") from None


class _Misfit(Exception):
    """A value that does not fit, under `path`, such as `.attempts[0].facts`."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem, self.path = problem, ""

    def within(self, part: str) -> _Misfit:
        self.path = part + self.path
        return self


def _refuse(expected: str, value: object) -> NoReturn:
    raise _Misfit(f"should be {expected}, not {_JSON_NAMES.get(type(value), 'something else')}")


_JSON_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    NoneType: "null",
}


@cache
def _reader(hint: Any) -> Reader:
    """What reads a value of that type. It raises _Misfit."""
    if simple := _SIMPLE.get(hint):
        return simple
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None and is_typeddict(hint):
        return _object
    if origin is None and isinstance(hint, type) and issubclass(hint, Record):
        return _record(hint)
    if origin is tuple:
        return _list(arguments[0]) if arguments[-1] is Ellipsis else _fixed_list(arguments)
    if origin is dict:
        return _dictionary(arguments[1])
    if origin is Literal:
        return _any_of(frozenset(map(type, arguments)))
    if origin in (Union, UnionType):
        return _union(arguments)
    raise TypeError(f"no reader for {hint!r}")


def _union(choices: tuple[Any, ...]) -> Reader:
    others = [choice for choice in choices if choice is not NoneType]
    read = _any_of(frozenset(others)) if len(others) > 1 else _reader(others[0])
    return read if NoneType not in choices else lambda value: None if value is None else read(value)


def _any_of(kinds: frozenset[Any]) -> Reader:
    if kinds == {str}:
        return _text
    expected = " or ".join(sorted(_JSON_NAMES[kind] for kind in kinds))

    def read(value: Any) -> Any:
        return value if type(value) in kinds else _refuse(expected, value)

    return read


def _text(value: Any) -> str:
    return value if type(value) is str else _refuse("text", value)


def _whole_number(value: Any) -> int:
    return value if type(value) is int else _refuse("a whole number", value)


def _truth(value: Any) -> bool:
    return value if type(value) is bool else _refuse("true or false", value)


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is str and value in NOT_FINITE:
        return NOT_FINITE[value]
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _Misfit("is too large a number") from None
    _refuse("a number", value)


def _time(value: Any) -> datetime:
    text = _text(value)
    try:
        time = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)  # Python 3.10 knows no Z
    except ValueError:
        raise _Misfit("should be a time, such as 2026-11-30T12:00:00Z") from None
    if time.tzinfo is None:
        raise _Misfit("should be a time with its offset from UTC, such as 2026-11-30T12:00:00Z")
    return time


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise _Misfit("should be a date, such as 2026-11-30") from None


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else _refuse("an object", value)


_SIMPLE: dict[Any, Reader] = {
    str: _text,
    int: _whole_number,
    float: _number,
    bool: _truth,
    datetime: _time,
    date: _day,
    Any: lambda value: value,
}


def _list(item: Any) -> Reader:
    read = _reader(item)

    def read_list(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            _refuse("a list", value)
        found: list[Any] = []
        try:
            for each in value:
                found.append(read(each))  # noqa: PERF401  # its length says which one does not fit
        except _Misfit as misfit:
            raise misfit.within(f"[{len(found)}]") from None
        return tuple(found)

    return read_list


def _fixed_list(items: tuple[Any, ...]) -> Reader:
    readers = [_reader(item) for item in items]

    def read_list(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(readers):
            raise _Misfit(f"should be a list of {len(readers)}")
        return tuple(read(each) for read, each in zip(readers, value, strict=True))

    return read_list


def _dictionary(item: Any) -> Reader:
    if item is Any:
        return _object
    read = _reader(item)

    def read_dictionary(value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        name = ""
        try:
            for name, each in _object(value).items():
                found[name] = read(each)
        except _Misfit as misfit:
            raise misfit.within(f"[{name!r:.60}]" if name else "") from None
        return found

    return read_dictionary


def _record(kind: type[Record]) -> Reader:
    """Reads a record. What depends on its class alone is found once."""
    declared = next(each for each in kind.__mro__ if "__dataclass_fields__" in vars(each))  # not what a subclass adds
    hints, known = get_type_hints(declared), sent_fields(cast("Any", kind))
    plan = [(name, each.name, _reader(hints[each.name]), _may_be_absent(each)) for name, each in known.items()]

    def read_record(value: Any) -> Record:
        if type(value) is not dict:
            _refuse("an object", value)
        found: dict[str, Any] = {}
        name = ""
        try:
            for name, field_name, read, may_be_absent in plan:
                if name in value:
                    found[field_name] = read(value[name])
                elif not may_be_absent:
                    raise _Misfit("is missing")
        except _Misfit as misfit:
            raise misfit.within(f".{name}") from None
        if not value.keys() <= known.keys():
            found["unknown_fields"] = {name: each for name, each in value.items() if name not in known}
        return kind(**found)

    return read_record


def _may_be_absent(known: Field[Any]) -> bool:
    return known.default is not MISSING or known.default_factory is not MISSING
