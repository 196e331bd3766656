"""Carries out an order, alone or as one process of a team: from loading the data to the stored weights."""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict

import torch

from jobs.network_input import NetworkInput
from jobs.verified_storage import VerifiedStorage
from storage import StoredFile
from training.engine.conflicts import SpecConflict
from training.engine.evaluator import EvaluationStopped
from training.engine.progress import SavePoint
from training.engine.team import Team
from training.engine.totals import Diverged
from training.engine.trainer import Trainer
from training.images.predictions import MOST_BYTES
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from worker.failure_causes import explain
from worker.liveness import reporting_liveness
from worker.messages import (
    Alive,
    Command,
    EpochDone,
    FactsFound,
    Failed,
    Halted,
    Order,
    Report,
    Started,
    StepDone,
    Succeeded,
    Trouble,
)
from worker.resuming import DataLost, begin
from worker.saving import Saver

ReadCommand = Callable[[], Command | None]
Send = Callable[[Report], None]

ALIVE_SECONDS = 1.0


def train(order: Order, read_command: ReadCommand, send: Send) -> None:
    """Train, and report; the last report says how it ended. Raises nothing."""
    try:
        _train(order, read_command, send)
    except DataLost as lost:
        if lost.leads:
            send(_ending(lost, read_command))
    except Exception as error:  # whatever a trainer dies of, its job must say so
        failure = explain(error)
        if failure.code == "internal":
            sys.stderr.write(f"trainer of {order.job_id} failed\n{traceback.format_exc()}")
        send(Failed(**asdict(failure)))


def _ending(lost: DataLost, read_command: ReadCommand) -> Report:
    """Halted where only the weights were asked for, and there are some. Else Failed: nothing more can be trained."""
    if lost.weights and lost.checkpoint and read_command() is Command.FINISH:
        return Halted(
            epoch=lost.checkpoint.epoch,
            step=lost.checkpoint.step,
            weights=lost.weights,
            network_input=lost.network_input,
        )
    return Failed(**asdict(explain(lost.reason, weights_kept=lost.weights is not None)), weights=lost.weights)


def _train(order: Order, read_command: ReadCommand, send: Send) -> None:
    if len(order.devices) < order.spec.devices:
        reason = f"{order.spec.devices} accelerators are asked for, and the worker has {len(order.devices)}"
        raise SpecConflict(("devices",), reason)
    team = Team.from_launcher()
    device = torch.device(order.devices[team.rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where libraries allocate that are not told
    torch.set_num_threads(max(1, order.threads // team.size))
    storage = VerifiedStorage(order.storage_url, order.storage_id)
    with reporting_liveness(read_command, send, finishes=bool(order.checkpoints), alone=team.size == 1) as loaded:
        trainer, resumed_from = begin(order, storage, device, team, send)
        loaded.set()
        send(Started(facts=trainer.facts, resumed_from=resumed_from))
        saver = Saver(order, storage, trainer, send)
        try:
            _run(trainer, saver, read_command, send)
        except Diverged as error:
            send(_last_row(error))
            raise
        _end(trainer, saver, order, read_command, send)


def _last_row(error: Diverged) -> StepDone | EpochDone:
    """The step or the epoch whose loss diverged, so that its row is recorded."""
    match error.metrics:
        case StepMetrics():
            return StepDone(metrics=error.metrics)
        case EpochMetrics():
            return EpochDone(metrics=error.metrics)


def _run(trainer: Trainer, saver: Saver, read_command: ReadCommand, send: Send) -> None:
    """Train until every epoch is done, or the supervisor has sent a command."""
    is_told = _saying_alive(lambda: read_command() is not None, send)
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


def _end(trainer: Trainer, saver: Saver, order: Order, read_command: ReadCommand, send: Send) -> None:
    """Store the last checkpoint or the weights, and report the end."""
    command, progress = read_command(), trainer.progress
    # Decided by what is trained, not by the command: one that comes during the last evaluation must not undo a success.
    finished = progress.finished(order.spec)
    if (not finished and trainer.team.size > 1) or (command is Command.SAVE and not finished):
        saver.save_and_wait()  # every process of a team must take part, whatever command it has read
    saver.wait()
    weights = best_weights = predictions = None
    has_trained = (progress.epoch, progress.step) != (0, 0)
    wanted = has_trained and (finished or command is Command.FINISH)
    if trainer.team.any_process_says(wanted, device=trainer.device)[0]:
        trainer.prepare_weights(_saying_alive(lambda: read_command() is Command.QUIT, send))
    judges = finished and _judges(order, trainer)
    if judges:
        predictions = _store_predictions(trainer, saver, read_command, send)
    elif finished and trainer.team.rank == 0:
        _say_that_none_are_stored(trainer, send)
    if trainer.team.rank == 0 and wanted:
        weights, best_weights = saver.store_weights_and_best(read_command) or (None, None)
    network_input = NetworkInput.of(asdict(trainer.inputs)) if weights else None
    if finished and weights and (predictions or not judges):
        send(
            Succeeded(
                stopped_early=progress.stopped_early,
                epochs=progress.epoch,
                weights=weights,
                best_weights=best_weights,
                predictions=predictions,
                network_input=network_input,
            )
        )
    else:
        send(
            Halted(
                epoch=progress.epoch,
                step=progress.step,
                weights=weights,
                best_weights=best_weights,
                network_input=network_input,
            )
        )


def _judges(order: Order, trainer: Trainer) -> bool:
    """Whether predictions are stored: what the job's evaluation is made from, and what audits judge labels by."""
    if order.spec.validation_fold is not None:
        return True
    return trainer.evaluator.prediction_bytes <= MOST_BYTES


def _say_that_none_are_stored(trainer: Trainer, send: Send) -> None:
    mebibytes, most = trainer.evaluator.prediction_bytes / 2**20, MOST_BYTES // 2**20
    message = (
        f"Its predictions would take {mebibytes:,.0f} MiB, and are stored up to {most} MiB: it has no evaluation of "
        "its own. Its trained model can be evaluated: POST /v1/models/{model}/evaluations."
    )
    send(Trouble(event="predictions_left_out", message=message))


def _store_predictions(trainer: Trainer, saver: Saver, read_command: ReadCommand, send: Send) -> StoredFile | None:
    """Every process of a team takes part, and the first one stores them. None in the others, and after Command.QUIT."""
    try:
        found = trainer.predictions(_saying_alive(lambda: read_command() is Command.QUIT, send))
    except EvaluationStopped:
        return None
    return saver.store_predictions(found, read_command) if trainer.team.rank == 0 else None


def _saying_alive(is_told: Callable[[], bool], send: Send) -> Callable[[], bool]:
    """`is_told`, which training calls between steps; each call is a sign of life, and Alive is sent at most once in
    ALIVE_SECONDS."""
    said_at = time.monotonic()

    def asked() -> bool:
        nonlocal said_at
        if time.monotonic() - said_at >= ALIVE_SECONDS:
            said_at = time.monotonic()
            send(Alive())
        return is_told()

    return asked
