"""What an attempt reports of its job: facts, steps, epochs and checkpoints, each within the caller's transaction.

Every one passes the fence: an attempt that no longer has its job, or whose job is to be cancelled, stores nothing and
gets AttemptFenced.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from jobs.checkpoints import CheckpointFile
from jobs.fence import Claim, lock_held
from jobs.transitions import MOST_FAILED_LOADS, add_event, now, set_status
from jobs.usage import note_storage
from models import Attempt, Checkpoint, Epoch, Job, JobStatus, Step, insert_for
from training.metrics import EpochMetrics, RunFacts, StepMetrics


def record_start(session: Session, claim: Claim, facts: RunFacts, resumed_from: str | None = None) -> None:
    """Its data is loaded and its first step is next. Recording it twice is recording it once."""
    job = lock_held(session, claim)
    if job.status is JobStatus.RUNNING:
        return  # it was stored, but the answer that said so was lost
    job.dataset_identity = job.dataset_identity or facts.dataset_identity
    set_status(job, JobStatus.RUNNING)
    set_attempt(session, job, facts=facts.model_dump(mode="json"), resumed_from=resumed_from)
    message = f"Training on {facts.device} in {facts.precision}."
    if resumed_from:
        checkpoint = session.get_one(Checkpoint, resumed_from)
        checkpoint.failed_loads = 0
        message += f" It goes on at step {checkpoint.step} of epoch {checkpoint.epoch}."
        message += _rounds_otherwise(session, claim, facts, checkpoint.attempt)
    add_event(session, job, "running", message)


def record_facts(session: Session, claim: Claim, facts: RunFacts) -> None:
    """It has looked for a faster way of computing a step. Recording it twice is recording it once."""
    job = lock_held(session, claim)
    found = facts.model_dump(mode="json")
    if _facts(session, job.id, claim.attempt) == found:
        return
    set_attempt(session, job, facts=found)
    add_event(session, job, "step_chosen", _choice_in_words(facts))


def record_steps(session: Session, claim: Claim, steps: Sequence[StepMetrics]) -> None:
    """Store step losses; a step that an earlier attempt has stored is overwritten."""
    job = lock_held(session, claim)
    _upsert(session, Step, [_row(claim, step) for step in steps])
    set_attempt(session, job, step_epoch=steps[-1].epoch, step=steps[-1].step)
    job.revision += 1


def record_epoch(session: Session, claim: Claim, metrics: EpochMetrics) -> None:
    """Store an epoch's metrics; an epoch that an earlier attempt has stored is overwritten.

    Whoever follows the job's events hears of each epoch once, in order: of one that is trained again only where it went
    otherwise than before.
    """
    job = lock_held(session, claim)
    before = _measured(session, job.id, metrics.epoch)
    _upsert(session, Epoch, [_row(claim, metrics)])
    if job.latest_epoch is None or metrics.epoch > job.latest_epoch:
        job.losses = 0
    find_latest_and_best(session, job)
    job.revision += 1
    if before is None:
        add_event(session, job, "epoch", _in_words(metrics), metrics.epoch)
    elif before != _measured(session, job.id, metrics.epoch):
        add_event(session, job, "epoch_revised", f"Trained again: {_in_words(metrics)}", metrics.epoch)


def record_loading(session: Session, claim: Claim, name: str) -> None:
    """The attempt is about to go on from a checkpoint. Should it die of that, the count stays."""
    job = lock_held(session, claim)
    set_attempt(session, job, resumed_from=name)
    counted = update(Checkpoint).where(Checkpoint.name == name)
    session.execute(counted.values(failed_loads=Checkpoint.failed_loads + 1))
    job.revision += 1


def record_unusable(session: Session, claim: Claim, name: str, reason: str) -> None:
    """A checkpoint is damaged or does not load: nobody tries it again."""
    job = lock_held(session, claim)
    session.execute(update(Checkpoint).where(Checkpoint.name == name).values(failed_loads=MOST_FAILED_LOADS))
    add_event(session, job, "checkpoint_unusable", f"{name}: {reason}")


def record_checkpoint(session: Session, claim: Claim, checkpoint: CheckpointFile) -> list[str]:
    """Publish a checkpoint whose file is in the storage. Returns the files that no row names any more."""
    job = lock_held(session, claim)
    position = (checkpoint.epoch, checkpoint.step)
    furthest = session.execute(_by_position(job.id).with_only_columns(Checkpoint.epoch, Checkpoint.step)).first()
    if furthest is None or position > tuple(furthest):
        job.losses = 0
    row = Checkpoint(
        name=checkpoint.file.name,
        job_id=job.id,
        attempt=claim.attempt,
        epoch=checkpoint.epoch,
        step=checkpoint.step,
        size_bytes=checkpoint.file.size_bytes,
        sha256=checkpoint.file.sha256,
        failed_loads=0,
    )
    session.merge(row)  # published before, if the answer that said so was lost
    job.revision += 1
    session.flush()
    retired = _retire(session, job, claim, position)
    note_storage(session, job)
    return retired


def record_trouble(session: Session, claim: Claim, kind: str, message: str) -> None:
    """Something went wrong that does not end the attempt, such as a checkpoint that found no room."""
    add_event(session, lock_held(session, claim), kind, message)


def usable_checkpoints(session: Session, job_id: str) -> Sequence[Checkpoint]:
    """Those that an attempt may go on from, the furthest first."""
    return session.scalars(_by_position(job_id).where(Checkpoint.failed_loads < MOST_FAILED_LOADS)).all()


def forget_checkpoints(session: Session, job: Job, claim: Claim) -> None:
    """The job has ended with its weights stored: nobody goes on from its checkpoints any more, which are most of its
    bytes. That of the best epoch stays where the spec asks for it, and where the weights are of another epoch."""
    session.flush()
    weights_are_the_best = job.best_epoch is not None and job.best_epoch == job.latest_epoch
    kept = _best(session, job) if claim.spec.checkpoints.keep_best and not weights_are_the_best else set()
    session.execute(delete(Checkpoint).where(Checkpoint.job_id == job.id, Checkpoint.name.not_in(kept)))


def earlier_facts(session: Session, job: Job) -> RunFacts | None:
    """Of the job's last attempt that has begun to train."""
    latest = select(Attempt.facts).where(Attempt.job_id == job.id).order_by(Attempt.number.desc())
    return RunFacts.from_stored(next(filter(None, session.scalars(latest)), None))  # JSON's null is not SQL's


