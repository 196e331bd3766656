"""The client that is awaited, used as the one that waits, so that one test is of both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

from epochal import AsyncEpochal, AsyncJob
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncRawResponses, AsyncResource

HAVE_METHODS = (AsyncEpochal, AsyncJob, AsyncPages, AsyncResource, AsyncRawResponses)


class Awaited:
    """Runs what `inner` makes of a call, in an event loop of its own, until there is a result."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._loop = inner, loop

    def __repr__(self) -> str:
        return repr(self._inner)

    def __getattr__(self, name: str) -> Any:
        return self._result(getattr(self._inner, name))

    def __iter__(self) -> Iterator[Any]:
        return self._iterated(self._inner)

    def _result(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._result(self._loop.run_until_complete(value))
        if inspect.isasyncgen(value):
            return self._iterated(value)
        if isinstance(value, HAVE_METHODS):
            return Awaited(value, self._loop)
        if inspect.isroutine(value):
            return lambda *arguments, **named: self._result(value(*arguments, **named))
        return value

    def _iterated(self, value: Any) -> Iterator[Any]:
        rows = aiter(value)
        try:
            while True:
                yield self._result(self._loop.run_until_complete(anext(rows)))
        except StopAsyncIteration:
            return
        finally:
            self._loop.run_until_complete(rows.aclose())
