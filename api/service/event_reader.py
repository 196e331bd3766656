"""Reads what happens to jobs, and makes the messages of it that streams send."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic

from sqlalchemy import select

from api import schemas
from api.service.cursors import Cursors
from api.views import translate
from api.views.progress import progress
from jobs import queries
from jobs.changes import HIDDEN_SECONDS
from jobs.event_feed import ChangedJobs, EventFeed, deleted_jobs
from jobs.queries import EventWithEpoch
from jobs.unseen_events import Unseen
from models import Deployment, Job, ProjectSession
from training.spec import ResolvedSpec

# How often jobs are looked through for changes that no event tells of. With very many of them, it takes at most this
# share of the time, but for as often as a job that was deleted must be looked for before its row is purged.
LOOK_SECONDS = 1.0
MAX_LOOKING_SHARE = 0.05
MOST_LOOK_SECONDS = HIDDEN_SECONDS / 2

MOST_TOLD = 1000  # jobs whose progress one look tells; the next one goes on
TRIES = 20  # looks at a job whose change was announced before its transaction has committed


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as streams send it. One with an `event_id` is told once; others tell of a state."""

    text: bytes  # with its position, as most listeners have it
    body: bytes  # without
    event_id: int | None = None
    unseen: Unseen | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What one look has found in `projects`."""

    projects: Collection[str]
    messages: Mapping[str, Sequence[Sent]]  # by project
    unseen: Unseen | None  # after it; None: the feed has not begun


@dataclass(slots=True)
class EventReader:
    """Reads from the moment of its first `read` on. Use it in one thread at a time, but for `note`."""

    _feed: EventFeed = field(default_factory=EventFeed)
    _changed: ChangedJobs = field(default_factory=ChangedJobs)
    _changes: dict[str, None] = field(default_factory=dict)  # jobs whose progress is to be told
    _gone: list[tuple[str, str]] = field(default_factory=list)  # deleted jobs that are to be told, with their projects
    _deleted: set[str] = field(default_factory=set)  # those that were found
    _noted: "SimpleQueue[tuple[str, int]]" = field(default_factory=SimpleQueue)
    _awaited: dict[str, tuple[int, int]] = field(default_factory=dict)  # revision, and tries that are left
    _look_due: float = 0.0
    _deployment: str | None = None
    _cursors: dict[str, Cursors] = field(default_factory=dict)

    def note(self, job_id: str, revision: int) -> None:
        """The job has this revision, or will have it soon. From any thread."""
        self._noted.put((job_id, revision))

    def read(self, session: ProjectSession, projects: Collection[str]) -> News:
        """What is new in these projects. What a call that fails has found, the next one tells."""
        if self._deployment is None:
            self._deployment = deployment_of(session)
        self._look(session, projects)
        telling = [*islice(self._changes, MOST_TOLD)]
        states = [(project, deleted(job_id)) for project, job_id in self._gone] + progress_of(session, telling)
        messages: dict[str, list[Sent]] = {project: [] for project in projects}
        # Last, since what it has read it does not read again.
        for found in self._feed.read(session, projects):
            messages[found.project].append(self._event(found.project, found.record, found.unseen))
        for project, message in states:
            if project in messages:
                messages[project].append(message)
        self._gone.clear()
        for job_id in telling:
            del self._changes[job_id]
        return News(projects, messages, self._feed.unseen if self._feed.is_started else None)

    def _event(self, project: str, record: EventWithEpoch, unseen: Unseen) -> Sent:
        if project not in self._cursors:
            assert self._deployment is not None
            self._cursors[project] = Cursors(self._deployment, project)
        body = event_body(record)
        return Sent(with_id(self._cursors[project].write(unseen), body), body, record.event.id, unseen)

    def _look(self, session: ProjectSession, projects: Collection[str]) -> None:
        """For progress and deletions, once LOOK_SECONDS have passed; at once, where it is the first look at a
        project."""
        new, now = set(projects) - set(self._changed.projects), monotonic()
        if now < self._look_due and not new:
            return
        self._changed.forget_but(projects)
        due = now >= self._look_due
        self._changes |= dict.fromkeys(self._changed.look(session, projects if due else new))
        self._look_for_deleted(session, projects, new)
        if due:
            self._changes |= dict.fromkeys(self._committed(session))
            wanted = max(LOOK_SECONDS, (monotonic() - now) / MAX_LOOKING_SHARE)
            self._look_due = now + min(wanted, MOST_LOOK_SECONDS)

    def _committed(self, session: ProjectSession) -> list[str]:
        """Of the jobs that `note` was told of, those whose transactions have committed."""
        try:
            while True:
                job_id, revision = self._noted.get_nowait()
                self._awaited[job_id] = (revision, TRIES)
        except Empty:
            pass
        if not self._awaited:
            return []
        rows = session.execute(select(Job.id, Job.revision).where(Job.id.in_(self._awaited)))
        now = {row.id: row.revision for row in rows}
        done = [job_id for job_id, (revision, _) in self._awaited.items() if now.get(job_id, -1) >= revision]
        self._awaited = {
            job_id: (revision, tries - 1)
            for job_id, (revision, tries) in self._awaited.items()
            if job_id not in done and tries
        }
        return done

    def _look_for_deleted(self, session: ProjectSession, projects: Collection[str], new: Collection[str]) -> None:
        gone = deleted_jobs(session, projects)
        self._gone += [each for each in gone if not (each[0] in new or each[1] in self._deleted)]
        self._deleted = {job_id for _, job_id in gone}


def deployment_of(session: ProjectSession) -> str:
    """The database's id."""
    return session.scalars(select(Deployment.id)).one()


def event_body(record: EventWithEpoch) -> bytes:
    """An event as the stream of all jobs has it."""
    event = translate.event(record).model_dump_json()
    return message(record.event.type, f'{{"job_id":"{record.event.job_id}",{event[1:]}')


def message(kind: str, data: str) -> bytes:
    """A server-sent event without an id. Neither `kind` nor `data`, which is JSON, has a line break."""
    return f"event: {kind}\ndata: {data}\n\n".encode()


def with_id(cursor: str, body: bytes) -> bytes:
    """The same with an id."""
    return b"id: %s\n%s" % (cursor.encode(), body)


def deleted(job_id: str) -> Sent:
    """A job is not there any more."""
    return _stateless("deleted", json.dumps({"job_id": job_id}))


def progress_of(session: ProjectSession, job_ids: Sequence[str]) -> list[tuple[str, Sent]]:
    """How far these jobs are, with their projects. Without those that have been deleted."""
    if not job_ids:
        return []
    with session.all_projects():
        records = [each for each in queries.details_of(session, job_ids).values() if each.job.deleted_at is None]
        places = queries.queue_places(session, [queries.state(each.job) for each in records])
    found = []
    for record in records:
        job, place = record.job, places.get(record.job.id)
        told = schemas.JobProgress(
            job_id=job.id,
            status=job.status,
            requested=job.requested,
            progress=progress(record, ResolvedSpec.to_show(job.spec)),
            queue=schemas.QueuePlace.model_validate(place) if place else None,
        )
        found.append((job.project, _stateless("progress", told.model_dump_json())))
    return found


def _stateless(kind: str, data: str) -> Sent:
    body = message(kind, data)
    return Sent(body, body)
