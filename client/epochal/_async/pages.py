"""Lists, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

from epochal._async.first_page import AsyncFirstPage
from epochal._async.requester import AsyncRequester
from epochal.paging import Page, page_of

T = TypeVar("T")


class AsyncPages(AsyncFirstPage[T]):
    """Every row of a list, each once: `async for row in client.jobs.list()`. Pages are fetched as needed, and none
    before the first row is asked for."""

    def __init__(
        self, requester: AsyncRequester, kind: type[T], path: str, query: Mapping[str, Any] | None = None
    ) -> None:
        self._requester, self._kind, self._path = requester, kind, path
        self._query = dict(query or {})

    def __repr__(self) -> str:
        return f"<pages of {self._kind.__name__} at {self._path}>"

    async def __aiter__(self) -> AsyncIterator[T]:
        page = await self.first_page()
        while True:
            for row in page.data:
                yield row
            if not (page.has_more and page.next):
                return
            page = await self._page(self._requester.api_path(page.next), None)

    async def first_page(self) -> Page[T]:
        """Its rows in `data`, as many as `limit` says or the service chooses, and whether it `has_more`."""
        return await self._page(self._path, self._query)

    async def to_list(self) -> list[T]:
        """All rows."""
        return [row async for row in self]

    async def _page(self, path: str, query: Mapping[str, Any] | None) -> Page[T]:
        response = await self._requester.request("GET", path, query=query)
        return page_of(response, lambda row: self._requester.decoded_part(self._kind, row))
