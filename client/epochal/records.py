"""The base of the records in `epochal.types`: frozen dataclasses, of which each is made in a fifth of the time.

`dataclasses.dataclass` compiles six methods for each class, which takes a millisecond a class, and a command would wait
for that before it does anything. Here the methods are written once, and go by the fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from datetime import date, datetime, timezone
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn, cast

__all__ = ["NOT_FINITE", "Record", "record", "sent_fields"]

# JSON has no such numbers: the API writes them as strings.
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen, slots, kw_only):  # noqa: ANN001, ANN201  # as dataclass has them
        """Makes a record of a class, as `dataclass` would."""
        assert frozen  # by Record
        return dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)


@record(frozen=True, slots=True, kw_only=True)
class Record:
    """The base of all records. `unknown_fields` are fields of the answer that this release does not know, as JSON; None
    if there are none."""

    unknown_fields: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The object of the API that the record was made of, as JSON has it. A field that was not sent is null."""
        names = sent_fields(cast("Any", type(self)))  # mypy: a class may not be hashable
        known = {sent: _encoded(getattr(self, each.name)) for sent, each in names.items()}
        return known | self.unknown_fields if self.unknown_fields else known

    if not TYPE_CHECKING:  # what `dataclass` would write

        def __init__(self, /, **values: Any) -> None:
            known = _defaults(type(self))
            for name, (default, make) in known.items():
                value = values.get(name, default)
                if value is MISSING:
                    value = make(name)
                object.__setattr__(self, name, value)
            if not values.keys() <= known.keys():
                raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(values.keys() - known.keys()))}")

        def __repr__(self) -> str:
            shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
            return f"{type(self).__qualname__}({', '.join(shown)})"

        def __eq__(self, other: object) -> bool:
            if type(self) is not type(other):
                return NotImplemented
            return _compared(self) == _compared(other)

        def __hash__(self) -> int:
            return hash(_compared(self))

        def __setattr__(self, name: str, value: object) -> None:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError(f"cannot delete field {name!r}")

        def __reduce__(self) -> tuple[Any, ...]:
            return _restored, (type(self), {each.name: getattr(self, each.name) for each in fields(self)})


def _restored(kind: type[Record], values: dict[str, Any]) -> Record:
    return kind(**values)


def _compared(one: Record) -> tuple[Any, ...]:
    return tuple(getattr(one, each.name) for each in fields(one) if each.compare)


@cache
def _defaults(kind: type[Record]) -> dict[str, tuple[Any, Callable[[str], Any]]]:
    """The default of each field, and what makes one; MISSING where there is none."""

    def required(name: str) -> NoReturn:
        raise TypeError(f"{kind.__name__} needs {name}")

    return {
        each.name: (each.default, required if each.default_factory is MISSING else _making(each.default_factory))
        for each in fields(kind)
    }


def _making(factory: Callable[[], Any]) -> Callable[[str], Any]:
    return lambda _name: factory()


@cache
def sent_fields(kind: type[Record]) -> dict[str, Field[Any]]:
    """The fields of a record by the API's names. One that Python keeps for itself, as `class`, is `class_` here."""
    return {each.name.rstrip("_"): each for each in fields(kind) if each.name != "unknown_fields"}


_AS_THEY_ARE = frozenset({str, int, bool, NoneType})
_NAMES_OF_NOT_FINITE = {repr(number): name for name, number in NOT_FINITE.items()}


def _encoded(value: Any) -> Any:
    """A field's value as JSON has it."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NAMES_OF_NOT_FINITE[repr(value)]
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, (tuple, list)):
        return [_encoded(each) for each in value]
    return {name: _encoded(each) for name, each in value.items()}