def forget_after(session: Session, job: Job, epoch: int, step: int) -> None:
    """Take back what earlier attempts have stored of steps that the job's weights have not been through."""
    earlier_epochs = (Epoch.job_id == job.id) & (Epoch.attempt < job.attempt) & (Epoch.epoch >= epoch)
    session.execute(delete(Epoch).where(earlier_epochs))
    ahead = tuple_(Step.epoch, Step.step) >= (epoch, step)
    session.execute(delete(Step).where(Step.job_id == job.id, Step.attempt < job.attempt, ahead))
    find_latest_and_best(session, job)


def forget_loading(session: Session, job: Job) -> None:
    """The attempt left while it loaded a checkpoint, which is not the checkpoint's fault."""
    loading = select(Attempt.resumed_from).where(Attempt.job_id == job.id, Attempt.number == job.attempt)
    counted = update(Checkpoint).where(Checkpoint.name == loading.scalar_subquery(), Checkpoint.failed_loads > 0)
    session.execute(counted.values(failed_loads=Checkpoint.failed_loads - 1))


def find_latest_and_best(session: Session, job: Job) -> None:
    """Asked anew each time: an attempt that overwrites an epoch may have changed the best one."""
    accuracy = _accuracy()
    evaluated = select(Epoch.epoch).where(Epoch.job_id == job.id, accuracy.is_not(None))
    best = evaluated.add_columns(accuracy).order_by(accuracy.desc(), Epoch.epoch).limit(1)
    job.best_epoch, job.best_accuracy = session.execute(best).first() or (None, None)
    job.latest_epoch = session.scalar(select(func.max(Epoch.epoch)).where(Epoch.job_id == job.id))


def set_attempt(session: Session, job: Job, **values: Any) -> None:
    """Set columns of the job's current attempt."""
    session.execute(update(Attempt).where(Attempt.job_id == job.id, Attempt.number == job.attempt).values(values))


def _retire(session: Session, job: Job, claim: Claim, position: tuple[int, int]) -> list[str]:
    """Keep as many as the spec says of those that can be used, and the best; forget the others. Their files' names."""
    rules = claim.spec.checkpoints
    kept = {row.name for row in usable_checkpoints(session, job.id)[: rules.keep]}
    if rules.keep_best:
        kept |= _best(session, job)
    # The row of a checkpoint that cannot be used stays until training has passed its step. Without it, to reach that
    # step again would count as progress.
    behind = tuple_(Checkpoint.epoch, Checkpoint.step) <= position
    given_up_ahead = (Checkpoint.failed_loads >= MOST_FAILED_LOADS) & ~behind
    retired = delete(Checkpoint).where(Checkpoint.job_id == job.id, Checkpoint.name.not_in(kept), ~given_up_ahead)
    return sorted(session.scalars(retired.returning(Checkpoint.name)))


