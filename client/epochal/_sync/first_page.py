"""The first page of a list, as openai-python has it. Its twin in `_async` differs: it is awaited."""

from __future__ import annotations

from functools import cached_property
from typing import Generic, TypeVar

from epochal.paging import Page

T = TypeVar("T")


class FirstPage(Generic[T]):
    """`client.jobs.list().data` are the rows of the first page, which is fetched once."""

    @property
    def data(self) -> list[T]:
        """The rows of the first page."""
        return self._first.data

    @property
    def has_more(self) -> bool:
        """Whether there are more rows than those in `data`: to go through all of them, loop over the list itself."""
        return self._first.has_more

    def first_page(self) -> Page[T]:
        """Its rows in `data`, as many as `limit` says or the service chooses, and whether it `has_more`."""
        raise NotImplementedError

    @cached_property
    def _first(self) -> Page[T]:
        return self.first_page()
