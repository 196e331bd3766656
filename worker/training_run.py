"""An order carried out, alone or as one of a team: from the data to the stored weights."""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict

import torch

from jobs.own_storage import OwnStorage
from training.engine.conflicts import SpecConflict
from training.engine.progress import SavePoint
from training.engine.team import Team
from training.engine.totals import Diverged
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from worker.causes import explain
from worker.messages import (
    Alive,
    EpochDone,
    FactsFound,
    Failed,
    Halted,
    Order,
    Report,
    Started,
    StepDone,
    Succeeded,
    Word,
)
from worker.resuming import DataLost, begin
from worker.saving import Saver
from worker.signs import signs_of_life

Told = Callable[[], Word | None]
Send = Callable[[Report], None]

ALIVE_SECONDS = 1.0


def train(order: Order, told: Told, send: Send) -> None:
    """Train, and report; the last report says how it ended. Raises nothing."""
    try:
        _train(order, told, send)
    except DataLost as lost:
        if lost.leads:
            send(_ending(lost, told))
    except Exception as error:  # whatever a trainer dies of, its job must say so
        failure = explain(error)
        if failure.code == "internal":
            sys.stderr.write(f"trainer of {order.job_id} failed\n{traceback.format_exc()}")
        send(Failed(**asdict(failure)))


def _ending(lost: DataLost, told: Told) -> Report:
    """Whoever has asked for the weights alone has them; anybody else must hear that nothing more can be trained."""
    if lost.weights and lost.checkpoint and told() is Word.FINISH:
        return Halted(epoch=lost.checkpoint.epoch, step=lost.checkpoint.step, weights=lost.weights)
    return Failed(**asdict(explain(lost.reason, weights_kept=lost.weights is not None)), weights=lost.weights)


def _train(order: Order, told: Told, send: Send) -> None:
    if len(order.devices) < order.spec.devices:
        reason = f"{order.spec.devices} accelerators are asked for, and the worker has {len(order.devices)}"
        raise SpecConflict(("devices",), reason)
    team = Team.from_launcher()
    device = torch.device(order.devices[team.rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where libraries allocate that are not told
    torch.set_num_threads(max(1, order.threads // team.size))
    storage = OwnStorage(order.storage_url, order.storage_mark)
    with signs_of_life(told, send, finishes=bool(order.checkpoints), alone=team.size == 1) as loaded:
        trainer, resumed_from = begin(order, storage, device, team, send)
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
    if trainer.team.any_process_says(wanted, device=trainer.device)[0]:
        trainer.prepare_weights(_saying_alive(lambda: told() is Word.QUIT, send))
    if trainer.team.rank == 0 and wanted:
        weights = saver.store_weights(told)
    if finished and weights:
        send(Succeeded(stopped_early=progress.stopped_early, epochs=progress.epoch, weights=weights))
    else:
        send(Halted(epoch=progress.epoch, step=progress.step, weights=weights))


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
