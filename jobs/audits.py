"""Audits of data sets: jobs that each hold out a part of a version's training images, and then a task that judges every
label by what the networks take the images for that they were not trained on.

The jobs are ordinary ones, with the audit as their `parent`. They know nothing of it: the sweep looks whether they are
over (`settle_all`), any number of processes at once. An audit is settled under its own row's lock. Rows are locked in
the order task, audit; jobs are cancelled one by one, each in a transaction of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, and_, literal_column, or_, select
from sqlalchemy.orm import Session, undefer

from catalog.datasets.errors import AuditFinished, AuditNotFound
from jobs import dataset_versions, lifecycle, tasks
from jobs.errors import JobFinished, JobNotFound
from jobs.failures import Failure
from jobs.ids import new_audit_id
from jobs.requests import request_cancel
from jobs.submission import Submission
from jobs.tasks import TaskClaim
from jobs.transitions import now
from models import (
    TERMINAL,
    Audit,
    AuditStatus,
    Database,
    DatabaseUnavailable,
    DatasetVersion,
    Job,
    JobStatus,
    Task,
    TaskStatus,
)
from models.columns import DatabaseNow
from storage import StoredFile

BATCH_SIZE = 100  # audits that a sweep settles

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AuditJob:
    """A job of an audit, as far as an audit tells of it. Of one that was deleted, `status` is None."""

    id: str
    status: JobStatus | None
    epochs: int  # trained

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or is gone."""
        return self.status is None or self.status in TERMINAL


def create(session: Session, version: DatasetVersion, submissions: Sequence[Submission]) -> Audit:
    """Begin an audit of `version` with a job for each of `submissions`, by the part that it holds out; all of them or,
    with the caller's transaction, none. Send a message for each once the transaction is committed. Raises what
    `lifecycle.submit` raises."""
    audit_id = new_audit_id(session.scalars(select(DatabaseNow())).one())
    jobs = [lifecycle.submit(session, each, project=version.project, parent=audit_id) for each in submissions]
    audit = Audit(
        id=audit_id,
        project=version.project,
        dataset=version.dataset,
        version=version.number,
        status=AuditStatus.RUNNING,
        open=True,
        spec=jobs[0].spec,
        jobs=[job.id for job in jobs],
    )
    session.add(audit)
    session.flush()
    log.info("audit begun", audit=audit_id, dataset=version.dataset, version=version.number, jobs=audit.jobs)
    return audit


def find(session: Session, version: DatasetVersion, audit_id: str, *, with_suspects: bool = False) -> Audit:
    """An audit of `version`. Raises AuditNotFound."""
    statement = _of(version).where(Audit.id == audit_id)
    found = session.scalar(statement.options(undefer(Audit.suspects)) if with_suspects else statement)
    if found is None:
        raise AuditNotFound(audit_id)
    return found


def of_version(session: Session, version: DatasetVersion, after: str | None, limit: int) -> Sequence[Audit]:
    """Audits of `version` before `after`, the newest first."""
    rows = _of(version)
    if after is not None:
        rows = rows.where(Audit.id < after)
    return session.scalars(rows.order_by(Audit.id.desc()).limit(limit)).all()


def jobs_of(session: Session, audits: Sequence[Audit]) -> dict[str, AuditJob]:
    """The jobs of `audits`, by id."""
    ids = [job_id for audit in audits for job_id in audit.jobs]
    rows = select(Job.id, Job.status, Job.latest_epoch).where(Job.id.in_(ids), Job.deleted_at.is_(None))
    there = {row.id: row for row in session.execute(rows)}
    return {
        job_id: AuditJob(job_id, there[job_id].status, _count(there[job_id].latest_epoch))
        if job_id in there
        else AuditJob(job_id, None, 0)
        for job_id in ids
    }


def task_of(session: Session, audit: Audit) -> Task | None:
    """The task that judges the labels, once all jobs have succeeded."""
    return session.get(Task, audit.task) if audit.task else None


def running_on(session: Session, version: DatasetVersion) -> Sequence[str]:
    """Ids of audits of `version` that need it."""
    running = _of(version).where(Audit.status == AuditStatus.RUNNING)
    return session.scalars(running.with_only_columns(Audit.id).order_by(Audit.id)).all()


def cancel(session: Session, version: DatasetVersion, audit_id: str) -> Audit:
    """End an audit. The sweep cancels its jobs. Raises AuditNotFound and AuditFinished."""
    statement = _of(version).where(Audit.id == audit_id).with_for_update()
    audit = session.scalar(statement.execution_options(populate_existing=True))
    if audit is None:
        raise AuditNotFound(audit_id)
    if audit.status == AuditStatus.RUNNING:
        audit.open = True
        _end(audit, AuditStatus.CANCELLED)
    elif audit.status != AuditStatus.CANCELLED:
        raise AuditFinished(audit_id, audit.status)
    session.flush()
    return audit


def settle_all(database: Database, notify: Callable[[str], bool] = lambda _hint: True) -> None:
    """Settle every audit whose jobs are over, or one of whose jobs has not succeeded; and cancel the jobs of those that
    have ended. `notify` wakes workers for a task."""
    with database.autocommit_read() as session:
        due = session.scalars(select(Audit.id).where(_is_due()).order_by(Audit.id).limit(BATCH_SIZE)).all()
    for audit_id in due:
        try:
            if _settle(database, audit_id):
                notify(dataset_versions.WAKE_UP)
        except DatabaseUnavailable:
            raise
        except Exception:  # a fault of ours in one audit must not stop the sweep of the others
            log.exception("audit not settled", audit=audit_id)


