"""Polling that costs little: ETags, so that what a client has already is not sent again, and waiting for news
(`Prefer: wait=20`, RFC 7240) in place of asking in vain.
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

LONGEST_WAIT_SECONDS = 60.0

# So often it is seen whether whoever waits is still there.
GONE_AFTER_SECONDS = 2.0

_WAIT = re.compile(r"\s*wait\s*=\s*\"?(\d{1,6})\"?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer says."""

    body: str
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False  # of rows behind a cursor: there are none yet


Answer = Callable[[ProjectSession], Content]


@dataclass(frozen=True, slots=True)
class Poll:
    """One client's question about one job."""

    database: Database
    tailer: Tailer
    not_modified: RevisionCache[NotModifiedHeaders]
    request: Request
    caller: Caller
    slot: Slot
    address: str  # stands for it, with its query, and in which form
    etags: str | None  # of If-None-Match
    wait_seconds: float | None  # as preferred

    async def answer(
        self, job_id: str, content: Answer, *, in_one_state: bool = False, tells_place: bool = False
    ) -> Response:
        """What `content` says, 304 where the client has it; with `Prefer: wait`, not before there is news or the time
        is up. A job that has ended has none. `content` is read of one state where that has to be; where it tells of a
        place in the queue, it depends on other jobs, too, as long as this one is queued. Raises JobNotFound,
        KeyInvalid, and what `content` raises.
        """
        began, waits = monotonic(), 0
        while True:
            look = await run_in_threadpool(
                self._look, job_id, content, in_one_state=in_one_state, tells_place=tells_place, again=waits > 0
            )
            left = (self.wait_seconds or 0.0) - (monotonic() - began)
            if look.is_news or look.is_final or left <= 0 or self.tailer.is_closed:
                return look.response
            waits += 1
            if waits == 1:
                self.tailer.require_room(self.caller.key_id)
            async with self.slot.released():
                is_there = await self._wait(job_id, look.revision, left)
            if not is_there:
                return look.response  # which nobody reads

    async def _wait(self, job_id: str, revision: int, seconds: float) -> bool:
        """Until the job has changed, or the time is up. Whether the client is still there. Asks the database nothing:
        the tailer does, once for all who wait."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if await self.tailer.changed(job_id, revision, min(left, GONE_AFTER_SECONDS), self.caller.key_id):
                return True
            if await self.request.is_disconnected():
                return False
        return True

    def _look(self, job_id: str, content: Answer, *, in_one_state: bool, tells_place: bool, again: bool) -> "_Look":
        applied = {} if self.wait_seconds is None else {"Preference-Applied": f"wait={self.wait_seconds:.0f}"}
        read = self.database.snapshot if in_one_state else self.database.autocommit_read
        with read(self.caller.project) as session:
            if again:
                keys.require_valid(session, self.caller)  # its key may have been revoked during the wait
            revision, status = queries.revision_of(session, job_id)
            final = status in TERMINAL
            on_job_alone = not (tells_place and status is JobStatus.QUEUED)
            known = self.not_modified.get(self.address, revision) if on_job_alone and self.etags else None
            if known:
                check_preconditions(self.request, known.etag)
            if known and self.etags and matches(self.etags, known.etag):
                return _Look(
                    not_modified(known.etag, {**applied, **known.headers}), revision, is_news=False, is_final=final
                )
            made = content(session)
        etag = etag_of(made.body)
        check_preconditions(self.request, etag)
        if on_job_alone:
            self.not_modified.put(self.address, revision, NotModifiedHeaders(etag, made.headers))
        headers = {**REVALIDATE, **applied, **made.headers, "ETag": etag}
        if self.etags and matches(self.etags, etag):
            return _Look(not_modified(etag, {**applied, **made.headers}), revision, is_news=False, is_final=final)
        response = Response(made.body, headers=headers, media_type=made.media_type)
        # Without an ETag to compare with, rows are news; an answer that is always there, is.
        return _Look(response, revision, is_news=not made.is_empty, is_final=final)


@dataclass(frozen=True, slots=True)
class _Look:
    response: Response
    revision: int
    is_news: bool
    is_final: bool


Preferences = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description="`wait=20`: answer as soon as there is something new, or after so many seconds, at most 60.",
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
    # The same address may be answered in another form, and to another project not at all.
    address = f"{caller.project} {request.url.path}?{request.url.query} {request.headers.get('accept', '')}"
    digest = sha256(address.encode(errors="surrogatepass")).hexdigest()  # remembered: an address has 16 KiB at most
    return Poll(
        database=service.database,
        tailer=service.tailer,
        not_modified=service.not_modified,
        request=request,
        caller=caller,
        slot=slot,
        address=digest,
        etags=if_none_match_of(request),
        wait_seconds=_wait_of(",".join(request.headers.getlist("prefer"))),
    )


PollDep = Annotated[Poll, Depends(_poll)]


def _wait_of(preferences: str | None) -> float | None:
    """What a preference means that is none is not told: RFC 7240 has it ignored."""
    for preference in (preferences or "").split(","):
        if found := _WAIT.fullmatch(preference):
            return min(float(found[1]), LONGEST_WAIT_SECONDS)
    return None
