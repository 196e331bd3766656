# Made of epochal/_async/following.py by client/unasync.py: change that one.
"""Follows a job: as a stream of events that survives broken connections, or as the job itself whenever it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx2

from epochal._http import MAX_RETRY_AFTER, connection_error, path_to
from epochal._sync.requester import Requester
from epochal.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    EpochalError,
    NotFoundError,
    StreamNotAvailableError,
)
from epochal.types import Event

T = TypeVar("T")

# How long a stream, or a wait for a job, goes on trying to reach the service: longer than a machine takes to reboot.
OUTAGE_SECONDS = 300.0
LONGEST_WAIT = 15.0  # seconds between two tries
# The service sends something at least every 15 seconds. A stream that is silent for this long has lost its connection.
SILENT_SECONDS = 45.0

POLL_SECONDS = 0.5

END = httpx2.ServerSentEvent(event="end")


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
        asked = (reason.retry_after if isinstance(reason, APIStatusError) else None) or 0.0
        if not may_pass(reason) or asked > MAX_RETRY_AFTER or now - self._since > OUTAGE_SECONDS:
            raise reason
        seconds, self._seconds = self._seconds, min(2 * self._seconds, LONGEST_WAIT)
        return max(seconds, asked, least)


def may_pass(reason: EpochalError) -> bool:
    """Whether the service may answer again later."""
    if isinstance(reason, APIConnectionError):
        return True
    return isinstance(reason, APIStatusError) and (reason.status_code in (408, 429) or reason.status_code >= 500)


class EventStream:
    """The events of a job after the one with the id `told`."""

    def __init__(self, requester: Requester, job_id: str, told: int) -> None:
        self._requester = requester
        self._path = path_to("jobs", job_id, "stream")
        self._told = told
        self._has_received = False  # whether the service has ever sent something
        self._retry_seconds = 0.0  # how long the service asks to wait before a reconnection
        self._outage = Outage()

    def events(self) -> Iterator[Event]:
        """Each once, in order, until the job ends."""
        while True:
            try:
                for message in self._messages():
                    self._outage.over()
                    self._has_received = True
                    if message.event == END.event:
                        return
                    event = self._new(message)
                    if event is not None:
                        yield event
                reason: EpochalError = APIConnectionError(
                    self._requester.base_url, "it closed the stream, again and again"
                )
            except httpx2.SSEError as error:
                raise StreamNotAvailableError(str(error).rstrip(".")) from error
            except httpx2.RequestError as error:
                reason = connection_error(self._requester.base_url, error)
            except EpochalError as error:
                reason = error
            self._check(reason)
            if not self._has_received:
                raise reason  # its request was repeated already, and nothing is lost yet
            self._requester.sleep(self._outage.wait(reason, self._retry_seconds))

    def _messages(self) -> Iterator[httpx2.ServerSentEvent]:
        """The messages of one connection."""
        last = {"Last-Event-ID": str(self._told)} if self._told else {}
        headers = {"Accept": "text/event-stream", **last}
        wait = max(0.0, SILENT_SECONDS - self._requester.options.timeout)
        with self._requester.open("GET", self._path, headers=headers, wait=wait) as response:
            if response.status_code == httpx2.codes.NO_CONTENT:
                yield END  # the job has ended, and all its events were received
                return
            for message in httpx2.EventSource(response):
                yield message

    def _new(self, message: httpx2.ServerSentEvent) -> Event | None:
        """The event of a message, if it has one that is new."""
        if message.retry is not None:
            self._retry_seconds = message.retry / 1000
        if not message.data:
            return None
        try:
            event = self._requester.decoded_part(Event, message.json())
        except (ValueError, EpochalError) as error:
            raise StreamNotAvailableError(f"{message.data[:100]!r} is no event") from error
        if event.id <= self._told:
            return None
        self._told = event.id
        return event

    def _check(self, reason: EpochalError) -> None:
        """Raises StreamNotAvailableError where `reason` means that this service cannot stream at all."""
        if isinstance(reason, NotFoundError) and reason.code != "job_not_found":
            raise StreamNotAvailableError(f"there is nothing at {self._path}") from reason
        if not self._has_received and isinstance(reason, APITimeoutError):
            raise StreamNotAvailableError("nothing comes, as if something in between held it back") from reason


def poll(requester: Requester, path: str, kind: type[T], is_over: Callable[[T], bool], wait: float) -> Iterator[T]:
    """What is at `path` now, then again whenever it has changed, and at least every `wait` seconds, until it `is_over`.
    Goes on through an outage of the service, once something has come."""
    found: T | None = None
    etag: str | None = None
    outage = Outage()
    while True:
        known = {"If-None-Match": etag} if etag else {}
        headers = {"Prefer": f"wait={max(1, round(wait))}", **known}
        try:
            response = requester.request("GET", path, headers=headers, wait=wait)
        except EpochalError as error:
            if found is None:
                raise
            requester.sleep(outage.wait(error))
            continue
        outage.over()
        etag = response.headers.get("ETag")
        if found is None or response.status_code != httpx2.codes.NOT_MODIFIED:
            found = requester.decoded(kind, response)
        yield found
        if is_over(found):
            return
        if "Preference-Applied" not in response.headers:
            requester.sleep(POLL_SECONDS)  # an older service, which cannot wait for changes
