"""Follows the events of all jobs, each once, in whatever order they become visible; and what else changes of jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Literal

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from jobs.queries import EventWithEpoch, with_their_epochs
from jobs.unseen_events import MAX_GAPS, Range, Unseen
from models import TERMINAL, Event, Job, ProjectSession

BATCH_SIZE = 1000  # events a query

# How long a feed waits at its start for transactions that were running then. After that, it looks for ids that are
# missing among so many of the latest, and counts them as unseen.
START_SECONDS = 2.0
LOOKED_BACK = 10_000

MOST_MISSED = 10_000  # events. Who has missed more reads anew what it shows
MOST_IDS_MISSED = 200_000  # of all projects: who has missed fewer of its own may have to be looked for among so many


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event of a project that somebody listens to, and what is unseen after it."""

    project: str
    record: EventWithEpoch
    unseen: Unseen


@dataclass(slots=True)
class _Gap:
    """Ids that were taken and are not visible. Transactions that have taken one have a lower number than `until`: once
    all those have ended, what is still not visible never will be."""

    ids: Range
    until: float | None = None  # None: not known yet


class EventFeed:
    """Reads events of all jobs from its start on. Use it in one thread at a time."""

    def __init__(self) -> None:
        self._high: int | None = None
        self._gaps: list[_Gap] = []
        self._start: tuple[float, float] | None = None  # the number `until` of the start, and the time
        self.is_started = False

    @property
    def unseen(self) -> Unseen:
        """Where the feed is."""
        assert self._high is not None
        return Unseen(self._high, tuple(gap.ids for gap in self._gaps))

    def read(self, session: ProjectSession, projects: Collection[str]) -> list[FeedEvent]:
        """Events of these projects that are new, in the order of their ids. None before the feed `is_started`."""
        if not self.is_started:
            self._begin(session)
            return []
        settled = self._settled(session)
        rows = session.execute(_ids_of(self.unseen)).all()
        in_order, unseen = is_in_order(session), self.unseen
        wanted: dict[int, tuple[str, Unseen]] = {}
        for row in rows:
            unseen = unseen.without(row.id, leaving_gap=not in_order)
            if row.project in projects:
                wanted[row.id] = (row.project, unseen)
        records = _whole(session, list(wanted))
        # Nothing fails from here on: what is told is not read again, and what is read is told.
        self._go_on(unseen, settled if len(rows) < BATCH_SIZE else 0)  # or some in the gaps may not have been read
        return [FeedEvent(wanted[record.event.id][0], record, wanted[record.event.id][1]) for record in records]

    def _begin(self, session: ProjectSession) -> None:
        """Every id up to `high` must be visible now, or never be."""
        if self._high is None or self._start is None:
            self._high = session.scalar(select(func.max(Event.id))) or 0
            self._start = (_next(session), monotonic())  # after `high`: who has taken a lower id is below it
        until, since = self._start
        if _first_running(session) >= until:
            self.is_started = True
        elif monotonic() - since > START_SECONDS:
            self._gaps = [_Gap(missing, until) for missing in _missing(session, self._high)]
            self.is_started = True

    def _settled(self, session: ProjectSession) -> float:
        """Gaps with a lower `until` will not be filled by what is not visible from now on."""
        if not self._gaps:
            return 0
        if any(gap.until is None for gap in self._gaps):
            end = _next(session)
            for gap in self._gaps:
                gap.until = end if gap.until is None else gap.until
        return _first_running(session)

    def _go_on(self, unseen: Unseen, settled: float) -> None:
        known = [(gap.ids, gap.until) for gap in self._gaps]
        gaps = [
            _Gap(ids, next((until for whole, until in known if whole.first <= ids.first <= whole.last), None))
            for ids in unseen.gaps
        ]
        self._high = unseen.high
        self._gaps = [gap for gap in gaps if gap.until is None or gap.until > settled][-MAX_GAPS:]


def is_in_order(session: Session) -> bool:
    """Whether events become visible in the order of their ids: SQLite has one writer at a time."""
    return session.get_bind().dialect.name == "sqlite"


def _first_running(session: Session) -> float:
    """The number of the first transaction that runs and writes. With only one writer, none does."""
    if is_in_order(session):
        return inf
    return float(session.scalars(select(func.txid_snapshot_xmin(func.txid_current_snapshot()))).one())


def _next(session: Session) -> float:
    """A number above those of all transactions that have begun to write. It is taken: a snapshot's own upper bound is
    that of those that have ended, and lies below the numbers of transactions that began after them and still run."""
    return inf if is_in_order(session) else float(session.scalars(select(func.txid_current())).one())


