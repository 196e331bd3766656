"""Follows a job: as a stream of events that survives broken connections, or as the job itself whenever it changes."""

import time
from collections.abc import Iterator
from contextlib import closing

import httpx2

from old_client.connection import (
    CONNECTION_LOST,
    TEMPORARY_STATUSES,
    Connection,
    Retries,
    decode_part,
    decode_response,
    path_to,
)
from old_client.errors import EpochalError, EpochalNoStream, EpochalUnreachable
from old_client.resources import Event, Job

# Waits before each reconnection to a stream. Each reconnection itself retries for some seconds, too. Together this is
# longer than for a single request, so that a stream survives a service that moves, or a machine that reboots.
RECONNECT_AFTER_SECONDS = (0.2, 1.0, 2.0, 4.0, 8.0, 16.0)
# The service sends something at least every 15 seconds. A stream that is silent for this long has lost its connection.
SILENT_SECONDS = 45.0

END = httpx2.ServerSentEvent(event="end")


class EventStream:
    """The events of a job after the one with the id `told`."""

    def __init__(self, connection: Connection, job_id: str, told: int) -> None:
        self._connection = connection
        self._path = path_to("jobs", job_id, "stream")
        self._told = told
        self._has_received = False  # whether the service has ever sent something
        self._retry_seconds = 0.0  # how long the service asks to wait before a reconnection

    def events(self) -> Iterator[Event]:
        """Each once, in order, until the job ends."""
        retries = Retries(RECONNECT_AFTER_SECONDS)
        while True:
            try:
                for message in self._messages():
                    retries, self._has_received = Retries(RECONNECT_AFTER_SECONDS), True
                    if message.event == END.event:
                        return
                    yield from self._new(message)
                closed = "it closed the stream, again and again"
                cut: EpochalError = EpochalUnreachable(self._connection.url, closed, self._retry_seconds)
            except (httpx2.RequestError, EpochalError) as error:
                cut = self._transient(error)
            retries.wait(cut)

    def _messages(self) -> Iterator[httpx2.ServerSentEvent]:
        """The messages of one connection."""
        last = {"Last-Event-ID": str(self._told)} if self._told else {}
        response = self._connection.request(
            "GET",
            self._path,
            headers={"Accept": "text/event-stream", **last},
            retry_on=CONNECTION_LOST,
            stream=True,
            read_seconds=SILENT_SECONDS,
        )
        with closing(response):
            if response.status_code == httpx2.codes.NO_CONTENT:
                yield END  # the job has ended, and all its events were received
            else:
                yield from httpx2.EventSource(response)

    def _new(self, message: httpx2.ServerSentEvent) -> Iterator[Event]:
        """The event of a message, if it has one that is new."""
        if message.retry is not None:
            self._retry_seconds = message.retry / 1000
        if not message.data:
            return
        try:
            event = decode_part(Event, message.json())
        except ValueError as error:
            raise EpochalNoStream(f"{message.data[:100]!r} is no event") from error
        if event.id > self._told:
            self._told = event.id
            yield event

    def _transient(self, error: httpx2.RequestError | EpochalError) -> EpochalError:
        """Why the connection ended, if a reconnection may help. Otherwise raises the error."""
        if isinstance(error, httpx2.SSEError):
            raise EpochalNoStream(str(error).rstrip(".")) from error
        reason = error if isinstance(error, EpochalError) else self._connection.unreachable(error)
        if reason.status == httpx2.codes.NOT_FOUND and reason.code != "job_not_found":
            raise EpochalNoStream(f"there is nothing at {self._path}") from error
        if not self._has_received and isinstance(error.__cause__ or error, httpx2.TimeoutException):
            raise EpochalNoStream("nothing comes, as if something in between held it back") from error
        if error is reason and not (self._has_received and _may_pass(reason)):
            raise reason
        return reason


def poll_job(connection: Connection, job_id: str, poll_seconds: float, wait_seconds: float) -> Iterator[Job]:
    """See `Client.looks`."""
    job: Job | None = None
    etag: str | None = None
    while True:
        known = {"If-None-Match": etag} if etag else {}
        response = connection.request(
            "GET",
            path_to("jobs", job_id),
            headers={"Prefer": f"wait={max(1, round(wait_seconds))}", **known},
            retry_on=CONNECTION_LOST,
            read_seconds=connection.timeout_seconds + wait_seconds,
        )
        etag = response.headers.get("ETag")
        if job is None or response.status_code != httpx2.codes.NOT_MODIFIED:
            job = decode_response(Job, response)
        yield job
        if job.finished:
            return
        if "Preference-Applied" not in response.headers:
            time.sleep(poll_seconds)


def _may_pass(reason: EpochalError) -> bool:
    return isinstance(reason, EpochalUnreachable) or reason.status in TEMPORARY_STATUSES
