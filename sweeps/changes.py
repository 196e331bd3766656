"""What can be asked of a sweep: to be cancelled, and to be deleted; each within the caller's transaction.

All of its jobs are locked first, before anything that comes after jobs in the order of locks: its trials in the order
of their ids, and then what repeats them. So two such transactions, or one of them and a submission, never wait for each
other.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import delete, select

from jobs.changes import delete_job
from jobs.requests import request_cancel
from models import TERMINAL, Database, Job, ProjectSession, Sweep
from models.columns import DatabaseNow
from sweeps import queries
from sweeps.errors import SweepFinished, SweepNotFinished
from sweeps.queries import SweepState
from sweeps.status import SweepStatus

AT_ONCE = 100  # sweeps that are forgotten in a transaction
YOUNGEST = 3600.0  # seconds: a younger sweep is never forgotten

log = structlog.get_logger()


def cancel(session: ProjectSession, sweep_id: str) -> SweepState:
    """Cancel those of its jobs that have not ended. Repeating it changes nothing. Raises SweepNotFound, and
    SweepFinished where all of them had ended, and none was cancelled."""
    jobs = _locked_jobs(session, sweep_id)
    state = queries.find(session, sweep_id)
    unfinished = [job for job in jobs if job.status not in TERMINAL]
    if not unfinished and SweepStatus.CANCELLED not in state.jobs:
        raise SweepFinished(sweep_id, state.status)
    for job in unfinished:
        request_cancel(session, job.id)
    session.flush()
    return queries.find(session, sweep_id)


def remove(session: ProjectSession, sweep_id: str) -> None:
    """Delete the sweep with its jobs, which must all have ended. Raises SweepNotFound, SweepNotFinished and
    ModelInUse."""
    jobs = _locked_jobs(session, sweep_id)
    state = queries.find(session, sweep_id)
    if unfinished := [job for job in jobs if job.status not in TERMINAL]:
        raise SweepNotFinished(sweep_id, state.status, len(unfinished))
    for job in jobs:
        delete_job(session, job.id)
    session.execute(delete(Sweep).where(Sweep.id == sweep_id))
    log.info("sweep deleted", sweep=sweep_id, jobs=len(jobs))


def forget_empty(database: Database) -> None:
    """Forget sweeps whose jobs are all deleted and purged, one by one or by a rule of retention: nothing that they
    tell of is left."""
    has_jobs = select(Job.id).where(Job.parent == Sweep.id).exists()
    statement = select(Sweep.id).where(~has_jobs, Sweep.created_at < DatabaseNow(-YOUNGEST)).limit(AT_ONCE)
    with database.autocommit_read() as session:
        empty = session.scalars(statement).all()
    if empty:
        with database.session() as session:
            session.execute(delete(Sweep).where(Sweep.id.in_(empty)))
        log.info("sweeps forgotten", sweeps=len(empty))


def _locked_jobs(session: ProjectSession, sweep_id: str) -> Sequence[Job]:
    """Those that repeat a trial are looked for once the trials are locked: then no more can be added."""
    jobs = list[Job]()
    for mine in (queries.are_trials([sweep_id]), queries.repeat_trials([sweep_id])):
        statement = select(Job).where(mine, Job.deleted_at.is_(None)).order_by(Job.id).with_for_update()
        jobs += session.scalars(statement.execution_options(populate_existing=True))
    return jobs
