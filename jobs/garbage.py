"""Files that no row names: of attempts that died in the middle of a write, of retired checkpoints, of weights that were
discarded.

What is deleted here can never be published: a file is listed before the rows are read, and of a job that an attempt
still works on only the files of earlier attempts are looked at, whose publication the fence refuses.
"""

import re
from collections.abc import Callable

import structlog
from sqlalchemy import select

from models import ACTIVE, Checkpoint, Database, Job
from storage import Storage

_ATTEMPT = re.compile(r"attempt-(\d+)")

log = structlog.get_logger()


def collect(database: Database, storage: Storage, job_id: str) -> list[str]:
    """Delete what no row names of one job's files, and return it. Raises OSError.

    A job that the database does not know is left alone: its rows may be in another, or in a backup.
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
    if job.weights:
        named.add(job.weights["name"])
    writing = job.attempt if job.status in ACTIVE else None
    garbage = [name for name in files if name not in named and _attempt_of(name) not in (None, writing)]
    storage.delete(garbage)
    if garbage:
        log.info("files deleted", job_id=job_id, files=garbage)
    return garbage


def collect_all(database: Database, storage: Storage, should_stop: Callable[[], bool] = lambda: False) -> None:
    """The same for every job that has files, until `should_stop` says so. Raises OSError."""
    for job_id in storage.folders():
        if should_stop():
            return
        collect(database, storage, job_id)


def _attempt_of(name: str) -> int | None:
    """Whose file it is, by `JOB/attempt-0002/...`; None where it is not one of ours."""
    found = _ATTEMPT.fullmatch(name.split("/")[1])
    return int(found[1]) if found else None
