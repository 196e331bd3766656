"""Cheap polling of a job.

With an ETag (`If-None-Match`), content that the client has already is not sent again. With `Prefer: wait=20` (RFC
7240), the request waits for a change, so that the client need not ask again and again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from access import keys
from access.keys import Caller
from api.dependencies import CallerDep, ServiceDep, SlotDep
from api.http.etags import REVALIDATE, IfNoneMatch, etag_of, if_none_match_of, matches, not_modified
from api.http.preconditions import IfMatch, check_preconditions
from api.service.fair_limiter import Slot
from api.service.tailer import Tailer
from api.views.revision_cache import NotModifiedHeaders, RevisionCache
from jobs import queries
from models import TERMINAL, Database, JobStatus, ProjectSession

MAX_WAIT_SECONDS = 60.0

# How often a waiting request checks whether its client is still connected.
CHECK_CLIENT_SECONDS = 2.0

_WAIT = re.compile(r"\s*wait\s*=\s*\"?(\d{1,6})\"?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an answer."""

    body: str
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False  # a page without rows: there are none behind the cursor yet


ContentReader = Callable[[ProjectSession], Content]


@dataclass(frozen=True, slots=True)
class Poll:
    """One request that reads a job, and may wait for a change of it."""

    database: Database
    tailer: Tailer
    not_modified: RevisionCache[NotModifiedHeaders]
    request: Request
    caller: Caller
    slot: Slot
    address: str  # a hash of what selects the answer: project, URL and Accept header
    etags: str | None  # of If-None-Match
    wait_seconds: float | None  # of Prefer

    async def answer(
        self, job_id: str, content: ContentReader, *, in_snapshot: bool = False, with_queue_place: bool = False
    ) -> Response:
        """Answer with `content`, or with 304 if the client has it already.

        With `Prefer: wait`, wait until the answer is new to the client, the time is up, or the job has ended: then
        nothing changes any more. The request holds no slot while it waits.

        `in_snapshot`: `content` makes several queries, and needs a transaction in which all of them see the same state.
        `with_queue_place`: `content` contains a place in the queue. While the job is queued, its revision does not tell
        whether the content is unchanged, since other jobs change it, too. Raises JobNotFound, KeyInvalid,
        TooManyWaiting, and what `content` raises.
        """
        began, waits = monotonic(), 0
        while True:
            result = await run_in_threadpool(
                self._read, job_id, content, in_snapshot=in_snapshot, with_queue_place=with_queue_place, again=waits > 0
            )
            left = (self.wait_seconds or 0.0) - (monotonic() - began)
            if result.is_new or result.is_final or left <= 0 or self.tailer.is_closed:
                return result.response
            waits += 1
            if waits == 1:
                self.tailer.require_capacity(self.caller.key_id)
            async with self.slot.released():
                is_there = await self._wait(job_id, result.revision, left)
            if not is_there:
                return result.response  # nobody reads it

    async def _wait(self, job_id: str, revision: int, seconds: float) -> bool:
        """Wait until the job changes or the time is up. Returns whether the client is still there. Does not read the
        database: the tailer polls it for everybody who waits."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if await self.tailer.wait_for_change(job_id, revision, min(left, CHECK_CLIENT_SECONDS), self.caller.key_id):
                return True
            if await self.request.is_disconnected():
                return False
        return True

    def _read(
        self, job_id: str, content: ContentReader, *, in_snapshot: bool, with_queue_place: bool, again: bool
    ) -> "_Result":
        applied = {} if self.wait_seconds is None else {"Preference-Applied": f"wait={self.wait_seconds:.0f}"}
        read = self.database.snapshot if in_snapshot else self.database.autocommit_read
        with read(self.caller.project) as session:
            if again:
                keys.require_valid(session, self.caller)  # the key may have been revoked during the wait
            revision, status = queries.revision_of(session, job_id)
            final = status in TERMINAL
            on_job_alone = not (with_queue_place and status is JobStatus.QUEUED)
            known = self.not_modified.get(self.address, revision) if on_job_alone and self.etags else None
            if known:
                check_preconditions(self.request, known.etag)
            if known and self.etags and matches(self.etags, known.etag):
                return _Result(
                    not_modified(known.etag, {**applied, **known.headers}), revision, is_new=False, is_final=final
                )
            made = content(session)
        etag = etag_of(made.body)
        check_preconditions(self.request, etag)
        if on_job_alone:
            self.not_modified.put(self.address, revision, NotModifiedHeaders(etag, made.headers))
        headers = {**REVALIDATE, **applied, **made.headers, "ETag": etag}
        if self.etags and matches(self.etags, etag):
            return _Result(not_modified(etag, {**applied, **made.headers}), revision, is_new=False, is_final=final)
        response = Response(made.body, headers=headers, media_type=made.media_type)
        # The client sent no ETag, or has another version: everything but an empty page is new to it.
        return _Result(response, revision, is_new=not made.is_empty, is_final=final)


@dataclass(frozen=True, slots=True)
class _Result:
    response: Response
    revision: int
    is_new: bool  # to the client
    is_final: bool  # the job has ended


Preferences = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description="`wait=20`: answer as soon as there is something new, or after that many seconds, at most 60.",
    ),
]


async def _poll(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    slot: SlotDep,
    _etags: IfNoneMatch = None,
    _expected: IfMatch = None,
    _preferences: Preferences = None,
) -> Poll:
    # The answer to the same URL depends on the Accept header, and on the project: another one gets 404.
    # Its hash is kept, since a URL may have 16 KiB.
    address = f"{caller.project} {request.url.path}?{request.url.query} {request.headers.get('accept', '')}"
    digest = sha256(address.encode(errors="surrogatepass")).hexdigest()
    return Poll(
        database=service.database,
        tailer=service.tailer,
        not_modified=service.not_modified,
        request=request,
        caller=caller,
        slot=slot,
        address=digest,
        etags=if_none_match_of(request),
        wait_seconds=wait_seconds_of(",".join(request.headers.getlist("prefer"))),
    )


PollDep = Annotated[Poll, Depends(_poll)]


def wait_seconds_of(preferences: str | None) -> float | None:
    """The seconds of `wait=…`, or None. Other preferences are ignored, as RFC 7240 demands."""
    for preference in (preferences or "").split(","):
        if found := _WAIT.fullmatch(preference):
            return min(float(found[1]), MAX_WAIT_SECONDS)
    return None
