# Made of epochal/_async/pages.py by client/unasync.py: change that one.
"""Lists, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from epochal._sync.first_page import FirstPage
from epochal._sync.requester import Requester
from epochal.paging import Page, page_of

T = TypeVar("T")


class Pages(FirstPage[T]):
    """Every row of a list, each once: `for row in client.jobs.list()`. Pages are fetched as needed, and none
    before the first row is asked for."""

    def __init__(self, requester: Requester, kind: type[T], path: str, query: Mapping[str, Any] | None = None) -> None:
        self._requester, self._kind, self._path = requester, kind, path
        self._query = dict(query or {})

    def __repr__(self) -> str:
        return f"<pages of {self._kind.__name__} at {self._path}>"

    def __iter__(self) -> Iterator[T]:
        page = self.first_page()
        while True:
            for row in page.data:
                yield row
            if not (page.has_more and page.next):
                return
            page = self._page(self._requester.api_path(page.next), None)

    def first_page(self) -> Page[T]:
        """Its rows in `data`, as many as `limit` says or the service chooses, and whether it `has_more`."""
        return self._page(self._path, self._query)

    def to_list(self) -> list[T]:
        """All rows."""
        return [row for row in self]

    def _page(self, path: str, query: Mapping[str, Any] | None) -> Page[T]:
        response = self._requester.request("GET", path, query=query)
        return page_of(response, lambda row: self._requester.decoded_part(self._kind, row))
