"""Shows a job in the terminal: `python -m old_client.watch ADDRESS JOB`.

Prints a line for each epoch and each change of state. On a terminal, a bar below the lines shows the progress.
Elsewhere only the lines are printed, without control codes. EPOCHAL_API_KEY holds the key, if the service requires one.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from old_client.api import Client
from old_client.errors import EpochalError
from old_client.resources import Attempt, EpochRow, Job, QueuePlace, RunFacts

INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended


# Progress within an epoch, and a place in the queue, change without the job itself changing, and so do not end a wait
# for changes.
POLL_SECONDS = 1.0


def watch(client: Client, job_id: str, *, console: Console | None = None, poll_seconds: float = 0.5) -> Job:
    """Show the job until it has ended, and return it. `poll_seconds` is for an older service, as in `Client.looks`.

    Ctrl-C ends only the display: it raises KeyboardInterrupt, and the job continues.
    """
    console = console or Console()
    # Live draws only on terminals. With `transient` it removes the bar at the end.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for job, lines in _updates(client, job_id, poll_seconds):
            for line in lines:
                say(console, line)
            live.update(_bar(job, datetime.now(UTC)), refresh=True)
    return job


def say(console: Console, text: str) -> None:
    """Print plain text. Lines are not wrapped, so that they can be copied."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _updates(client: Client, job_id: str, poll_seconds: float) -> Iterator[tuple[Job, list[str]]]:
    """The job whenever it is polled, with the lines that are new since the last time."""
    epoch, state = -1, ""
    for job in client.looks(job_id, poll_seconds=poll_seconds, wait_seconds=POLL_SECONDS):
        rows = client.metrics(job_id, after_epoch=epoch) if job.latest and job.latest.epoch > epoch else []
        lines = [epoch_line(row) for row in rows]
        if rows:
            epoch = rows[-1].epoch
        if (now := state_line(job)) != state:
            lines.insert(len(lines) if job.finished else 0, now)
            state = now
        yield job, lines


def epoch_line(row: EpochRow) -> str:
    """One epoch in one line. The lines of a job's evaluated epochs have the same width."""
    parts = [
        _figures("train", row.train_loss, row.train_accuracy),
        _figures("validation", row.validation_loss, row.validation_accuracy),
        _figures("test", row.test_loss, row.test_accuracy),
        f"{row.images_per_second:,.0f} images/s",
    ]
    return f"Epoch {row.epoch:3}:  {'   '.join(part for part in parts if part)}"


def _figures(split: str, loss: float | None, accuracy: float | None) -> str:
    """Loss and accuracy of a split; empty if it was not evaluated."""
    return "" if loss is None or accuracy is None else f"{split} loss {loss:7.4f}, accuracy {accuracy:7.2%}"


def state_line(job: Job) -> str:
    """What the job does now, or how it ended."""
    attempt = job.attempts[-1] if job.attempts else None
    if job.requested and not job.finished:
        return _asked(job)
    match job.status:
        case "queued":
            again = f"Attempt {attempt.number} ended ({attempt.end_reason}). " if attempt else ""
            return f"{again}Queued{_place(job.queue)}"
        case "paused":
            return f"Paused at {job.progress.percent:.0f}%, until it is resumed."
        case "starting" if attempt:
            return f"Starting on worker {attempt.worker}{_which(attempt.number)}: loading the data."
        case "running" if attempt and attempt.facts:
            facts = attempt.facts
            return (
                f"Training on {_devices(facts)} in {facts.precision}{_which(attempt.number)}: {facts.parameters:,} "
                f"parameters, {_images(facts)}, {facts.classes} classes.{_resumed(attempt)}"
            )
        case "succeeded":
            return f"Succeeded{_duration(job)}.{_best(job)}"
        case "failed" if job.error:
            return f"Failed{_duration(job)}: {job.error.message} ({job.error.code})\nHint: {job.error.hint}"
        case _:
            return f"{job.status.capitalize()}{_duration(job)}."


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


def _resumed(attempt: Attempt) -> str:
    return f" It goes on from {attempt.resumed_from}." if attempt.resumed_from else ""


def _devices(facts: RunFacts) -> str:
    together = f"{facts.devices} times " if facts.devices and facts.devices > 1 else ""
    return f"{together}{facts.device}"


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
    return f" after {_clock(job.finished_at - job.started_at)}"


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


def _clock(span: timedelta) -> str:
    return str(timedelta(seconds=max(0, round(span.total_seconds()))))


def _bar(job: Job, now: datetime) -> Table:
    """The progress of the job in one line."""
    progress = job.progress
    # Epochs count from 0, so that the number of the current epoch is the number of completed ones.
    place = f"{progress.epoch}/{progress.epochs} epochs" if progress.epoch is not None else job.status
    if progress.step is not None and progress.steps_per_epoch:
        place += f", step {progress.step}/{progress.steps_per_epoch}"
    left = f"{_clock(progress.estimated_finish - now)} left" if progress.estimated_finish else ""
    line = Table.grid(padding=(0, 2))
    line.add_row(ProgressBar(completed=progress.percent, width=24), f"{progress.percent:.0f}%", Text(place), left)
    return line


def main() -> int:
    """Exit codes: 0 if the job succeeded, 1 if it ended in another way, 2 if there was an error, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m old_client.watch", description="Show a job in the terminal.")
    parser.add_argument("address", help="of the service, such as http://127.0.0.1:8000")
    parser.add_argument("job", help="its id")
    arguments = parser.parse_args()
    try:
        with Client(arguments.address) as client:
            job = watch(client, arguments.job)
    except EpochalError as error:
        say(Console(stderr=True), str(error))
        return 2
    except KeyboardInterrupt:
        again = f"python -m old_client.watch {arguments.address} {arguments.job}"
        say(Console(), f"The job goes on without being watched. To look at it again: {again}")
        return INTERRUPTED
    return 0 if job.status == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
