"""What has changed in many jobs since a position in each: for streams, which follow jobs on behalf of clients.

Each job has a cursor of its own. A job's events get their ids while its row is locked, so within one job a later event
has a higher id. Between jobs that does not hold: an event with a lower id may become visible later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.queries import EventWithEpoch, with_their_epochs
from models import Event, Job

# How many jobs one query may ask for.
BATCH_SIZE = 500

# Jobs whose cursors lie further apart are not asked for in one query: it reads all events after the lowest cursor.
FAR_APART = 10_000


@dataclass(frozen=True, slots=True)
class Position:
    """How far a job has been followed. None: not known, or its events are not wanted."""

    revision: int | None = None
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class Updates:
    """What has changed."""

    revisions: Mapping[str, int]  # of the jobs that exist
    deleted: frozenset[str]  # gone, or about to be purged; their last events are found all the same
    events: Sequence[EventWithEpoch] = field(default=())  # of each job in order


def find_updates(session: Session, positions: Mapping[str, Position]) -> Updates:
    """What has changed in these jobs, of any project. The number of queries depends on how many jobs have changed, and
    not on how many clients follow them."""
    revisions: dict[str, int] = {}
    deleted = set(positions)
    for ids in _batched(list(positions), BATCH_SIZE):
        for row in session.execute(select(Job.id, Job.revision, Job.deleted_at).where(Job.id.in_(ids))):
            revisions[row.id] = row.revision
            if row.deleted_at is None:
                deleted.discard(row.id)
    changed = {
        job_id: position.event_id
        for job_id, position in positions.items()
        if position.event_id is not None and revisions.get(job_id, position.revision) != position.revision
    }
    return Updates(
        revisions, frozenset(deleted), [record for cursors in _near(changed) for record in _events(session, cursors)]
    )


def _near(cursors: Mapping[str, int]) -> Iterator[dict[str, int]]:
    group: dict[str, int] = {}
    first = 0
    for job_id, event_id in sorted(cursors.items(), key=lambda item: item[1]):
        if group and (len(group) == BATCH_SIZE or event_id - first > FAR_APART):
            yield group
            group = {}
        first = first if group else event_id
        group[job_id] = event_id
    if group:
        yield group


def _events(session: Session, cursors: Mapping[str, int]) -> Iterator[EventWithEpoch]:
    behind = Event.id > min(cursors.values())
    for event, epoch in session.execute(with_their_epochs().where(Event.job_id.in_(cursors), behind)):
        if event.id > cursors[event.job_id]:
            yield EventWithEpoch(event, epoch)


def _batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
