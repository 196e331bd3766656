"""The record of a job, as its report tells of it: bounded, whatever the job's length."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs import queries
from jobs.downsampled_curves import downsampled_epochs
from jobs.manifests import JobManifest, manifest_of_job
from jobs.queries import JobDetails
from models import Epoch, Step
from training.metrics import RunFacts

MOST_EPOCHS = 300  # of the curves
MOST_STEPS = 10  # of an epoch's log


@dataclass(frozen=True, slots=True)
class EpochLog:
    """An epoch, its first recorded steps, and whether there are more."""

    epoch: Epoch
    steps: Sequence[Step]
    has_more: bool


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`epochs`: enough of them to draw the curves. `tested`: the latest that was evaluated. `epoch_count` and `seconds`
    are of all of them. `logs`: of the first epoch and of the last. `facts`: of the latest attempt that has begun."""

    details: JobDetails
    manifest: JobManifest
    epochs: Sequence[Epoch]
    tested: Epoch | None
    epoch_count: int
    seconds: float
    logs: Sequence[EpochLog]

    @property
    def facts(self) -> RunFacts | None:
        """None before an attempt has begun, or where a release wrote them that is not known here."""
        return RunFacts.from_stored(self.manifest.provenance["environment"])


def record_of(session: Session, job_id: str) -> JobRecord:
    """Of a job in any state. Raises JobNotFound."""
    details = queries.find(session, job_id)
    mine = Epoch.job_id == job_id
    totals = session.execute(select(func.count(), func.sum(Epoch.seconds)).where(mine)).one()
    tested = select(Epoch).where(mine, Epoch.test_accuracy.is_not(None)).order_by(Epoch.epoch.desc()).limit(1)
    epochs = downsampled_epochs(session, job_id, MOST_EPOCHS).rows
    ends = dict.fromkeys([epochs[0], epochs[-1]]) if epochs else {}
    return JobRecord(
        details=details,
        manifest=manifest_of_job(session, job_id),
        epochs=epochs,
        tested=session.scalars(tested).first(),
        epoch_count=totals[0],
        seconds=totals[1] or 0.0,
        logs=[_log(session, epoch) for epoch in ends],
    )


def _log(session: Session, epoch: Epoch) -> EpochLog:
    page = queries.steps_after(session, epoch.job_id, epoch.epoch, -1, limit=MOST_STEPS + 1)
    steps = [step for step in page.rows if step.epoch == epoch.epoch]
    return EpochLog(epoch, steps[:MOST_STEPS], len(steps) > MOST_STEPS)
