"""Numbers for the operator of the service, which GET /metrics shows.

No query costs more when more jobs have ended. The present state is read from the few jobs that have not ended. Counts
of what has happened go on from the previous collection. Transactions do not commit in the order of their ids and times,
so the counts stay LAG_SECONDS behind: by then, every transaction that began before has been committed or rolled back.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from jobs import workers
from jobs.deployment import server_connections
from jobs.fence import is_waiting
from jobs.transitions import EndReason
from models import Attempt, Database, Epoch, Event, Job, JobStatus, WebhookDelivery
from models.columns import DatabaseNow

LAG_SECONDS = 15.0

# Of jobs that have not ended.
OPEN = (JobStatus.QUEUED, JobStatus.STARTING, JobStatus.RUNNING, JobStatus.PAUSED)
END_REASONS: tuple[str, ...] = tuple(
    reason for part in get_args(EndReason) for reason in (get_args(part) or (part,)) if isinstance(reason, str)
)

WorkerState = Literal["online", "draining"]


@dataclass(frozen=True, slots=True)
class ServiceStats:
    """The state at one moment; the counts are LAG_SECONDS old."""

    jobs: Mapping[JobStatus, int]  # that have not ended
    oldest_queued_seconds: float  # since the job that has been in the queue for longest came into it; 0 without any
    expired_leases: int  # of jobs that nobody has taken back yet
    images_per_second: float  # of the running jobs together, in the last epoch of each
    workers: Mapping[WorkerState, int]  # connected
    busy_slots: int
    free_slots: int
    deliveries_waiting: int
    oldest_delivery_seconds: float  # since the event of the oldest delivery that waits; 0 without any
    attempts_ended: Mapping[str, int]  # by reason, since the counting began
    epochs_recorded: int  # likewise
    server_connections: Mapping[str, int] | None  # jobs.deployment.server_connections


class StatsCollector:
    """Collects the numbers again and again. Counting begins with the first collection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts: Counter[str] = Counter(dict.fromkeys(END_REASONS, 0))
        self._epochs = 0
        self._counted_until: datetime | None = None
        self._counted_event: int | None = None
        self._newest_events: deque[tuple[datetime, int]] = deque()  # when each id was seen to be the newest

    def collect(self) -> ServiceStats:
        """The numbers now. Not for several threads at once."""
        with self._database.snapshot() as session:
            now = session.execute(select(DatabaseNow())).scalar_one()
            self._count_attempts(session, now)
            self._count_epochs(session, now)
            records = workers.connected_with_jobs(session)
            draining = sum(record.worker.draining_at is not None for record in records)
            waiting, oldest = session.execute(DELIVERIES).one()
            return ServiceStats(
                jobs={
                    **dict.fromkeys(OPEN, 0),
                    **dict(session.execute(JOBS).all()),
                    JobStatus.QUEUED: session.scalar(QUEUED) or 0,
                },
                oldest_queued_seconds=_age(now, session.scalar(OLDEST_QUEUED)),
                expired_leases=session.scalar(EXPIRED_LEASES) or 0,
                images_per_second=session.scalar(IMAGES_PER_SECOND) or 0.0,
                workers={"online": len(records) - draining, "draining": draining},
                busy_slots=sum(len(record.jobs) for record in records),
                free_slots=sum(record.free_slots for record in records),
                deliveries_waiting=waiting,
                oldest_delivery_seconds=_age(now, oldest),
                attempts_ended=dict(self._attempts),
                epochs_recorded=self._epochs,
                server_connections=server_connections(session),
            )

    def _count_attempts(self, session: Session, now: datetime) -> None:
        until = now - timedelta(seconds=LAG_SECONDS)
        if self._counted_until is None:
            self._counted_until = until
        elif until > self._counted_until:
            for reason, count in session.execute(attempts_ended(self._counted_until, until)):
                self._attempts[str(reason)] += count
            self._counted_until = until

    def _count_epochs(self, session: Session, now: datetime) -> None:
        newest = session.scalar(NEWEST_EVENT) or 0
        if self._counted_event is None or newest < self._counted_event:  # SQLite gives ids of deleted rows again
            self._counted_event = newest
            self._newest_events.clear()
        self._newest_events.append((now, newest))
        settled = now - timedelta(seconds=LAG_SECONDS)
        until = self._counted_event
        while self._newest_events and self._newest_events[0][0] <= settled:
            until = self._newest_events.popleft()[1]
        if until > self._counted_event:
            self._epochs += session.execute(epochs_recorded(self._counted_event, until)).scalar_one()
            self._counted_event = until


# Queued jobs may be many, so they are counted in the queue's own index. The others are few.
QUEUED = select(func.count()).select_from(Job).where(is_waiting())
JOBS = select(Job.status, func.count()).where(Job.status.in_(OPEN[1:])).group_by(Job.status)
OLDEST_QUEUED = select(Job.queued_at).where(is_waiting()).order_by(Job.queued_at).limit(1)
EXPIRED_LEASES = select(func.count()).select_from(Job).where(Job.lease_until < DatabaseNow())
IMAGES_PER_SECOND = (
    select(func.sum(Epoch.images_per_second))
    .select_from(Job)
    .join(
        Epoch,
        and_(Epoch.job_id == Job.id, Epoch.epoch == Job.latest_epoch, Epoch.attempt == Job.attempt),
    )
    .where(Job.status == JobStatus.RUNNING)
)
DELIVERIES = select(func.count(), func.min(WebhookDelivery.created_at)).where(
    WebhookDelivery.next_attempt_at.is_not(None)
)
NEWEST_EVENT = select(func.max(Event.id))


def attempts_ended(since: datetime, until: datetime) -> Select[str | None, int]:
    """How many for which reason, after `since`, up to `until`."""
    return (
        select(Attempt.end_reason, func.count())
        .where(Attempt.ended_at > since, Attempt.ended_at <= until)
        .group_by(Attempt.end_reason)
    )


def epochs_recorded(since: int, until: int) -> Select[int]:
    """How many, behind the event `since`, up to the event `until`."""
    return select(func.count()).select_from(Event).where(Event.id > since, Event.id <= until, Event.type == "epoch")


def _age(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
