"""Every change to a job's state, each within the caller's transaction.

A worker's writes carry a `Claim`. `_held` is the one fence that they all pass: a claim whose attempt is no
longer the job's own changes nothing, so a worker that was thought dead can come back and do no harm.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import structlog
from sqlalchemy import Select, event, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from ulid import ULID

from jobs.errors import AttemptFenced, JobFinished, JobNotFound, StartingWeightsMissing
from jobs.failures import Failure, FailureCode
from models import ACTIVE, TERMINAL, TRANSITIONS, Attempt, Epoch, Event, Job, JobStatus, Request, Step
from models.columns import DatabaseNow
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.spec import TrainingSpec

# Attempts in a row that may be lost without a new epoch in between, before the job fails.
MAX_LOSSES = 3

EndReason = Literal["succeeded", "cancelled", "drained"] | FailureCode

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt's hold on a job. `attempt` is its fencing token."""

    job_id: str
    attempt: int
    spec: TrainingSpec


def submit(session: Session, spec: TrainingSpec, *, name: str | None = None, tags: Sequence[str] = ()) -> Job:
    """Accept a job. It is safe once the caller's transaction is committed; send its message after that.

    Raises StartingWeightsMissing.
    """
    if spec.starting_weights:
        _require_weights(session, spec.starting_weights)
    job = Job(
        id=f"job_{str(ULID()).lower()}",
        name=name,
        tags=list(tags),
        spec=spec.model_dump(mode="json"),
        status=JobStatus.QUEUED,
        attempt=0,
    )
    session.add(job)
    session.flush()
    _record(session, job, "queued", "Accepted; waiting for a worker.")
    return job


def claim(session: Session, job_id: str, worker: str, lease_seconds: float) -> Claim | None:
    """Take a queued job for `worker`. None where there is nothing to take: messages may repeat or come late."""
    job = session.scalar(_for_update(job_id).where(Job.status == JobStatus.QUEUED))
    if job is None:
        return None
    _move(job, JobStatus.STARTING)
    job.attempt += 1
    job.owner = worker
    job.lease_until = _now(lease_seconds)
    if job.started_at is None:
        job.started_at = _now()
    session.add(Attempt(job_id=job.id, number=job.attempt, worker=worker))
    _record(session, job, "starting", f"Attempt {job.attempt} on worker {worker}.")
    return Claim(job.id, job.attempt, TrainingSpec.from_stored(job.spec))


def heartbeat(session: Session, claim: Claim, lease_seconds: float) -> None:
    """Renew the lease. Raises AttemptFenced where it is no longer this attempt's."""
    _held(session, claim, despite_request=True).lease_until = _now(lease_seconds)


def record_start(session: Session, claim: Claim, facts: RunFacts) -> None:
    """Its data is loaded and its first step is next. Recording it twice is recording it once."""
    job = _held(session, claim)
    if job.status is JobStatus.RUNNING:
        return  # it was stored, but the answer that said so was lost
    _move(job, JobStatus.RUNNING)
    _set_attempt(session, job, facts=facts.model_dump(mode="json"))
    _record(session, job, "running", f"Training on {facts.device} in {facts.precision}.")


def record_facts(session: Session, claim: Claim, facts: RunFacts) -> None:
    """It has found out more, such as a faster way of computing a step."""
    _set_attempt(session, _held(session, claim), facts=facts.model_dump(mode="json"))


def record_steps(session: Session, claim: Claim, steps: Sequence[StepMetrics]) -> None:
    """Store step losses; a step that an earlier attempt has stored is overwritten."""
    job = _held(session, claim)
    _upsert(session, Step, [_row(claim, step) for step in steps])
    _set_attempt(session, job, step_epoch=steps[-1].epoch, step=steps[-1].step)