def predictions_of(session: Session, audit_id: str) -> list[StoredFile]:
    """Of the jobs of an audit, by the part that each holds out; fewer, where some are gone."""
    audit = session.get_one(Audit, audit_id)
    rows = select(Job.id, Job.predictions).where(Job.id.in_(audit.jobs), Job.deleted_at.is_(None))
    found = {row.id: row.predictions for row in session.execute(rows)}
    return [StoredFile(**found[job_id]) for job_id in audit.jobs if found.get(job_id)]


def settle_judged(
    session: Session, claim: TaskClaim, summary: Mapping[str, Any], suspects: Sequence[Mapping[str, Any]]
) -> None:
    """Its labels are judged. Raises TaskFenced."""
    tasks.end(session, claim, TaskStatus.SUCCEEDED)
    audit = _of_claim(session, claim)
    if audit is None or audit.status != AuditStatus.RUNNING:  # it was cancelled meanwhile
        return
    audit.summary, audit.suspects = dict(summary), list(suspects)
    _end(audit, AuditStatus.SUCCEEDED)


def fail(session: Session, claim: TaskClaim, failure: Failure) -> None:
    """Its task, which is over, has failed (`jobs.task_ends`): its labels cannot be judged."""
    audit = _of_claim(session, claim)
    if audit is not None and audit.status == AuditStatus.RUNNING:
        _fail(audit, {"code": failure.code, "message": failure.message, "hint": failure.hint, "job": None})


def _settle(database: Database, audit_id: str) -> bool:
    """Whether there is a task now."""
    with database.session() as session:
        locked = select(Audit).where(Audit.id == audit_id).with_for_update(skip_locked=True)
        audit = session.scalar(locked.execution_options(populate_existing=True))
        if audit is None or not audit.open:
            return False
        jobs = jobs_of(session, [audit])
        if audit.status == AuditStatus.RUNNING:
            failed = next((jobs[each] for each in audit.jobs if _is_lost(jobs[each])), None)
            if failed is not None:
                _fail(audit, _cause(session, audit, failed))
            elif all(job.is_over for job in jobs.values()):
                _judge(session, audit)
                return True
            else:
                return False
        left = [job.id for job in jobs.values() if not job.is_over]
    for job_id in left:
        with suppress(JobFinished, JobNotFound), database.session() as session:
            request_cancel(session, job_id)
    with database.session() as session:
        session.get_one(Audit, audit_id, with_for_update=True).open = False
    return False


def _judge(session: Session, audit: Audit) -> None:
    task = tasks.add(session, tasks.AUDIT, audit.project, audit.dataset, audit.version, {"audit": audit.id})
    audit.task, audit.open = task.id, False


def _cause(session: Session, audit: Audit, job: AuditJob) -> dict[str, Any]:
    """Why the audit has failed: `job` has not succeeded."""
    part = f"Job {job.id}, which holds out part {audit.jobs.index(job.id) + 1} of {len(audit.jobs)},"
    if job.status is JobStatus.FAILED:
        error = session.scalars(select(Job.error).where(Job.id == job.id)).one() or {}
        message = f"{part} has failed: {error.get('message')}"
        return {"code": error.get("code"), "message": message, "hint": error.get("hint"), "job": job.id}
    became = job.status or "deleted"
    hint = "Audit the version again, and let all jobs of the audit end by themselves."
    return {"code": f"job_{became}", "message": f"{part} was {became}.", "hint": hint, "job": job.id}


def _is_lost(job: AuditJob) -> bool:
    return job.is_over and job.status is not JobStatus.SUCCEEDED


def _fail(audit: Audit, error: dict[str, Any]) -> None:
    audit.error = error
    _end(audit, AuditStatus.FAILED)


def _end(audit: Audit, status: AuditStatus) -> None:
    audit.status = status
    audit.finished_at = now()
    log.info(f"audit {status}", audit=audit.id, dataset=audit.dataset, version=audit.version, error=audit.error)


def _of_claim(session: Session, claim: TaskClaim) -> Audit | None:
    """Its row, locked; None where the version was deleted, and the audit with it."""
    statement = select(Audit).where(Audit.id == claim.arguments["audit"]).with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def _of(version: DatasetVersion) -> Select[Audit]:
    return select(Audit).where(
        Audit.project == version.project, Audit.dataset == version.dataset, Audit.version == version.number
    )


def _is_due() -> ColumnElement[bool]:
    """There is something to do for it now. `open` is written as the partial index has it, so that the planner sees that
    the index applies."""
    mine = select(Job.id).where(Job.parent == Audit.id, Job.deleted_at.is_(None))
    waits = mine.where(Job.status.not_in(TERMINAL)).exists()
    lost = select(Job.id).where(
        Job.parent == Audit.id,
        or_(Job.deleted_at.is_not(None), Job.status.in_(TERMINAL - {JobStatus.SUCCEEDED})),
    )
    return and_(literal_column("audits.open"), or_(Audit.status != AuditStatus.RUNNING, ~waits, lost.exists()))


def _count(latest_epoch: int | None) -> int:
    return 0 if latest_epoch is None else latest_epoch + 1