def _missing(session: Session, high: int) -> Sequence[Range]:
    """Of the latest ids up to `high`, those that no visible event has, as the last MAX_GAPS ranges."""
    low = max(0, high - LOOKED_BACK)
    there = session.scalars(select(Event.id).where(Event.id > low, Event.id <= high).order_by(Event.id)).all()
    ends = zip([low, *there], [*there, high + 1], strict=True)
    return [Range(before + 1, after - 1) for before, after in ends if after > before + 1][-MAX_GAPS:]


def _is_unseen(unseen: Unseen) -> ColumnElement[bool]:
    return or_(Event.id > unseen.high, *(Event.id.between(first, last) for first, last in unseen.gaps))


def _ids_of(unseen: Unseen) -> Select[int, str]:
    return (
        select(Event.id, Job.project)
        .join(Job, Job.id == Event.job_id)
        .where(Event.id >= unseen.lowest, _is_unseen(unseen))
        .order_by(Event.id)
        .limit(BATCH_SIZE)
    )


def _whole(session: Session, ids: Sequence[int]) -> list[EventWithEpoch]:
    if not ids:
        return []
    rows = session.execute(with_their_epochs().where(Event.id.in_(ids)))
    return [EventWithEpoch(event, epoch) for event, epoch in rows]


def missed(session: ProjectSession, mine: Unseen, told: Unseen, after: int) -> list[EventWithEpoch]:
    """Events of the session's project with ids above `after` that are unseen by one who comes back, and were told by
    the feed to whom it could: at most BATCH_SIZE, in order."""
    statement = with_their_epochs().join(Job, Job.id == Event.job_id).where(*_missed(session, mine, told, after))
    return [EventWithEpoch(event, epoch) for event, epoch in session.execute(statement.limit(BATCH_SIZE))]


def why_not_told(
    session: ProjectSession, mine: Unseen, told: Unseen
) -> Literal["too_far_behind", "unknown_position"] | None:
    """Why somebody who comes back is not told what it has missed: it is too much; or what it has been told is of a
    database that is no more, since a backup has been restored."""
    if mine.high > told.high and mine.high > (session.scalar(select(func.max(Event.id))) or 0):
        return "unknown_position"
    if told.high - mine.lowest > MOST_IDS_MISSED:
        return "too_far_behind"
    wanted = select(Event.id).join(Job, Job.id == Event.job_id)
    some = wanted.where(*_missed(session, mine, told, 0)).limit(MOST_MISSED + 1).subquery()
    count = session.scalars(select(func.count()).select_from(some)).one()
    return "too_far_behind" if count > MOST_MISSED else None


def _missed(session: ProjectSession, mine: Unseen, told: Unseen, after: int) -> Sequence[ColumnElement[bool]]:
    return [
        Job.project == session.own_project,
        Job.deleted_at.is_(None),
        Event.id > max(after, mine.lowest - 1),
        Event.id <= told.high,
        _is_unseen(mine),
        *(~Event.id.between(first, last) for first, last in told.gaps),
    ]


def deleted_jobs(session: ProjectSession, projects: Collection[str]) -> Sequence[tuple[str, str]]:
    """Project and id of the jobs that have been deleted and not purged yet."""
    gone = select(Job.project, Job.id).where(Job.deleted_at.is_not(None), Job.project.in_(projects))
    with session.all_projects():
        return [(row.project, row.id) for row in session.execute(gone)]


@dataclass(slots=True)
class ChangedJobs:
    """Looks which jobs have changed. Use it in one thread at a time."""

    _revisions: dict[str, dict[str, int]] = field(default_factory=dict)  # by project: of each job that is not over

    @property
    def projects(self) -> Collection[str]:
        """Those that have been looked at before."""
        return self._revisions.keys()

    def look(self, session: ProjectSession, projects: Collection[str]) -> list[str]:
        """Ids of the jobs that have a new revision since the last look, that are new, and that have ended since. None
        of a project that has not been looked at before."""
        rows = session.execute(
            select(Job.project, Job.id, Job.revision).where(
                Job.project.in_(projects), Job.status.not_in(TERMINAL), Job.deleted_at.is_(None)
            )
        )
        found: dict[str, dict[str, int]] = {project: {} for project in projects}
        for project, job_id, revision in rows:
            found[project][job_id] = revision
        changed = [
            job_id for project, jobs in found.items() for job_id in _differing(self._revisions.get(project, jobs), jobs)
        ]
        self._revisions |= found
        return changed

    def forget_but(self, projects: Collection[str]) -> None:
        """Nobody listens to the others any more."""
        for project in self._revisions.keys() - set(projects):
            del self._revisions[project]


def _differing(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    return [job_id for job_id in {**before, **now} if before.get(job_id) != now.get(job_id)]
