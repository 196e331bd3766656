"""What a job does, in words: a line for each epoch, and one for each change of its state. All of it is `safe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epochal.statuses import JOB_FINAL
from epochal.terminal import formats
from epochal.terminal.text import safe

if TYPE_CHECKING:
    from epochal.types import Attempt, EpochRow, Event, Job, QueuePlace, RunFacts

_NARROW = {"train": "train", "validation": "val", "test": "test"}


def epoch_line(row: EpochRow, columns: int | None = None) -> str:
    """One epoch in one line, with fewer words where it has no more than so many columns. The lines of a job's evaluated
    epochs have the same width.
    """
    full = [_figures(split, *values) for split, *values in _evaluated(row)]
    short = [f"{split} {loss:7.4f} {accuracy:7.2%}" for split, loss, accuracy in _evaluated(row)]
    narrow = [f"{_NARROW[split]} {loss:.3f} {accuracy:6.1%}" for split, loss, accuracy in _evaluated(row)]
    least = [f"{_NARROW[split]} {accuracy:6.1%}" for split, _, accuracy in _evaluated(row)]
    pace = f"{formats.count(row.images_per_second)} images/s"
    start = f"Epoch {row.epoch:3}:  "
    lines = [start + "   ".join(parts) for parts in ([*full, pace], [*short, pace], short)]
    lines += [f"{row.epoch:3} " + " ".join(parts) for parts in (narrow, least)]
    return next((line for line in lines if columns is None or len(line) <= columns), lines[-1])


def _evaluated(row: EpochRow) -> list[tuple[str, float, float]]:
    """The splits that were evaluated in this epoch, with their losses and accuracies."""
    splits: list[tuple[str, float | None, float | None]] = [
        ("train", row.train_loss, row.train_accuracy),
        ("validation", row.validation_loss, row.validation_accuracy),
        ("test", row.test_loss, row.test_accuracy),
    ]
    return [(name, loss, accuracy) for name, loss, accuracy in splits if loss is not None and accuracy is not None]


def _figures(split: str, loss: float, accuracy: float) -> str:
    return f"{split} loss {loss:7.4f}, accuracy {accuracy:7.2%}"


def revised_line(event: Event) -> str:
    """An epoch was measured again by a later attempt, with another result than was shown."""
    return safe(f"Epoch {event.epoch:3}, attempt {event.attempt}: {event.message}")


def state_lines(job: Job) -> list[str]:
    """What the job does now, or how it ended."""
    return [safe(line) for line in _state(job)]


def _state(job: Job) -> list[str]:
    attempt = job.attempts[-1] if job.attempts else None
    if job.requested and job.status not in JOB_FINAL:
        return [_asked(job)]
    if job.status == "failed" and job.error:
        error = job.error
        return [f"Failed{_duration(job)}: {error.message} ({error.code})", f"Hint: {error.hint}"]
    match job.status:
        case "queued":
            again = f"Attempt {attempt.number} ended ({attempt.end_reason}). " if attempt else ""
            return [f"{again}Queued{_place(job.queue)}"]
        case "paused":
            return [f"Paused at {job.progress.percent:.0f}%, until it is resumed."]
        case "starting" if attempt:
            return [f"Starting on worker {attempt.worker}{_which(attempt.number)}: loading the data."]
        case "running" if attempt and attempt.facts:
            return [_training(attempt, attempt.facts)]
        case "succeeded":
            return [f"Succeeded{_duration(job)}.{_best(job)}"]
        case _:
            return [f"{job.status.capitalize()}{_duration(job)}."]


def _place(queue: QueuePlace | None) -> str:
    """The place in the queue, which the service counts up to a thousand, and the reason."""
    if queue is None:
        return "."
    place = f"place {queue.position}" if queue.position is not None else "behind a thousand others"
    return f", {place}: {queue.reason}"


def _asked(job: Job) -> str:
    """The request to the job that is pending, and who has to act on it."""
    if job.status == "queued":
        reason = f": {job.queue.reason}" if job.queue else "."
        return f"Asked to {job.requested}; waiting for a worker to make its weights{reason}"
    what = {"stop": "store its weights", "pause": "write a checkpoint"}.get(job.requested or "", "let go")
    return f"Asked to {job.requested}; waiting for its worker to {what}."


def _training(attempt: Attempt, facts: RunFacts) -> str:
    resumed = f" It goes on from {attempt.resumed_from}." if attempt.resumed_from else ""
    together = f"{facts.devices} times " if facts.devices > 1 else ""
    return (
        f"Training on {together}{facts.device} in {facts.precision}{_which(attempt.number)}: {facts.parameters:,} "
        f"parameters, {_images(facts)}, {facts.classes} classes.{resumed}"
    )


def _images(facts: RunFacts) -> str:
    validation = f", {facts.validation_images:,} validation" if facts.validation_images else ""
    dropped = f" ({facts.dropped_images:,} more could not be read)" if facts.dropped_images else ""
    ignored = f", {facts.ignored_files:,} files that are none" if facts.ignored_files else ""
    return f"{facts.train_images:,} training{validation} and {facts.test_images:,} test images{dropped}{ignored}"


def _which(attempt: int) -> str:
    return f", attempt {attempt}" if attempt > 1 else ""


def _duration(job: Job) -> str:
    if not (job.started_at and job.finished_at):
        return ""
    return f" after {formats.clock(job.finished_at - job.started_at)}"


def _best(job: Job) -> str:
    """The accuracies of the last and of the best epoch. The last epoch of a job is always evaluated."""
    last, best = job.latest, job.best
    if not (last and best) or last.test_accuracy is None or best.test_accuracy is None:
        return ""
    if best.validation_accuracy is None:
        chosen = f"at best {best.test_accuracy:.2%} in epoch {best.epoch}"
    else:
        chosen = (
            f"{best.test_accuracy:.2%} in epoch {best.epoch}, whose validation accuracy of "
            f"{best.validation_accuracy:.2%} is the best"
        )
    return f" Test accuracy {last.test_accuracy:.2%}, {chosen}."
