"""A job from its submission to its end, each step within the caller's transaction.

`jobs.requests` has what people ask of it meanwhile, `jobs.recording` what its attempts report.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs import dataset_versions, starting_weights
from jobs.backoff import leave_to_another, postpone
from jobs.errors import AttemptFenced
from jobs.failures import TIME_IS_UP, Failure
from jobs.fence import Claim, for_update, is_active, is_current, is_overdue, lock_claimable, lock_expired, lock_held
from jobs.ids import new_id
from jobs.network_input import NetworkInput
from jobs.preparing import CannotBegin, SpecOfLaterRelease, prepare
from jobs.quotas import may_begin, require_room
from jobs.recording import forget_after, forget_checkpoints, forget_loading
from jobs.submission import Submission
from jobs.trained_models import Left, leave
from jobs.transitions import (
    EndReason,
    add_event,
    end_attempt,
    fail,
    finish,
    has_checkpoint,
    insert_event,
    now,
    pause,
    requeue,
    retry_or_fail,
    set_status,
)
from models import (
    DEFAULT_PROJECT,
    Attempt,
    DatabaseFull,
    DatabaseUnavailable,
    Job,
    JobStatus,
    JobTag,
    Request,
)
from storage import StoredFile
from training.spec import RangeTest

log = structlog.get_logger()


def lost_to_outage(outage: DatabaseUnavailable) -> Failure:
    """Why an attempt lost its job when an outage kept it from renewing its lease."""
    if isinstance(outage, DatabaseFull):
        return Failure(
            code="storage_full",
            message="The database's disk was full for so long that the worker lost its lease.",
            hint="Free space where the database lies; then submit the job again.",
            retryable=True,
        )
    return Failure(
        code="worker_lost",
        message=f"The worker could not renew its lease: {outage.title()[0].lower()}{outage.title()[1:]}",
        hint="Look at the worker's log and at the database; then submit the job again.",
        retryable=True,
    )


def submit(
    session: Session, submission: Submission, *, project: str = DEFAULT_PROJECT, parent: str | None = None
) -> Job:
    """Accept a job, as a part of `parent` if there is one. It is safe once the caller's transaction is committed: send
    its message after that.

    An uploaded data set is resolved to one of its versions, which the job keeps whatever is uploaded later; a trained
    model to start from, to its id. Raises StartingWeightsMissing, StartingWeightsUnfit, QuotaExceeded, DatasetNotFound,
    VersionNotFound and VersionNotReady.
    """
    spec = submission.spec
    version = dataset_versions.resolve(session, project, spec.dataset)
    if version is not None:
        spec = spec.model_copy(update={"dataset": f"{version.dataset}@{version.number}"})
    spec = starting_weights.settled(session, spec, project, version)
    created_at = require_room(session, project)
    job = Job(
        **submission.beside_spec(),
        id=new_id(created_at),
        project=project,
        parent=parent,
        revision=1,
        created_at=created_at,
        spec=spec.model_dump(mode="json"),
        dataset=version.dataset if version else spec.dataset,
        dataset_version=version.number if version else None,
        dataset_identity=version.identity if version else None,
        architecture=spec.architecture.name,
        status=JobStatus.QUEUED,
        devices=spec.devices,
        attempt=0,
    )
    session.add(job)
    session.flush()
    session.add_all(JobTag(project=project, tag=tag, job_id=job.id) for tag in job.tags)
    insert_event(session, job, "queued", "Accepted; waiting for a worker.")
    return job


def claim(
    session: Session, job_id: str, worker: str, lease_seconds: float, devices: Sequence[str] = ()
) -> Claim | None:
    """Claim a queued job for `worker`. None where it is not claimable: messages may repeat, or come late."""
    job = lock_claimable(session, job_id)
    if job is None or not (job.requested is Request.STOP or may_begin(session, job.project)):
        return None
    try:
        prepared = prepare(session, job)
    except CannotBegin as reason:  # a job that can never begin must not block those behind it
        fail(session, job, reason.failure)
        return None
    except SpecOfLaterRelease:
        log.warning("spec of a later release", job_id=job_id)
        leave_to_another(session, job)
        return None
    except SQLAlchemyError:
        raise
    except Exception:  # a fault of ours must not block them either
        log.exception("attempt not prepared", job_id=job_id)
        postpone(session, job)
        return None
    set_status(job, JobStatus.STARTING)
    job.attempt += 1
    job.owner = worker
    job.not_before = None
    job.lease_until = now(lease_seconds)
    if job.started_at is None:
        job.started_at = now()
    given = asdict(prepared.starting_weights) if prepared.starting_weights else None
    began = Attempt(job_id=job.id, number=job.attempt, worker=worker, devices=list(devices), starting_weights=given)
    session.add(began)
    add_event(session, job, "starting", f"Attempt {job.attempt} on worker {worker}.")
    return replace(prepared, attempt=job.attempt)


def heartbeat(session: Session, claim: Claim, lease_seconds: float) -> Request | None:
    """Renew the lease. Returns what is requested of the job. Raises AttemptFenced where the attempt has lost the
    job."""
    job = lock_held(session, claim, even_if_cancelled=True)
    job.lease_until = now(lease_seconds)
    return job.requested


def requested(session: Session, claim: Claim) -> Request | None:
    """What is requested of the job. Raises AttemptFenced where the attempt has lost the job."""
    mine = select(Job.requested).where(Job.id == claim.job_id, is_current(claim), is_active())
    found = session.scalars(mine).all()
    if not found:
        raise AttemptFenced(f"Attempt {claim.attempt} of job {claim.job_id} no longer has it.")
    return found[0]


def settle_success(
    session: Session,
    claim: Claim,
    weights: StoredFile,
    *,
    best_weights: StoredFile | None = None,
    predictions: StoredFile | None = None,
    epochs: int | None = None,
    stopped_early: bool = False,
    network_input: NetworkInput | None = None,
    exports: Sequence[str] = (),
) -> None:
    """The job has succeeded: its epochs and its weights are stored, and its predictions, unless they are too large.
    `best_weights`: of the epoch with the best validation accuracy, where `weights` are of another.
    `epochs`: how many the run took, where it stopped early. It leaves a trained model, if `network_input` is known: a
    worker of a release before 0.4 does not tell it. A task will export that to the formats `exports`."""
    job = lock_held(session, claim)
    job.weights = asdict(weights)
    job.predictions = asdict(predictions) if predictions else None
    if epochs is not None:
        forget_after(session, job, epochs, 0)
    forget_checkpoints(session, job, claim)
    if network_input:
        left = Left(network_input, (job.latest_epoch or 0) + 1, 0, best_weights)
        leave(session, job, left, exports)
    end_attempt(session, job, "succeeded")
    message = "Every epoch is trained."
    if stopped_early and isinstance(claim.spec.schedule, RangeTest):
        message = "The learning rate was raised until the loss was no longer finite."
    elif stopped_early:
        message = "Stopped early: validation accuracy rose no more."
    finish(session, job, JobStatus.SUCCEEDED, message)


def settle_failure(session: Session, claim: Claim, failure: Failure, weights: StoredFile | None = None) -> None:
    """The job fails. It keeps its checkpoints, and `weights`, which were made from the furthest one."""
    job = lock_held(session, claim)
    if weights:
        job.weights = asdict(weights)
    if job.status is JobStatus.STARTING:
        forget_loading(session, job)
    fail(session, job, failure)


def settle_timeout(session: Session, claim: Claim, weights: StoredFile | None, epoch: int, step: int) -> None:
    """The job fails because its time limit is reached. It keeps `weights`, which are of the steps before `step` of
    `epoch`."""
    job = lock_held(session, claim)
    if weights:
        job.weights = asdict(weights)
        forget_after(session, job, epoch, step)
    fail(session, job, TIME_IS_UP)


def settle_stop(
    session: Session,
    claim: Claim,
    weights: StoredFile,
    epoch: int,
    step: int,
    *,
    best_weights: StoredFile | None = None,
    network_input: NetworkInput | None = None,
    exports: Sequence[str] = (),
) -> None:
    """The job is stopped on request. Its weights are stored, and are of the steps before `step` of `epoch`. It leaves a
    trained model, as a job that has succeeded does."""
    job = lock_held(session, claim)
    job.weights = asdict(weights)
    end_attempt(session, job, "stopped")
    forget_after(session, job, epoch, step)
    forget_checkpoints(session, job, claim)
    if network_input:
        leave(session, job, Left(network_input, epoch, step, best_weights), exports)
    finish(session, job, JobStatus.STOPPED, f"Stopped on request, in front of step {step} of epoch {epoch}.")


def release_job(session: Session, claim: Claim) -> bool:
    """The attempt has ended on command: the job is cancelled or paused, as was requested. Without a request the worker
    drains, and the job goes back to the queue, at no cost of a retry. Whether it is in the queue."""
    job = lock_held(session, claim, even_if_cancelled=True)
    return _settle_ended(session, job, "drained", "Its worker is shutting down.")


def lose_attempt(session: Session, claim: Claim, failure: Failure, *, crashed: bool = True) -> bool:
    """The attempt ended by a failure that another attempt may not meet. Whether the job is in the queue.

    The job goes back to the queue, up to `max_retries` times in a row without progress; or what was requested is done.
    If the attempt `crashed` while it loaded a checkpoint, that counts as a failed load of the checkpoint.
    """
    job = lock_held(session, claim, even_if_cancelled=True)
    if not crashed and job.status is JobStatus.STARTING:
        forget_loading(session, job)
    return _settle_ended(session, job, failure.code, failure.message, failure)


def expire_lease(session: Session, job_id: str, outage: DatabaseUnavailable | None = None) -> bool:
    """Take the job from a worker whose lease has run out, because of `outage` if one is known. Whether the job is in
    the queue."""
    job = lock_expired(session, job_id)
    if job is None:
        return False
    failure = (
        lost_to_outage(outage)
        if outage
        else Failure(
            code="worker_lost",
            message=f"Worker {job.owner} was not heard of until its lease ran out.",
            hint="Look at the worker's log and its machine's memory; then submit the job again.",
            retryable=True,
        )
    )
    return _settle_ended(session, job, failure.code, failure.message, failure)


def expire_cancel(session: Session, job_id: str) -> None:
    """Cancel a job whose worker has not given it up in time. The fence stops that worker from writing."""
    job = session.scalar(for_update(job_id).where(is_active(), is_overdue()))
    if job is not None:
        _settle_ended(session, job, "cancelled", "")


def _settle_ended(session: Session, job: Job, reason: EndReason, message: str, failure: Failure | None = None) -> bool:
    """Do what was requested of a job whose attempt has ended, or put it back into the queue. Returns whether the job is
    in the queue."""
    if failure is None and job.status is JobStatus.STARTING:
        forget_loading(session, job)
    if job.requested is Request.CANCEL:
        end_attempt(session, job, "cancelled")
        finish(session, job, JobStatus.CANCELLED, "Cancelled on request.")
        return False
    if job.requested is Request.PAUSE:
        end_attempt(session, job, "paused" if failure is None else reason)
        pause(session, job, "Paused on request.")
        return False
    if job.requested is Request.STOP and not has_checkpoint(session, job):
        end_attempt(session, job, "stopped" if failure is None else reason)
        finish(session, job, JobStatus.STOPPED, "Stopped on request, before it had a checkpoint to make weights from.")
        return False
    if failure:
        return retry_or_fail(session, job, failure)
    requeue(session, job, reason, message)
    return True