def record_epoch(session: Session, claim: Claim, metrics: EpochMetrics) -> None:
    """Store an epoch's metrics; an epoch that an earlier attempt has stored is overwritten."""
    job = _held(session, claim)
    _upsert(session, Epoch, [_row(claim, metrics)])
    # Asked anew each time: an attempt that overwrites an epoch may have changed the best one.
    accuracy = func.coalesce(Epoch.validation_accuracy, Epoch.test_accuracy)
    evaluated = select(Epoch.epoch).where(Epoch.job_id == job.id, accuracy.is_not(None))
    job.best_epoch = session.scalar(evaluated.order_by(accuracy.desc(), Epoch.epoch).limit(1))
    if job.latest_epoch is None or metrics.epoch > job.latest_epoch:
        job.latest_epoch = metrics.epoch
        job.losses = 0


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a queued job at once, and ask for an active one back from its worker; asking twice is asking once.

    From here on no further epoch of the job is stored. Raises JobNotFound and JobFinished.
    """
    job = session.scalar(_for_update(job_id))
    if job is None:
        raise JobNotFound(job_id)
    if job.status in TERMINAL and job.status is not JobStatus.CANCELLED:
        raise JobFinished(job_id, job.status, "cancel")
    if job.status in ACTIVE and job.requested is None:
        job.requested = Request.CANCEL
        _record(session, job, "cancel_requested", f"Waiting for worker {job.owner} to let go.")
    elif job.status is JobStatus.QUEUED:
        _finish(session, job, JobStatus.CANCELLED, "Cancelled before it started.")
    return job


def settle_success(session: Session, claim: Claim, *, stopped_early: bool = False) -> None:
    """Every epoch is stored, or all up to the one after which the run stopped by itself."""
    job = _held(session, claim)
    _end_attempt(session, job, "succeeded")
    message = "Stopped early: validation accuracy rose no more." if stopped_early else "Every epoch is trained."
    _finish(session, job, JobStatus.SUCCEEDED, message)


def settle_failure(session: Session, claim: Claim, failure: Failure) -> None:
    """The job cannot go on."""
    _fail(session, _held(session, claim), failure)


def settle_cancel(session: Session, claim: Claim) -> None:
    """The worker has let go of a job whose cancellation was asked for."""
    job = _held(session, claim, despite_request=True)
    _end_attempt(session, job, "cancelled")
    _finish(session, job, JobStatus.CANCELLED, "Cancelled on request.")


def release(session: Session, claim: Claim) -> None:
    """The worker leaves in good order: another may have the job at once, and nothing counts against it."""
    _requeue(session, _held(session, claim), "drained", "Its worker is shutting down.")


def lose(session: Session, claim: Claim, failure: Failure) -> bool:
    """The attempt died of something that another may survive: back to the queue, up to MAX_LOSSES times in a row.

    Whether it is back in the queue.
    """
    return _retry_or_fail(session, _held(session, claim), failure)


def expire_lease(session: Session, job_id: str) -> bool:
    """Take the job from a worker that let its lease run out. Whether it is back in the queue."""
    job = session.scalar(_for_update(job_id).where(Job.status.in_(ACTIVE), Job.lease_until < DatabaseNow()))
    if job is None:
        return False
    if job.requested is Request.CANCEL:
        _end_attempt(session, job, "worker_lost")
        _finish(session, job, JobStatus.CANCELLED, "Cancelled on request; its worker was lost.")
        return False
    failure = Failure(
        code="worker_lost",
        message=f"Worker {job.owner} was not heard of until its lease ran out.",
        hint="Look at the worker's log and its machine's memory; then submit the job again.",
        retryable=True,
    )
    return _retry_or_fail(session, job, failure)


def _require_weights(session: Session, job_id: str) -> None:
    """Only a job that has succeeded has trained weights."""
    status = session.scalar(select(Job.status).where(Job.id == job_id))
    if status is None:
        raise StartingWeightsMissing(f"there is no job {job_id!r}")
    if status is not JobStatus.SUCCEEDED:
        wait = "" if status in TERMINAL else ", so wait until it has succeeded"
        raise StartingWeightsMissing(f"job {job_id} is {status}{wait}; a job has weights once it has succeeded")


def _for_update(job_id: str) -> Select[Job]:
    """The job's row, locked until the transaction ends. (SQLite locks the whole database as it begins.)"""
    return select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)


def _held(session: Session, claim: Claim, *, despite_request: bool = False) -> Job:
    """The fence: the job, locked, if this attempt still has it and nobody wants it back."""
    statement = _for_update(claim.job_id).where(Job.attempt == claim.attempt, Job.status.in_(ACTIVE))
    if not despite_request:
        statement = statement.where(Job.requested.is_(None))
    job = session.scalar(statement)
    if job is None:
        raise AttemptFenced(f"Attempt {claim.attempt} of job {claim.job_id} no longer has it.")
    return job


def _move(job: Job, status: JobStatus) -> None:
    assert status in TRANSITIONS[job.status], f"{job.status} -> {status}"
    job.status = status


def _finish(session: Session, job: Job, status: JobStatus, message: str) -> None:
    _move(job, status)
    _let_go(job)
    job.finished_at = _now()
    _record(session, job, status, message)


def _fail(session: Session, job: Job, failure: Failure) -> None:
    _end_attempt(session, job, failure.code)
    job.error = asdict(failure) | {"attempt": job.attempt}
    _finish(session, job, JobStatus.FAILED, failure.message)


def _retry_or_fail(session: Session, job: Job, failure: Failure) -> bool:
    if job.losses >= MAX_LOSSES:
        _fail(session, job, failure)
        return False
    job.losses += 1
    _requeue(session, job, failure.code, failure.message)
    return True


def _requeue(session: Session, job: Job, reason: EndReason, message: str) -> None:
    _end_attempt(session, job, reason)
    _move(job, JobStatus.QUEUED)
    _let_go(job)
    job.dispatched_at = _now()
    _record(session, job, "requeued", message)


def _let_go(job: Job) -> None:
    job.owner = job.lease_until = job.requested = None


def _end_attempt(session: Session, job: Job, reason: EndReason) -> None:
    _set_attempt(session, job, ended_at=_now(), end_reason=reason)


def _set_attempt(session: Session, job: Job, **values: Any) -> None:
    """Set columns of the job's current attempt."""
    session.execute(update(Attempt).where(Attempt.job_id == job.id, Attempt.number == job.attempt).values(values))


def _record(session: Session, job: Job, kind: str, message: str) -> None:
    """Append to the job's events, and say so in the log of whoever did it, once it is true."""
    session.add(Event(job_id=job.id, attempt=job.attempt, type=kind, message=message))
    say = partial(log.info, f"job {kind}", job_id=job.id, attempt=job.attempt, message=message)
    event.listen(session, "after_commit", lambda _session: say(), once=True)


def _row(claim: Claim, metrics: EpochMetrics | StepMetrics) -> dict[str, Any]:
    return {"job_id": claim.job_id, "attempt": claim.attempt, "recorded_at": _now()} | dict(metrics)


def _upsert(session: Session, kind: type[Epoch] | type[Step], rows: Sequence[dict[str, Any]]) -> None:
    """INSERT … ON CONFLICT DO UPDATE, which both databases have, each in its own dialect."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(kind).values(rows)
    columns = kind.__table__.columns
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[column for column in columns if column.primary_key],
            set_={column.name: statement.excluded[column.name] for column in columns if not column.primary_key},
        )
    )


def _now(seconds: float = 0.0) -> Any:
    """The database's clock as a value of a datetime attribute: SQLAlchemy takes SQL there, its types do not."""
    return DatabaseNow(seconds)
