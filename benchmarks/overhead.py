"""The share of training that is not forward, backward and optimizer: data, augmentation, metrics, checkpoints, reports.

    make bench-overhead

Trains on CIFAR-100 with a report every ten steps and a checkpoint at the end, far more often than once an epoch, and
takes the time of forward, backward and update apart; on a GPU, the time between events on the device. Evaluation is no
part of it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import print_table, save
from settings import read_settings
from training.durable import write_durably
from training.engine.checkpoints import CheckpointWriter
from training.engine.progress import SavePoint
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics
from training.spec import TrainingSpec

GOAL = 0.05
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "crop and flip": {"crop": {}, "flip": True},
    "and TrivialAugment": {"crop": {}, "flip": True, "policy": "trivialaugment"},
    "and CutMix": {"crop": {}, "flip": True, "policy": "trivialaugment", "cutmix": {}},
}


class Stopwatch:
    """Adds up the time of calls, on the device where it is a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds = 0.0

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, timed."""

        def timing(*arguments: Any, **named: Any) -> Any:
            if self._cuda:
                began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                began.record()
                result = call(*arguments, **named)
                ended.record()
                self._events.append((began, ended))
                return result
            began_at = time.perf_counter()
            result = call(*arguments, **named)
            self._seconds += time.perf_counter() - began_at
            return result

        return timing

    def seconds(self) -> float:
        """So far; waits for the device."""
        if self._cuda:
            torch.cuda.synchronize()
        milliseconds: float = sum(began.elapsed_time(ended) for began, ended in self._events)
        return self._seconds + milliseconds / 1000


def measure(spec: TrainingSpec, dataset: Any, device: torch.device, steps: int) -> float:
    """The share, over `steps` steps after the first ten."""
    trainer = Trainer(spec, dataset, device, cache_dir=read_settings().data_dir / "cache")
    calls, watch, began, share = 0, Stopwatch(device), 0.0, 0.0

    def after_enough_steps() -> bool:
        nonlocal calls, began
        if calls == 10:
            # Timed where they are called, which mypy would rather not have.
            trainer.step.forward_backward = watch.timed(trainer.step.forward_backward)  # type: ignore[method-assign]
            trainer.step.optimizer.step = watch.timed(trainer.step.optimizer.step)  # type: ignore[method-assign]
            began = time.perf_counter()
        calls += 1
        return calls > 10 + steps

    with tempfile.TemporaryDirectory() as folder:
        writer = CheckpointWriter()
        for measured in trainer.epochs(after_enough_steps):
            if isinstance(measured, EpochMetrics):
                raise SystemExit("fewer steps than an epoch has, please: evaluation is not counted here")
            if not isinstance(measured, SavePoint):  # which nobody has asked for
                measured.model_dump_json()
        writer.save(trainer.state_dict(), partial(write_durably, Path(folder) / "checkpoint.safetensors"))
        at_work = watch.seconds()
        share = 1 - at_work / (time.perf_counter() - began)
        writer.wait()
    return share


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--architecture", default="resnet20")
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dataset = load_cifar100()
    shares = {}
    for name, augmentation in AUGMENTATIONS.items():
        body = {"dataset": "cifar100", "architecture": arguments.architecture, "augmentation": augmentation}
        shares[name] = round(measure(TrainingSpec.model_validate(body), dataset, device, arguments.steps), 4)
    rows = [(name, f"{share:.1%}", "yes" if share <= GOAL else "NO") for name, share in shares.items()]
    print_table(("augmentation", "share of the time", f"at most {GOAL:.0%}"), rows)
    measured = {"architecture": arguments.architecture, "steps": arguments.steps, "goal": GOAL, "shares": shares}
    print(f"Kept in {save('overhead', ['torch'], measured)}.")


if __name__ == "__main__":
    main()
