"""What every group of operations has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from epochal._async.requester import AsyncRequester
from epochal.errors import LocalError


class AsyncResource:
    """A group of operations of the API. Every method raises EpochalError."""

    def __init__(self, requester: AsyncRequester) -> None:
        self._requester = requester

    @property
    def with_raw_response(self) -> AsyncRawResponses:
        """The same methods, with the answer as it came: `(await jobs.with_raw_response.retrieve(id)).headers`."""
        return AsyncRawResponses(self)

    async def _bytes(self, path: str, query: Mapping[str, Any] | None = None) -> bytes:
        return (await self._requester.request("GET", path, query=query)).content


@dataclass(frozen=True)
class AsyncRawResponse:
    """An answer as it came, and what the method makes of it."""

    http_response: httpx2.Response
    parsed: Any

    @property
    def status_code(self) -> int:
        """Of HTTP."""
        return self.http_response.status_code

    @property
    def headers(self) -> httpx2.Headers:
        """Of the answer."""
        return self.http_response.headers

    @property
    def request_id(self) -> str | None:
        """Identifies the request in the log of the service."""
        return self.http_response.headers.get("X-Request-ID")

    @property
    def content(self) -> bytes:
        """The body."""
        return self.http_response.content

    def parse(self) -> Any:
        """What the method returns otherwise."""
        return self.parsed


class AsyncRawResponses:
    """The methods of a resource that make one request, each with its answer. Of a method that makes several, the last
    answer."""

    def __init__(self, resource: AsyncResource) -> None:
        self._resource = resource

    def __getattr__(self, name: str) -> Callable[..., Awaitable[AsyncRawResponse]]:
        method = getattr(type(self._resource), name)

        async def call(*arguments: Any, **named: Any) -> AsyncRawResponse:
            requester = self._resource._requester
            watched = requester.with_options(requester.options)
            watched.seen = []
            returned = method(type(self._resource)(watched), *arguments, **named)
            if isinstance(returned, AsyncIterator):
                raise LocalError(f"{name} goes through many answers, and has none of its own.", code="invalid_request")
            parsed = await (returned.first_page() if hasattr(returned, "first_page") else returned)
            return AsyncRawResponse(watched.seen[-1], parsed)

        return call
