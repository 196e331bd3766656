"""How far a job has got."""

from datetime import datetime, timedelta
from typing import NamedTuple

from api import schemas
from jobs.queries import JobDetails
from models import Checkpoint, Epoch, Job, JobStatus
from training.metrics import RunFacts
from training.spec import ResolvedSpec

# A longer estimate tells nothing, and can exceed the greatest datetime.
LONGEST_ESTIMATE = timedelta(days=3650)


class _Place(NamedTuple):
    """The last step that is done. Places compare in the order of training."""

    epoch: int
    step: int | float  # infinity: the last step of the epoch, if steps per epoch are unknown


def progress(record: JobDetails, spec: ResolvedSpec) -> schemas.Progress:
    """Progress of the current attempt, or of the checkpoint that it resumes from. Work that was lost with an earlier
    attempt does not count."""
    job = record.job
    epoch_steps = steps_per_epoch(job)
    places = [_of_attempt(job), _of_checkpoint(record.checkpoint, epoch_steps)]
    place = max((place for place in places if place), default=None)
    attempt = job.attempts[-1] if job.attempts else None
    # The pace is estimated from an epoch of the current attempt only.
    mine = record.latest if attempt and record.latest and record.latest.attempt == attempt.number else None
    running = job.status is JobStatus.RUNNING
    return schemas.Progress(
        epoch=place.epoch if place else None,
        epochs=spec.epochs,
        step=int(place.step) if place and place.step != float("inf") else None,
        steps_per_epoch=epoch_steps if attempt and attempt.facts else None,
        percent=100 if job.status is JobStatus.SUCCEEDED else _percent(place, mine, spec.epochs, epoch_steps),
        estimated_finish=_estimated_finish(mine, spec.epochs) if mine and running else None,
    )


def steps_per_epoch(job: Job) -> int | None:
    """As found by the last attempt that loaded the data."""
    found = (RunFacts.from_stored(attempt.facts) for attempt in reversed(job.attempts))
    return next((facts.steps_per_epoch for facts in found if facts), None)


def _of_attempt(job: Job) -> _Place | None:
    attempt = job.attempts[-1] if job.attempts else None
    if attempt is None or attempt.step_epoch is None or attempt.step is None:
        return None
    return _Place(attempt.step_epoch, attempt.step)


def _of_checkpoint(checkpoint: Checkpoint | None, steps_per_epoch: int | None) -> _Place | None:
    """A checkpoint names the next step, so that the last one done is the step before."""
    if checkpoint is None or (checkpoint.epoch, checkpoint.step) == (0, 0):
        return None
    if checkpoint.step > 0:
        return _Place(checkpoint.epoch, checkpoint.step - 1)
    return _Place(checkpoint.epoch - 1, steps_per_epoch - 1 if steps_per_epoch else float("inf"))


def _percent(place: _Place | None, latest: Epoch | None, epochs: int, steps_per_epoch: int | None) -> float:
    """The percentage of all steps, rounded down to one decimal."""
    trained = float(latest.epoch + 1) if latest else 0.0
    if place:
        share = (place.step + 1) / steps_per_epoch if steps_per_epoch else float(place.step == float("inf"))
        trained = max(trained, place.epoch + min(share, 1.0))
    return min(int(1000 * trained / epochs) / 10, 100)


def _estimated_finish(latest: Epoch, epochs: int) -> datetime | None:
    remaining = (epochs - latest.epoch - 1) * latest.seconds
    if not remaining < LONGEST_ESTIMATE.total_seconds():  # written so that NaN gives None, too
        return None
    return latest.recorded_at + timedelta(seconds=remaining)
