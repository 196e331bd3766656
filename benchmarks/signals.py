"""What the signals of an epoch cost: gradient norms, update ratios and dead units (training/engine/signals.py).

    make bench-signals

Steps on CIFAR-100's images, each batch twice: once measured and once not, in alternating order. The medians differ by
what a measured step costs more; the share of an epoch follows from how many of its steps are measured. Processor time
is taken, so that other programs on the machine disturb little; on a GPU, the time until it is done.
"""

import argparse
import statistics
import time
from itertools import cycle, islice
from unittest.mock import patch

import torch

from benchmarks.result import print_table, save
from training.engine.data import Dataset, Split
from training.engine.signals import is_measured
from training.engine.trainer import Trainer
from training.metrics import StepChoice
from training.spec import TrainingSpec

GOAL = 0.01
CASES = (  # architecture, precision, side of the images in pixels, images an epoch
    ("resnet20", "fp32", 32, 50_000),
    ("resnet20", "bf16", 32, 50_000),
    ("resnet18", "bf16", 32, 50_000),
    ("resnet20", "fp32", 8, 1_437),
)


def images_of(side: int, images: int) -> Dataset:
    """Random ones: what they show costs nothing."""
    pixels = torch.randint(256, (images, side, side, 3), dtype=torch.uint8)
    split = Split(pixels, torch.arange(images) % 10)
    return Dataset("random", tuple(map(str, range(10))), split, split, "arrays")


def measure(architecture: str, precision: str, side: int, pairs: int, device: torch.device) -> tuple[float, float]:
    """Median seconds of a step without and with signals."""
    body = {"dataset": "random", "architecture": architecture, "precision": precision, "compile": "off"}
    trainer = Trainer(TrainingSpec.model_validate(body), images_of(side, 512), device)
    trainer.step.use(StepChoice(precision=trainer.step.choice.precision), trainer.batches.shape)
    batches = [list(parts()) for parts in trainer.batches.epoch(0)]
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for number, batch in enumerate(islice(cycle(batches), pairs + 2)):
        for measured in (False, True) if number % 2 else (True, False):
            with patch("training.engine.step.is_measured", lambda _step, answer=measured: answer):
                began = _now(device)
                trainer.step(lambda parts=batch: iter(parts), 128, 0, 1)  # type: ignore[misc]
                if number > 1:  # the first warm up
                    seconds[measured].append(_now(device) - began)
    return statistics.median(seconds[False]), statistics.median(seconds[True])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=40)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows, found = [], []
    for architecture, precision, side, images in CASES:
        plain, measured = measure(architecture, precision, side, arguments.pairs, device)
        steps = images // 128 + (images % 128 > 1)
        share = (measured / plain - 1) * sum(map(is_measured, range(steps))) / steps
        rows.append((f"{architecture} {precision}, {side} pixels", f"{measured / plain - 1:.1%}", f"{share:.2%}"))
        found.append(
            {
                "architecture": architecture,
                "precision": precision,
                "image_size": side,
                "steps_per_epoch": steps,
                "step_seconds": round(plain, 5),
                "of_a_measured_step": round(measured / plain - 1, 4),
                "of_the_training": round(share, 5),
            }
        )
    print_table(("batches of 128", "of a measured step", f"of the training (goal: {GOAL:.0%})"), rows)
    print(f"Kept in {save('signals', ['torch'], {'pairs': arguments.pairs, 'goal': GOAL, 'cases': found})}.")


if __name__ == "__main__":
    main()
