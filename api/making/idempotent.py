"""Makes a job at most once for an Idempotency-Key."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Header, Request, Response
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from api.dependencies import QueueDep, SessionDep
from api.http.errors import InvalidRequest
from api.views import job_json, translate
from jobs import idempotency, queries, repeats
from jobs.delivery import TrainingQueue
from models import Job, ProjectSession

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

_KEY = "^[!-~]{1,255}$"


def _visible(key: str) -> str:
    if not re.fullmatch(_KEY, key):
        raise PydanticCustomError("idempotency_key", "should be 1 to 255 visible ASCII characters")
    return key


Key = Annotated[
    Annotated[str, AfterValidator(_visible)] | None,
    Header(
        alias=HEADER,
        description="Chosen by the client, such as a UUID. A request that is repeated with its key within a week makes "
        "nothing new, and gets the answer of the first one.",
        json_schema_extra={"pattern": _KEY},
    ),
]


@dataclass(frozen=True, slots=True)
class Made:
    """What a request has made."""

    id: str
    answer: str  # as JSON
    jobs: Sequence[str]  # ids of new jobs, of which workers are notified


@dataclass(frozen=True, slots=True)
class IdempotentSubmission:
    """Makes a job, or several, for a request, answers the request, and notifies the workers."""

    session: ProjectSession
    queue: TrainingQueue
    background: BackgroundTasks
    key: str | None
    body: bytes  # as received: a key may be used again only with the same body

    @property
    def project(self) -> str:
        """Whose job it will be."""
        return self.session.own_project

    def make(self, operation: str, submit: Callable[[], Job]) -> Response:
        """Make a job with `submit`, and answer with it. If the key was used before, give the same answer as then, and
        make no job. Raises IdempotencyKeyReused, and what `submit` raises.
        """

        def made() -> Made:
            job = submit()
            answer = job_json.new(queries.newly_made(self.session, job))
            return Made(job.id, answer, [each.id for each in repeats.jobs_of(self.session, job)])

        return self.once(operation, translate.job_url, made)

    def once(self, operation: str, url_of: Callable[[str], str], make: Callable[[], Made]) -> Response:
        """The same for whatever `make` makes; `url_of` says where it is, by its id."""
        if self.key:
            first = idempotency.reserve(self.session, self.project, self.key, operation, self.body)
            if first:
                return _created(url_of(first.job_id), first.answer, replayed=True)
        made = make()
        if self.key:
            idempotency.answer(self.session, self.project, self.key, made.id, made.answer)
        for job_id in made.jobs:
            self.background.add_task(self.queue.send, job_id)  # after the commit and the answer
        return _created(url_of(made.id), made.answer)


async def _one_key(request: Request, key: Key = None) -> str | None:
    if (times := len(request.headers.getlist(HEADER))) > 1:
        raise InvalidRequest([{"header": HEADER, "detail": f"should be there once, not {times} times"}], 1)
    return key


# The request's Idempotency-Key, if it has one.
IdempotencyKeyDep = Annotated[str | None, Depends(_one_key)]


async def _idempotent_submission(
    request: Request, session: SessionDep, queue: QueueDep, background: BackgroundTasks, key: IdempotencyKeyDep
) -> IdempotentSubmission:
    return IdempotentSubmission(session, queue, background, key, await request.body())


async def _refuse_idempotency_key(request: Request) -> None:
    if HEADER in request.headers:
        detail = (
            "is not supported here: a repeated request would act again. Send it without the key, and look whether it "
            "has worked before you repeat it"
        )
        raise InvalidRequest([{"header": HEADER, "detail": detail}], 1)


# Refuses an Idempotency-Key. For operations whose answer contains a secret, or that act each time: they cannot repeat
# their first answer, and must not seem to.
NO_IDEMPOTENCY_KEY: Any = Depends(_refuse_idempotency_key)

IdempotentSubmissionDep = Annotated[IdempotentSubmission, Depends(_idempotent_submission)]


def _created(url: str, answer: str, *, replayed: bool = False) -> Response:
    headers = {"Location": url} | ({REPLAYED: "true"} if replayed else {})
    return Response(answer, HTTPStatus.CREATED, headers, media_type="application/json")
