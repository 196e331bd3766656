"""A page of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2

from epochal._http import json_of
from epochal.errors import UnexpectedAnswerError

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list."""

    data: list[T]
    has_more: bool
    next: str | None  # the address of the next page


def page_of(response: httpx2.Response, decoded: Callable[[Any], T]) -> Page[T]:
    """The page in an answer. A list that has no pages is one."""
    content = json_of(response)
    if not isinstance(content, Mapping) or not isinstance(content.get("data"), list):
        raise UnexpectedAnswerError('a list should be {"data": […]}')
    following = content.get("next")
    return Page([decoded(row) for row in content["data"]], bool(content.get("has_more")), following or None)
