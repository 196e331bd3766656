"""An order carried out, alone or as one of a team: from the data to the saved weights."""

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict

import torch

from training.conflicts import SpecConflict
from training.data import Dataset, load_dataset
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.team import Team
from training.trainer import Trainer
from worker.causes import explain
from worker.messages import EpochDone, FactsFound, Failed, Order, Report, Started, StepDone, Stopped, Succeeded


def reports(order: Order, should_stop: Callable[[], bool]) -> Iterator[Report]:
    """Train, and report; the last report says how it ended. Raises nothing."""
    try:
        yield from _train(order, should_stop)
    except Exception as error:  # whatever a trainer dies of, its job must say so
        failure = explain(error)
        if failure.code == "internal":
            sys.stderr.write(f"trainer of {order.job_id} failed\n{traceback.format_exc()}")
        yield Failed(**asdict(failure))


def _train(order: Order, should_stop: Callable[[], bool]) -> Iterator[Report]:
    if len(order.devices) < order.spec.devices:
        reason = f"{order.spec.devices} accelerators are asked for, and the worker has {len(order.devices)}"
        raise SpecConflict(("devices",), reason)
    team = Team.from_launcher()
    device = torch.device(order.devices[team.rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where libraries allocate that are not told
    torch.set_num_threads(max(1, order.threads // team.size))
    trainer = Trainer(
        order.spec,
        _dataset(order),
        device,
        team=team,
        cache_dir=order.cache_dir,
        weights_dir=order.weights_dir,
    )
    yield Started(facts=trainer.facts)
    for measured in trainer.epochs(should_stop):
        yield _report(measured)
    # Not what was asked: a word that comes during the last evaluation takes no success away.
    if not trainer.progress.finished(order.spec):
        yield Stopped()
        return
    if team.rank == 0:
        trainer.save_weights(order.weights_dir / f"{order.job_id}.safetensors")
    yield Succeeded(stopped_early=trainer.progress.stopped_early)


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


def _report(measured: RunFacts | StepMetrics | EpochMetrics) -> Report:
    match measured:
        case RunFacts():
            return FactsFound(facts=measured)
        case StepMetrics():
            return StepDone(metrics=measured)
        case EpochMetrics():
            return EpochDone(metrics=measured)