def _best(session: Session, job: Job) -> set[str]:
    """The name of the checkpoint after the best of the epochs that have one, if any has."""
    best = (
        _by_position(job.id)
        .join(Epoch, (Epoch.job_id == Checkpoint.job_id) & (Epoch.epoch == Checkpoint.epoch - 1))
        .where(Checkpoint.step == 0, Checkpoint.failed_loads < MOST_FAILED_LOADS, _accuracy().is_not(None))
        .order_by(None)
        .order_by(_accuracy().desc(), Epoch.epoch, Checkpoint.attempt.desc())
    )
    return {row.name for row in session.scalars(best.limit(1))}


def _by_position(job_id: str) -> Select[Checkpoint]:
    """The furthest first; of several in one place the latest attempt's."""
    furthest = (Checkpoint.epoch.desc(), Checkpoint.step.desc(), Checkpoint.attempt.desc())
    return select(Checkpoint).where(Checkpoint.job_id == job_id).order_by(*furthest)


def _accuracy() -> Any:
    """What an epoch is judged by."""
    return func.coalesce(Epoch.validation_accuracy, Epoch.test_accuracy)


# What an epoch comes to, whoever trains it and however fast.
_OUTCOME = (
    Epoch.train_loss,
    Epoch.train_accuracy,
    Epoch.test_loss,
    Epoch.test_accuracy,
    Epoch.validation_loss,
    Epoch.validation_accuracy,
)


def _facts(session: Session, job_id: str, attempt: int) -> dict[str, Any] | None:
    return session.scalar(select(Attempt.facts).where(Attempt.job_id == job_id, Attempt.number == attempt))


def _rounds_otherwise(session: Session, claim: Claim, facts: RunFacts, attempt: int) -> str:
    """For a run that is to repeat to the bit, and goes on from a checkpoint of `attempt` where that cannot be
    promised. Facts of an earlier release may have another form of fingerprint, or none."""
    before = (_facts(session, claim.job_id, attempt) or {}).get("fingerprint")
    if not claim.spec.deterministic or before == facts.fingerprint:
        return ""
    return (
        f" Its fingerprint is not that of attempt {attempt}: what computes now may round otherwise, so that weights "
        "need not be equal to the bit to those of a run that was not interrupted."
    )


def _choice_in_words(facts: RunFacts) -> str:
    tried = ", ".join(
        f"{timing.choice.mode} {timing.choice.memory_format} {timing.choice.precision} {timing.images_per_second:.4g}"
        for timing in facts.probed
    )
    step = facts.step
    return (
        f"Looked for a faster step for {facts.probe_seconds:.1f} seconds; images a second: {tried}. "
        f"It goes on with {step.mode} {step.memory_format} {step.precision}."
    )


def _measured(session: Session, job_id: str, epoch: int) -> str | None:
    """What is stored of an epoch, in a form in which NaN is equal to itself."""
    row = session.execute(select(*_OUTCOME).where(Epoch.job_id == job_id, Epoch.epoch == epoch)).first()
    return row and repr(tuple(row))


def _in_words(metrics: EpochMetrics) -> str:
    told = f"Epoch {metrics.epoch}: train loss {metrics.train_loss:.4f}"
    if metrics.test_accuracy is None:
        return f"{told}, not evaluated."
    return f"{told}, test accuracy {metrics.test_accuracy:.2%}."


def _row(claim: Claim, metrics: EpochMetrics | StepMetrics) -> dict[str, Any]:
    return {"job_id": claim.job_id, "attempt": claim.attempt, "recorded_at": now()} | metrics.model_dump()


def _upsert(session: Session, kind: type[Epoch] | type[Step], rows: Sequence[dict[str, Any]]) -> None:
    """INSERT … ON CONFLICT DO UPDATE, which both databases have, each in its own dialect."""
    statement = insert_for(session)(kind).values(rows)
    columns = kind.__table__.columns
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[column for column in columns if column.primary_key],
            set_={column.name: statement.excluded[column.name] for column in columns if not column.primary_key},
        )
    )
