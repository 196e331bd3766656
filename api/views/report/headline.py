"""What a report begins with: what was trained, what came out, and how far that can be trusted."""

from collections.abc import Iterator, Mapping, Sequence

from api.views.report.document import Block, Inline, KeyFigure, KeyFigures, Message, Paragraph, Strong
from api.views.report.text import count, duration, interval, number, percent, short_duration, shortened
from jobs.ids import is_id
from jobs.records import JobRecord
from models import Epoch, Job, JobStatus
from training.spec import ResolvedSpec

MOST_CHARACTERS = 4000  # of a description, and of an error

_STATES: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "It waits for a worker.",
    JobStatus.STARTING: "A worker loads its data.",
    JobStatus.RUNNING: "It is still training: this is what is known so far.",
    JobStatus.PAUSED: "It is paused: this is what is known so far.",
    JobStatus.SUCCEEDED: "",
    JobStatus.FAILED: "It has failed.",
    JobStatus.CANCELLED: "It was cancelled, and its weights were discarded.",
    JobStatus.STOPPED: "It was stopped on request, and its weights are kept.",
}
ONE_RUN = (
    "This is one run. The same settings under another seed give another accuracy, and the "
    "interval covers the choice of "
    "test images only: before a small difference counts, repeat both runs under several seeds."
)


def opening(record: JobRecord, spec: ResolvedSpec) -> Sequence[Block]:
    """The blocks above the first section."""
    return [*_blocks(record, spec)]


def _blocks(record: JobRecord, spec: ResolvedSpec) -> Iterator[Block]:
    job = record.details.job
    yield Paragraph([*_what_was_trained(record, spec), *_what_came_out(record)])
    if state := _STATES[job.status]:
        yield Paragraph([Strong(state)])
    yield from _error(job)
    if figures := [*_figures(record)]:
        yield KeyFigures(figures)
    if record.tested is not None:
        yield Paragraph([_repeats(job)], quiet=True)
    if job.description:
        yield Paragraph([shortened(job.description, MOST_CHARACTERS)])
    if job.tags:
        yield Paragraph([f"Tags: {', '.join(job.tags)}"], quiet=True)


def _what_was_trained(record: JobRecord, spec: ResolvedSpec) -> Iterator[Inline]:
    job, facts = record.details.job, record.facts
    version = f", version {job.dataset_version}" if job.dataset_version is not None else ""
    yield Strong(spec.architecture.name)
    yield " on "
    yield Strong(f"{job.dataset}{version}")
    if facts:
        yield f" ({facts.train_images:,} training images of {facts.classes:,} classes)"
    if record.epoch_count < spec.epochs:
        yield f", trained for {record.epoch_count:,} of {count(spec.epochs, 'epoch')}. "
    else:
        yield f", trained for {count(spec.epochs, 'epoch')}. "


def _what_came_out(record: JobRecord) -> Iterator[Inline]:
    tested, facts = record.tested, record.facts
    if tested is None:
        return
    images = facts.test_images if facts else None
    yield "In the end it classifies " if record.manifest.complete else "By now it classifies "
    yield Strong(percent(tested.test_accuracy, images))
    yield f" of {images:,} test images correctly" if images else " of the test images correctly"
    if between := interval(tested.test_accuracy, images):
        yield f"; for new images of the kind, that is {between} with a confidence of 95%"
    yield "."


def _error(job: Job) -> Iterator[Message]:
    error = job.error
    if error:
        told = shortened(str(error.get("message", "")), MOST_CHARACTERS)
        hint = shortened(str(error.get("hint", "")), MOST_CHARACTERS)
        yield Message("problem", told, [hint], [("Code", str(error.get("code", "")))])


def _figures(record: JobRecord) -> Iterator[KeyFigure]:
    best, tested, facts = record.details.best, record.tested, record.facts
    images = facts.test_images if facts else None
    if best is not None and best.test_accuracy is not None:
        chosen = "on the same images" if best.validation_accuracy is None else "on the validation split"
        told = [
            f"on the test split after epoch {best.epoch}, which is chosen {chosen}",
            _in_words(best.test_accuracy, images),
        ]
        yield KeyFigure("Accuracy, best epoch", percent(best.test_accuracy, images), "; ".join(filter(None, told)))
    if tested is not None:
        told = [f"on the test split after epoch {tested.epoch}", _in_words(tested.test_accuracy, images)]
        yield KeyFigure("Accuracy, last epoch", percent(tested.test_accuracy, images), "; ".join(filter(None, told)))
    if (latest := record.details.latest) is not None:
        yield _loss(latest, tested)
        pace = f"{duration(record.seconds / record.epoch_count)} an epoch, evaluation included"
        yield KeyFigure("Time", short_duration(record.seconds), pace)


def _loss(latest: Epoch, tested: Epoch | None) -> KeyFigure:
    if tested is None or tested.test_loss is None:
        return KeyFigure("Train loss", number(latest.train_loss), "cross-entropy in nats")
    told = f"train loss {number(tested.train_loss)}; cross-entropy in nats"
    return KeyFigure("Test loss", number(tested.test_loss), told)


def _in_words(accuracy: float | None, images: int | None) -> str:
    between = interval(accuracy, images)
    return f"95% interval {between}" if between else ""


def _repeats(job: Job) -> str:
    if job.repeats > 1:
        return f"The same settings are trained under {job.repeats} seeds, of which this is the first: see below."
    if job.parent is not None and is_id(job.parent):
        return f"It repeats {job.parent} under another seed: the report of that job has all of them together."
    return ONE_RUN
