"""Pages of a list, cut from a query that asks for one row more than the page has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, TypeVarTuple

from sqlalchemy import Result, ScalarResult, Select
from sqlalchemy.orm import Session

Item = TypeVar("Item")
Columns = TypeVarTuple("Columns")

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, and whether another follows."""

    rows: Sequence[Item]
    has_more: bool


def fetch_page(session: Session, statement: Select[Item], limit: int | None) -> Page[Item]:
    """The first `limit` of a statement's models; all of them without a limit."""
    return cut(fetched(session.scalars(one_more(statement, limit))), limit)


def one_more(statement: Select[*Columns], limit: int | None) -> Select[*Columns]:
    """The statement, limited to one row more than a page has: that row tells whether another page follows."""
    return statement if limit is None else statement.limit(limit + 1)


def cut(rows: Sequence[Item], limit: int | None) -> Page[Item]:
    """A page of rows that were asked for with `one_more`."""
    return Page(rows[:limit], limit is not None and len(rows) > limit)


def fetched(result: Result[*Columns] | ScalarResult[Item]) -> list[Any]:
    """Every row. A driver holds the interpreter's lock while it converts rows, so they are converted a few at a time:
    other threads can run in between."""
    return [row for rows in result.partitions(ROWS_AT_ONCE) for row in rows]
