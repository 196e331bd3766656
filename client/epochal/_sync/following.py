# Made of epochal/_async/following.py by client/unasync.py: change that one.
"""Follows a job: as a stream of events that survives broken connections, or as the job itself whenever it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Generic, TypeVar

import httpx2

from epochal._http import MAX_RETRY_AFTER, Backoff, connection_error, may_have_acted, path_to
from epochal._sync.requester import Requester
from epochal.errors import (
    APIConnectionError,
    APITimeoutError,
    EpochalError,
    NotFoundError,
    StreamNotAvailableError,
)
from epochal.patience import asked_for, before_retry, may_pass
from epochal.types import Event

T = TypeVar("T")
R = TypeVar("R")

# How long a stream, or a wait for a job, goes on trying to reach the service: longer than a machine takes to reboot.
OUTAGE_SECONDS = 300.0
LONGEST_WAIT = 15.0  # seconds between two tries
# Of a request in between, with the waits of any request: as long as an outage may last.
OUTAGE_RETRIES = 42
# The service sends something at least every 15 seconds. A stream that is silent for this long has lost its connection.
SILENT_SECONDS = 45.0

POLL_SECONDS = 0.5

END = "end"  # the event that comes last


class Outage:
    """How long the service has not been reached, and how long to wait before the next try."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seconds = 0.25

    def over(self) -> None:
        """It answered."""
        self._since, self._seconds = None, 0.25

    def wait(self, reason: EpochalError, least: float = 0.0) -> float:
        """Seconds, at least as many as `least` and as the service asks. Raises `reason` if it has lasted too long, or
        will not pass by itself."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if not may_pass(reason) or asked_for(reason) > MAX_RETRY_AFTER or now - self._since > OUTAGE_SECONDS:
            raise reason
        seconds, self._seconds = self._seconds, min(2 * self._seconds, LONGEST_WAIT)
        return max(before_retry(seconds, reason), least)


class Messages(Generic[T]):
    """The messages of a stream at `path` after the one with the id `last_id`."""

    def __init__(self, requester: Requester, path: str, last_id: str | None) -> None:
        self._requester, self._path, self._last_id = requester, path, last_id
        self._has_received = False  # whether the service has ever sent something
        self._retry_seconds = 0.0  # how long the service asks to wait before a reconnection
        self._first, self._outage = Backoff(requester.options.max_retries), Outage()

    def messages(self) -> Iterator[T]:
        """Each once, in order, until the stream ends."""
        while True:
            try:
                with self._connection() as response:
                    if response.status_code == httpx2.codes.NO_CONTENT:
                        return  # it has ended, and all was received
                    for message in httpx2.EventSource(response):
                        self._outage.over()
                        self._has_received = True
                        if message.event == END:
                            return
                        if message.retry is not None:
                            self._retry_seconds = min(message.retry / 1000, LONGEST_WAIT)
                        found = self._new(message) if message.data else None
                        if found is not None:
                            yield found
                reason: EpochalError = APIConnectionError(
                    self._requester.base_url, "it closed the stream, again and again"
                )
            except httpx2.SSEError as error:
                raise StreamNotAvailableError(str(error).rstrip(".")) from error
            except httpx2.RequestError as error:
                reason = connection_error(self._requester.base_url, error)
            except EpochalError as error:
                reason = error
            self._requester.sleep(self._wait(reason))

    def _new(self, message: httpx2.ServerSentEvent) -> T | None:
        """What is in a message, if it is new."""
        raise NotImplementedError

    def _read(self, kind: type[R], message: httpx2.ServerSentEvent) -> R:
        try:
            return self._requester.decoded_part(kind, message.json())
        except (ValueError, EpochalError) as error:
            raise StreamNotAvailableError(f"{message.data[:100]!r} is no event") from error

    def _connection(self) -> AbstractContextManager[httpx2.Response]:
        last = {"Last-Event-ID": self._last_id} if self._last_id else {}
        headers = {"Accept": "text/event-stream", **last}
        once = self._requester.with_options(replace(self._requester.options, max_retries=0))
        wait = SILENT_SECONDS - once.options.timeout
        return once.open("GET", self._path, headers=headers, wait=wait)

    def _wait(self, reason: EpochalError) -> float:
        """Seconds before the next connection. Until something was received, there are as many as retries of a request.
        Raises `reason`; or StreamNotAvailableError where it means that this service cannot stream at all."""
        if isinstance(reason, NotFoundError) and reason.code != "job_not_found":
            raise StreamNotAvailableError(f"there is nothing at {self._path}") from reason
        if self._has_received:
            return self._outage.wait(reason, self._retry_seconds)
        if isinstance(reason, APITimeoutError) and may_have_acted(reason):
            raise StreamNotAvailableError("nothing comes, as if something in between held it back") from reason
        if not may_pass(reason):
            raise reason
        return self._first.wait(reason)


class EventStream(Messages[Event]):
    """The events of a job after the one with the id `told`, until the job ends."""

    def __init__(self, requester: Requester, job_id: str, told: int) -> None:
        super().__init__(requester, path_to("jobs", job_id, "stream"), str(told) if told else None)
        self._told = told

    def _new(self, message: httpx2.ServerSentEvent) -> Event | None:
        event = self._read(Event, message)
        if event.id <= self._told:
            return None
        self._told, self._last_id = event.id, str(event.id)
        return event


def poll(
    requester: Requester,
    path: str,
    kind: type[T],
    is_over: Callable[[T], bool],
    wait: float,
    until: float | None = None,
) -> Iterator[T]:
    """What is at `path` now, then again whenever it has changed, and at least every `wait` seconds, until it `is_over`,
    or until a time of `time.monotonic`. Goes on through an outage of the service, once something has come."""
    found: T | None = None
    etag: str | None = None
    outage, asked = Outage(), requester
    while found is None or until is None or time.monotonic() < until:
        known = {"If-None-Match": etag} if etag else {}
        seconds = max(1, round(_within(wait, until)))
        try:
            response = asked.request("GET", path, headers={"Prefer": f"wait={seconds}", **known}, wait=seconds)
        except EpochalError as error:
            if found is None:
                raise
            requester.sleep(_within(outage.wait(error), until))
            continue
        outage.over()
        asked = requester.with_options(replace(requester.options, max_retries=0))  # from now on, the outage waits
        etag = response.headers.get("ETag")
        if found is None or response.status_code != httpx2.codes.NOT_MODIFIED:
            found = requester.decoded(kind, response)
        yield found
        if is_over(found):
            return
        if "Preference-Applied" not in response.headers:
            requester.sleep(_within(POLL_SECONDS, until))  # an older service, which cannot wait for changes


def _within(seconds: float, until: float | None) -> float:
    """As many, or as are left until then."""
    return seconds if until is None else max(0.0, min(seconds, until - time.monotonic()))
