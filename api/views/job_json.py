"""The JSON of jobs, cached by revision."""

from collections.abc import Mapping, Sequence
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


class JobJsonCache:
    """Makes the JSON of jobs, and caches it by the job's revision.

    Reading and serialising jobs is most of the cost of a list, and most jobs have not changed since the last request.
    The place in the queue is not cached: it depends on other jobs, and changes without a new revision.
    """

    def __init__(self) -> None:
        self._cache = RevisionCache[str](MAX_CACHED)

    def of(self, session: ProjectSession, jobs: Sequence[JobSummary]) -> list[str]:
        """The JSON of each job, by `schemas.Job`. `jobs` come from this `session`, a snapshot, so that revision
        and content are of one moment."""
        known = {job.id: self._cache.get(job.id, job.revision) for job in jobs}
        texts = {job_id: text for job_id, text in known.items() if text is not None}
        for record in queries.details_of(session, [job.id for job in jobs if job.id not in texts]).values():
            texts[record.job.id] = text = _without_place(record)
            if getsizeof(text) <= LARGEST_CACHED:
                self._cache.put(record.job.id, record.job.revision, text)
        places = queries.queue_places(session, jobs)
        return [_with_place(texts[job.id], places.get(job.id)) for job in jobs]

    def page(self, session: ProjectSession, page: JobPage, parameters: Mapping[str, Any]) -> str:
        """A page of jobs; `next` has the filter and the order of `parameters`."""
        following = translate.jobs_url({**parameters, "after": page.next_cursor}) if page.next_cursor else None
        empty = schemas.Page[schemas.Job](data=[], has_more=following is not None, next=following)
        return json_with_items(empty, "data", self.of(session, page.rows))


def new(record: JobDetails) -> str:
    """The JSON of a job that has just been created."""
    return _with_place(_without_place(record), record.queue)


def _without_place(record: JobDetails) -> str:
    return translate.job(record).model_dump_json(exclude={"queue"})


def _with_place(text: str, place: QueuePlace | None) -> str:
    """Append `queue` as the last member."""
    queue = schemas.QueuePlace.model_validate(place).model_dump_json() if place else "null"
    return f'{text[:-1]},"queue":{queue}}}'
