"""Deletes files that no row names: of attempts that died within a write, of retired checkpoints, of discarded weights.

It must never delete a file whose row is about to be written. Files are listed before the rows are read, so a row that
is written later names a newer file. And while an attempt works on a job, only the files of earlier attempts are
deleted: the fence refuses rows from those.
"""

import re
from collections.abc import Callable

import structlog
from sqlalchemy import select

from jobs.ids import is_id
from models import ACTIVE, Checkpoint, Database, Job, TrainedModel
from storage import Storage

_ATTEMPT = re.compile(r"attempt-(\d+)")

log = structlog.get_logger()


def collect(database: Database, storage: Storage, job_id: str) -> list[str]:
    """Delete the files of one job that no row names. Their names. Raises OSError.

    The files of a job that the database does not know are kept: its rows may be in another database, or in a backup.
    """
    files = storage.list_names(job_id)
    if not files:
        return []
    with database.snapshot() as session:
        job = session.get(Job, job_id)
        if job is None:
            log.warning("files of an unknown job", job_id=job_id, files=len(files))
            return []
        named = set(session.scalars(select(Checkpoint.name).where(Checkpoint.job_id == job_id)))
        of_models = session.scalars(
            select(TrainedModel.files).where(TrainedModel.job_id == job_id, TrainedModel.deleted_at.is_(None))
        ).all()
    named |= {file["name"] for file in (job.weights, job.predictions) if file}
    named |= {each["file"]["name"] for files in of_models for each in files}
    writing = job.attempt if job.status in ACTIVE else None
    garbage = [name for name in files if name not in named and _attempt_of(name) not in (None, writing)]
    storage.delete(garbage)
    if garbage:
        log.info("files deleted", job_id=job_id, files=garbage)
    return garbage


def collect_all(database: Database, storage: Storage, should_stop: Callable[[], bool] = lambda: False) -> None:
    """The same for every job that has files, until `should_stop` says so. Raises OSError."""
    for job_id in filter(is_id, storage.folders()):
        if should_stop():
            return
        collect(database, storage, job_id)


def _attempt_of(name: str) -> int | None:
    """The attempt that wrote the file, by `JOB/attempt-0002/...`; None where no attempt did."""
    found = _ATTEMPT.fullmatch(name.split("/")[1])
    return int(found[1]) if found else None
