"""What happens to all jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from epochal import types
from epochal._async.following import AsyncMessages
from epochal._async.requester import AsyncRequester
from epochal._async.resource import AsyncResource
from epochal._http import path_to

JobMessage = types.JobEvent | types.JobProgress | types.JobDeleted | types.StreamReset


class AsyncJobMessages(AsyncMessages[JobMessage]):
    """The messages of all jobs: `async for message in client.events.stream()`."""

    def __init__(self, requester: AsyncRequester, after: str | None) -> None:
        super().__init__(requester, path_to("events", "stream"), after)

    @property
    def position(self) -> str | None:
        """What has been received: given as `after`, another stream goes on from here. None before the first."""
        return self._last_id

    def __aiter__(self) -> AsyncIterator[JobMessage]:
        return self.messages()

    def _new(self, message: httpx2.ServerSentEvent) -> JobMessage | None:
        if message.event == "progress":
            return self._read(types.JobProgress, message)
        if message.event == "deleted":
            return self._read(types.JobDeleted, message)
        self._last_id = message.id or self._last_id
        if message.event == "ready":
            return None
        return (
            self._read(types.StreamReset, message) if message.event == "reset" else self._read(types.JobEvent, message)
        )


class AsyncEvents(AsyncResource):
    """`client.events`."""

    def stream(self, after: str | None = None) -> AsyncJobMessages:
        """What happens to all jobs from now on, without end: each `JobEvent` once, those of one job in order, even if
        the connection breaks or the service starts again; a `JobProgress` where a job has changed, at most once a
        second; `JobDeleted`; and `StreamReset`, where the connection was lost for so long that events are left out.
        `after` is the `position` of an earlier stream."""
        return AsyncJobMessages(self._requester, after)
