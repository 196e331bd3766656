"""The JSON of jobs, cached by revision."""

from collections.abc import Callable, Mapping, Sequence
from sys import getsizeof
from typing import Any

from api import schemas
from api.schemas.base import json_with_items
from api.views import translate
from api.views.revision_cache import RevisionCache
from jobs import queries
from jobs.queries import JobDetails, JobPage
from jobs.waiting import JobSummary, QueuePlace
from models import ProjectSession

MAX_CACHED = 10_000  # jobs
# Bytes in memory. A job usually takes 2 to 3 KiB. One with many attempts, or with a long description in characters
# outside of Latin-1, takes more and is not cached: so the cache takes at most MAX_CACHED times this.
LARGEST_CACHED = 8 * 1024


class JsonByRevision:
    """Makes the JSON of jobs, and caches it by the job's revision.

    Reading and serialising jobs is most of the cost of a list, and most jobs have not changed since the last request.
    The place in the queue is not cached: it depends on other jobs, and changes without a new revision.
    """

    def __init__(
        self, without_place: Callable[[JobDetails], str], place: Callable[[QueuePlace | None], str], path: str
    ) -> None:
        """`without_place` makes an object, to which the member that `place` makes is appended. `path` is the list's."""
        self._without_place, self._place, self._path = without_place, place, path
        self._cache = RevisionCache[str](MAX_CACHED)

    def of(self, session: ProjectSession, jobs: Sequence[JobSummary]) -> list[str]:
        """The JSON of each job. `jobs` come from this `session`, a snapshot, so that revision and content are of one
        moment."""
        known = {job.id: self._cache.get(job.id, job.revision) for job in jobs}
        texts = {job_id: text for job_id, text in known.items() if text is not None}
        for record in queries.details_of(session, [job.id for job in jobs if job.id not in texts]).values():
            texts[record.job.id] = text = self._without_place(record)
            if getsizeof(text) <= LARGEST_CACHED:
                self._cache.put(record.job.id, record.job.revision, text)
        places = queries.queue_places(session, jobs)
        return [_joined(texts[job.id], self._place(places.get(job.id))) for job in jobs]

    def page(self, session: ProjectSession, page: JobPage, parameters: Mapping[str, Any]) -> str:
        """A page of jobs; `next` has the filter and the order of `parameters`."""
        cursor = page.next_cursor
        following = translate.url(self._path, {**parameters, "after": cursor}) if cursor else None
        empty = schemas.Page[schemas.ResponseSchema](data=[], has_more=following is not None, next=following)
        return json_with_items(empty, "data", self.of(session, page.rows))


class JobJsonCache(JsonByRevision):
    """Of whole jobs, by `schemas.Job`."""

    def __init__(self) -> None:
        super().__init__(_without_place, _queue, translate.JOBS)


def new(record: JobDetails) -> str:
    """The JSON of a job that has just been created."""
    return _joined(_without_place(record), _queue(record.queue))


def _without_place(record: JobDetails) -> str:
    return translate.job(record).model_dump_json(exclude={"queue"})


def _queue(place: QueuePlace | None) -> str:
    queue = schemas.QueuePlace.model_validate(place).model_dump_json() if place else "null"
    return f'"queue":{queue}'


def _joined(text: str, member: str) -> str:
    """An object with one more member, the last one."""
    return f"{text[:-1]},{member}}}"
