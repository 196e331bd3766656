"""The first page of a list, as openai-python has it. Its twin in `_sync` differs: a property cannot be awaited."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from epochal.paging import Page

T = TypeVar("T")


class AsyncFirstPage(Generic[T]):
    """`await client.jobs.list()` is the first page."""

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self.first_page().__await__()

    async def first_page(self) -> Page[T]:
        """Its rows in `data`, as many as `limit` says or the service chooses, and whether it `has_more`."""
        raise NotImplementedError
