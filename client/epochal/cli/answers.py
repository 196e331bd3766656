"""What the service answered: as a record, which tables are drawn from, and as the API's own JSON, which is printed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from epochal import Epochal

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """An object of the API."""

    record: T
    raw: Any


def one(client: Epochal, call: Callable[[Epochal], T]) -> Answer[T]:
    """The answer to the last request of `call`."""
    watched, seen = _watched(client)
    record = call(watched)
    return Answer(record, seen[-1].json())


def rows(client: Epochal, call: Callable[[Epochal], Iterable[T]]) -> Iterator[Answer[T]]:
    """Every row of a list. Pages are fetched as needed."""
    watched, seen = _watched(client)
    read: deque[Any] = deque()
    for record in call(watched):
        while not read:
            read.extend(seen.pop(0).json()["data"])
        yield Answer(record, read.popleft())


def _watched(client: Epochal) -> tuple[Epochal, list[Any]]:
    watched = client.with_options()
    seen: list[Any] = []
    watched._requester.seen = seen
    return watched, seen
