"""What a job measured: its curves, its log, its time."""

from collections.abc import Iterator, Sequence

from api.views import log_lines
from api.views.report.document import Block, Inline, Log, Picture, Table
from api.views.report.text import count, duration, number, percent, significant, tenths
from jobs.records import EpochLog, JobRecord
from models import Epoch
from training.metrics import RunFacts

MOST_ROWS = 10  # of the table


def curves(record: JobRecord, picture: bytes, address: str) -> Sequence[Block]:
    """The picture, and some of its epochs in numbers."""
    if not record.epochs:
        return []
    told = "Loss and accuracy over epochs"
    chosen = _chosen(record.epochs, record.details.best)
    return [Picture(picture, told, f"{address}/curves.svg"), _table(chosen, record)]


def _chosen(epochs: Sequence[Epoch], best: Epoch | None) -> Sequence[Epoch]:
    """The first, the last, the best, and others at about equal distances."""
    last = len(epochs) - 1
    places = range(MOST_ROWS) if last >= MOST_ROWS else range(last + 1)
    wanted = [epochs[round(place * last / max(1, len(places) - 1))] for place in places]
    by_epoch = {each.epoch: each for each in wanted} | ({best.epoch: best} if best else {})
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]


def _table(epochs: Sequence[Epoch], record: JobRecord) -> Table:
    has_validation = any(each.validation_accuracy is not None for each in epochs)
    facts = record.facts
    images = facts.test_images if facts else None
    heads = ["Epoch", "Train loss", "Train acc."]
    heads += ["Validation loss", "Validation acc."] if has_validation else []
    heads += ["Test loss", "Test acc.", "Learning rate"]
    best = record.details.best.epoch if record.details.best else None
    rows: list[Sequence[Inline]] = []
    for each in epochs:
        cells = [f"{each.epoch} (best)" if each.epoch == best else str(each.epoch)]
        cells += [number(each.train_loss), tenths(each.train_accuracy)]
        cells += [number(each.validation_loss), tenths(each.validation_accuracy)] if has_validation else []
        cells += [number(each.test_loss), percent(each.test_accuracy, images), significant(each.learning_rate)]
        rows.append(cells)
    caption = f"{len(epochs):,} of {count(record.epoch_count, 'epoch')}. Epochs count from 0."
    return Table(heads, rows, numbers=len(heads) - 1, caption=caption)


def log(record: JobRecord) -> Sequence[Block]:
    """Of the first and the last epoch, in the lab's form."""
    lines = [line for place, each in enumerate(record.logs) for line in _lines(each, is_first=place == 0)]
    return [Log(lines)] if lines else []


def _lines(log: EpochLog, *, is_first: bool) -> Iterator[str]:
    if not is_first:
        yield "…"
    yield log_lines.heading(log.epoch.epoch)
    yield from map(log_lines.step_line, log.steps)
    if log.has_more:
        yield "…"
    yield from log_lines.result_lines(log.epoch)


def time_and_device(record: JobRecord) -> Sequence[Block]:
    """How long it took, and what computed."""
    facts = record.facts
    if facts is None:
        return []
    rows: list[Sequence[Inline]] = [*_device(facts)]
    if record.epoch_count:
        rows.append(("Training and evaluation", duration(record.seconds)))
        rows.append(("Pace of the last epoch", f"{record.epochs[-1].images_per_second:,.0f} training images a second"))
        if (waited := record.epochs[-1].loading_share) is not None:
            rows.append(("Waiting for images, last epoch", f"{tenths(waited)} of the time of training"))
    attempts = record.details.job.attempts
    told = f"{len(attempts):,}"
    if len(attempts) > 1:
        told += ": the job was interrupted, and went on from a checkpoint where it had one"
    rows.append(("Attempts", told))
    return [Table(["", ""], rows)]


def _device(facts: RunFacts) -> Iterator[Sequence[Inline]]:
    several = f"{facts.devices} x " if facts.devices > 1 else ""
    yield "Device", f"{several}{facts.device}, computing in {facts.precision}"
    if facts.processor:
        yield "Processor", f"{facts.processor}, {count(facts.threads, 'thread')}"
    step = facts.step
    yield "Way of a step", f"{step.mode}, {step.memory_format.replace('_', ' ')}"
