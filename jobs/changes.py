"""Changes to a job that do not concern its training: its labels, its priority, and its deletion."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from jobs.errors import JobNotFinished, JobNotFound
from jobs.fence import for_update
from jobs.trained_models import forget_of_job
from jobs.transitions import now
from jobs.usage import note_storage
from models import TERMINAL, Attempt, Checkpoint, Database, Epoch, Event, Job, JobTag, Step
from models.columns import DatabaseNow
from storage import Storage

BATCH_SIZE = 100  # jobs a purge
HIDDEN_SECONDS = 10.0  # that a deleted job's row stays, so that streams see that it was deleted
ROWS_AT_ONCE = 5000


def change(session: Session, job_id: str, values: Mapping[str, Any]) -> Job:
    """Set its `name`, `description`, `tags` or `priority`. Raises JobNotFound."""
    job = _locked(session, job_id)
    for field, value in values.items():
        setattr(job, field, value)
    if "tags" in values:
        session.execute(delete(JobTag).where(JobTag.job_id == job_id))
        session.add_all(JobTag(project=job.project, tag=tag, job_id=job_id) for tag in job.tags)
    job.revision += 1
    session.flush()
    return job


def delete_job(session: Session, job_id: str) -> None:
    """Hide the job and its trained model; `purge` deletes them later. Raises JobNotFound, JobNotFinished and
    ModelInUse."""
    job = _locked(session, job_id)
    if job.status not in TERMINAL:
        raise JobNotFinished(job_id, job.status)
    forget_of_job(session, job_id, job.project)
    job.deleted_at = now()
    job.revision += 1


def purge(database: Database, storage: Storage, hidden_seconds: float = 0.0) -> None:
    """Delete the files of jobs that were deleted `hidden_seconds` ago, and then their rows. In this order, a process
    that dies in between leaves a row that the next purge finds. Raises OSError."""
    long_ago = Job.deleted_at.is_not(None) if not hidden_seconds else Job.deleted_at < DatabaseNow(-hidden_seconds)
    with database.autocommit_read() as session:
        gone = select(Job.id).where(long_ago).order_by(Job.deleted_at).limit(BATCH_SIZE)
        job_ids = session.scalars(gone).all()
    for job_id in job_ids:
        storage.delete(storage.list_names(job_id))
        for measured in (Step, Epoch):
            _delete_rows(database, measured, job_id)
        with database.session() as session:
            if not (job := session.scalar(for_update(job_id))):
                continue  # another process has purged it
            session.execute(delete(Checkpoint).where(Checkpoint.job_id == job_id))
            job.weights = job.predictions = None
            note_storage(session, job)
            is_kept = _holds_the_last_id(session, job_id)
        if not is_kept:
            _delete_rows(database, Event, job_id)
            with database.session() as session:
                for table in (Attempt, JobTag):
                    session.execute(delete(table).where(table.job_id == job_id))
                session.execute(delete(Job).where(Job.id == job_id))


def _holds_the_last_id(session: Session, job_id: str) -> bool:
    """Whether the last event is the job's, in SQLite. It would give that id to the next event, of which a stream that
    has told the one would believe that it was told, too. So the job's row stays until another event has come."""
    if session.get_bind().dialect.name != "sqlite":
        return False
    return session.scalar(select(Event.job_id).order_by(Event.id.desc()).limit(1)) == job_id


def _delete_rows(database: Database, table: type[Step | Epoch | Event], job_id: str) -> None:
    """In transactions of at most ROWS_AT_ONCE rows: a long job has millions, and whoever writes would wait for all."""
    key = table.__mapper__.primary_key
    some = select(*key).where(table.job_id == job_id).limit(ROWS_AT_ONCE)
    statement = delete(table).where(tuple_(*key).in_(some))
    deleted = ROWS_AT_ONCE
    while deleted == ROWS_AT_ONCE:
        with database.session() as session:
            deleted = session.connection().execute(statement).rowcount


def _locked(session: Session, job_id: str) -> Job:
    job = session.scalar(for_update(job_id))
    if job is None:
        raise JobNotFound(job_id)
    return job
