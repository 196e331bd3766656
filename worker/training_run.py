"""An order carried out, alone or as one of a team: from the data to the stored weights."""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from jobs.checkpoints import CheckpointFile
from storage import FileDamaged, Storage
from training.checkpoints import CheckpointInvalid, unpack
from training.conflicts import SpecConflict
from training.data import Dataset, load_dataset
from training.durable import write_durably
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.progress import SavePoint
from training.team import Team
from training.totals import Diverged
from training.trainer import Trainer
from worker.causes import explain
from worker.messages import (
    Alive,
    EpochDone,
    FactsFound,
    Failed,
    Halted,
    Loading,
    Order,
    Report,
    Started,
    StepDone,
    Succeeded,
    Unusable,
    Word,
)
from worker.saving import PatientReader, Saver
from worker.signs import signs_of_life

Told = Callable[[], Word | None]
Send = Callable[[Report], None]

ALIVE_SECONDS = 1.0


def train(order: Order, told: Told, send: Send) -> None:
    """Train, and report; the last report says how it ended. Raises nothing."""
    try:
        _train(order, told, send)
    except Exception as error:  # whatever a trainer dies of, its job must say so
        failure = explain(error)
        if failure.code == "internal":
            sys.stderr.write(f"trainer of {order.job_id} failed\n{traceback.format_exc()}")
        send(Failed(**asdict(failure)))


def _train(order: Order, told: Told, send: Send) -> None:
    if len(order.devices) < order.spec.devices:
        reason = f"{order.spec.devices} accelerators are asked for, and the worker has {len(order.devices)}"
        raise SpecConflict(("devices",), reason)
    team = Team.from_launcher()
    device = torch.device(order.devices[team.rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where libraries allocate that are not told
    torch.set_num_threads(max(1, order.threads // team.size))
    storage = Storage(order.storage_url)
    with signs_of_life(told, send, finishes=bool(order.checkpoints), alone=team.size == 1) as loaded:
        trainer, resumed_from = _begin(order, storage, device, team, send)
        loaded.set()
        send(Started(facts=trainer.facts, resumed_from=resumed_from))
        saver = Saver(order, storage, trainer, send)
        try:
            _run(trainer, saver, told, send)
        except Diverged as error:
            send(_last_row(error))
            raise
        _end(trainer, saver, order, told, send)


def _last_row(error: Diverged) -> StepDone | EpochDone:
    """The step or the epoch that shows what the failure speaks of."""
    match error.metrics:
        case StepMetrics():
            return StepDone(metrics=error.metrics)
        case EpochMetrics():
            return EpochDone(metrics=error.metrics)


def _run(trainer: Trainer, saver: Saver, told: Told, send: Send) -> None:
    """Until every epoch is trained, or the supervisor has said a word."""
    is_told = _saying_alive(lambda: told() is not None, send)
    for measured in trainer.epochs(is_told, saver.is_due):
        match measured:
            case SavePoint():
                saver.save()
            case EpochMetrics():
                send(EpochDone(metrics=measured))
                if not trainer.progress.finished(trainer.spec):
                    saver.after_epoch()
            case StepMetrics():
                send(StepDone(metrics=measured))
            case RunFacts():
                send(FactsFound(facts=measured))


def _end(trainer: Trainer, saver: Saver, order: Order, told: Told, send: Send) -> None:
    """Store what the run leaves behind, and say so."""
    word, progress = told(), trainer.progress
    # Not what was asked: a word that comes during the last evaluation takes no success away.
    finished = progress.finished(order.spec)
    if (not finished and trainer.team.size > 1) or (word is Word.SAVE and not finished):
        saver.save_and_wait()  # of a team all take part, whatever each of them has heard
    saver.wait()
    weights = None
    has_trained = (progress.epoch, progress.step) != (0, 0)
    wanted = has_trained and (finished or word is Word.FINISH)
    if trainer.team.agree(wanted, device=trainer.device)[0]:
        trainer.prepare_weights(_saying_alive(lambda: told() is Word.QUIT, send))
    if trainer.team.rank == 0 and wanted:
        weights = saver.store_weights(told)
    if finished and weights:
        send(Succeeded(stopped_early=progress.stopped_early, epochs=progress.epoch, weights=weights))
    else:
        send(Halted(epoch=progress.epoch, step=progress.step, weights=weights))


def _begin(order: Order, storage: Storage, device: torch.device, team: Team, send: Send) -> tuple[Trainer, str | None]:
    """A trainer at the furthest checkpoint that can be used, and that checkpoint's name; or at the beginning.

    Raises OSError where the storage does not answer, or has none of them.
    """
    reader = PatientReader(storage, send)
    dataset, weights_dir = _dataset(order), _starting_weights(order, reader)

    def new_trainer() -> Trainer:
        return Trainer(order.spec, dataset, device, team=team, cache_dir=order.cache_dir, weights_dir=weights_dir)

    trainer = new_trainer()
    if not order.checkpoints:
        return trainer, None
    _require_a_file(order, storage)
    for checkpoint in order.checkpoints:
        reason = _load(checkpoint, reader, trainer, send)
        if not team.agree(reason is not None, device=device)[0]:
            return trainer, checkpoint.file.name
        send(Unusable(name=checkpoint.file.name, reason=reason or "another process of the team could not load it"))
        trainer = new_trainer()  # half a checkpoint may be in it
    return trainer, None


def _require_a_file(order: Order, storage: Storage) -> None:
    """A storage without any of them is more likely one that is not mounted than one that has lost them all: to begin
    anew would throw away whatever the job has trained."""
    there = set(storage.list_names(order.job_id))
    if not any(checkpoint.file.name in there for checkpoint in order.checkpoints):
        raise FileNotFoundError(f"none of the job's {len(order.checkpoints)} checkpoints is in the storage")


def _load(checkpoint: CheckpointFile, reader: PatientReader, trainer: Trainer, send: Send) -> str | None:
    """Why it cannot be gone on from; None where it is. Raises OSError where the storage does not answer, and whatever
    says that the device is full, which no other checkpoint mends."""
    try:
        content = reader.read(checkpoint.file)
        send(Loading(name=checkpoint.file.name))  # from here on, a crash is the checkpoint's fault
        trainer.load_state_dict(unpack(content, checkpoint.file.name))
    except (FileNotFoundError, FileDamaged, CheckpointInvalid) as error:
        return str(error)
    except (OSError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a loader trips over, the checkpoint before may be without
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _starting_weights(order: Order, reader: PatientReader) -> Path:
    """The folder in which the trainer finds them, brought there from the storage."""
    folder = order.cache_dir / "weights"
    if order.starting_weights:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / f"{order.spec.starting_weights}.safetensors", reader.read(order.starting_weights))
    return folder


def _saying_alive(is_told: Callable[[], bool], send: Send) -> Callable[[], bool]:
    """`is_told`, which is asked between steps and whatever else takes time; it says now and then that these are
    made."""
    said_at = time.monotonic()

    def asked() -> bool:
        nonlocal said_at
        if time.monotonic() - said_at >= ALIVE_SECONDS:
            said_at = time.monotonic()
            send(Alive())
        return is_told()

    return asked


def _dataset(order: Order) -> Dataset:
    return load_dataset(
        order.spec.dataset,
        image_size=order.spec.image_size,
        resize=order.spec.resize,
        unreadable=order.spec.unreadable_images,
        datasets_dir=order.datasets_dir,
        downloads_dir=order.downloads_dir,
        cache_dir=order.cache_dir,
    )
