"""How fast a GPU trains: images a second of each network in each way of computing a step, and the share of the
device's ceiling.

    python -m benchmarks.gpu_speed

Needs torch and torchvision with what they bring, and pydantic; takes less than eight minutes. Images are random: what
they show does not change how long they take.

The ceiling is arithmetic and memory one after the other: 6 operations for each multiply-accumulate of the forward
pass, at the rate that a large matrix product of bf16 reaches on this device; and 14 passes over each convolution's
output, 2 bytes a value, at the rate of a large copy. Both rates are measured here.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np
import torch

from benchmarks.result import print_table, save
from training.engine.augmentation import Examples
from training.engine.batches import Batches
from training.engine.data import Dataset
from training.engine.trainer import Trainer
from training.metrics import StepChoice
from training.plan import Convolution, Layers, MaxPool, NetworkPlan, count_flops
from training.spec import TrainingSpec

AUGMENTATION = {"crop": {"padding": 4}, "flip": True}
WARMING_SECONDS = 3.0
MEASURED_SECONDS = 8.0
MEMORY_PASSES = (
    14  # over each convolution's output: what forward, normalisation, activation and backward read and write
)
BYTES = 2  # of a bf16 value


@dataclass(frozen=True)
class Case:
    """A network on square images of `image_size` pixels a side."""

    architecture: str
    image_size: int
    batch_size: int
    images: int  # resident


CASES = (
    Case("resnet18", 32, 1024, 50_000),
    Case("resnet20", 32, 1024, 50_000),
    Case("wrn-28-10", 32, 512, 50_000),
    Case("resnet50", 224, 256, 4_096),
)


@dataclass(frozen=True)
class Ceiling:
    """Rates that the device reaches."""

    operations: float  # a second, in a matrix product of bf16
    bytes: float  # a second, read and written by a copy

    def images_per_second(self, plan: NetworkPlan) -> float:
        """Of training `plan`'s network, if nothing but arithmetic and memory took time."""
        arithmetic = 6 * count_flops(plan) / self.operations
        memory = MEMORY_PASSES * BYTES * _convolution_outputs(plan) / self.bytes
        return 1 / (arithmetic + memory)


def measure_ceiling(device: torch.device) -> Ceiling:
    """With a matrix product of 8192 and a copy of 4 GiB."""
    factor = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    source = torch.empty(2**32, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    product = _seconds(lambda: factor @ factor, times=20)
    copy = _seconds(lambda: target.copy_(source), times=20)
    return Ceiling(2 * 8192**3 / product, 2 * source.numel() / copy)


def measure(case: Case, choice: StepChoice, trainer: Trainer) -> dict[str, object]:
    """Images a second of whole steps, data and augmentation included, and the share that augmentation takes."""
    trainer.tuner.use(choice)
    began = time.perf_counter()
    _steps(trainer, WARMING_SECONDS)
    warming = time.perf_counter() - began
    images, seconds = _steps(trainer, MEASURED_SECONDS)
    augmentation = _augmentation_seconds(trainer.batches)
    return {
        "architecture": case.architecture,
        "image_size": case.image_size,
        "batch_size": case.batch_size,
        "mode": choice.mode,
        "images_per_second": round(images / seconds),
        "augmentation_share": round(augmentation / (seconds / (images / case.batch_size)), 4),
        "seconds_until_warm": round(warming, 1),
        "memory_bytes": torch.cuda.max_memory_allocated(),
    }


def _steps(trainer: Trainer, seconds: float) -> tuple[int, float]:
    """Train for about `seconds`: images, and seconds until the device had done them all."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    images = 0
    for epoch, step, parts in _endless(trainer.batches):
        trainer.step(parts, trainer.batches.images(step), epoch, step)
        images += trainer.batches.images(step)
        if step % 8 == 7:
            torch.cuda.synchronize()  # the host would run minutes ahead
            if time.perf_counter() - began > seconds:
                break
    torch.cuda.synchronize()
    return images, time.perf_counter() - began


def _endless(batches: Batches) -> Iterator[tuple[int, int, Callable[[], Iterator[Examples]]]]:
    epoch = 0
    while True:
        for step, parts in enumerate(batches.epoch(epoch)):
            yield epoch, step, parts
        epoch += 1


def _augmentation_seconds(batches: Batches) -> float:
    """Of making one batch's examples, alone."""
    parts = next(batches.epoch(0))
    return _seconds(lambda: list(parts()), times=30)


def _seconds(work: Callable[[], object], times: int) -> float:
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / times


def _convolution_outputs(plan: NetworkPlan) -> int:
    """Values that one image's convolutions put out."""
    size, values = _walk(plan.stem, plan.image_size)
    for block in chain.from_iterable(plan.stages):
        _, of_shortcut = _walk(block.shortcut or (), size)
        size, of_branch = _walk(block.branch, size)
        values += of_branch + of_shortcut
    return values


def _walk(layers: Layers, size: int) -> tuple[int, int]:
    """The size of what comes out of `layers`, and how many values their convolutions put out."""
    values = 0
    for layer in layers:
        if isinstance(layer, Convolution | MaxPool):
            size = (size + 2 * layer.padding - layer.kernel_size) // layer.stride + 1
        if isinstance(layer, Convolution):
            values += layer.out_channels * size**2
    return size, values


def _random_dataset(case: Case) -> Dataset:
    draw = np.random.default_rng(0)
    shape = (case.images, case.image_size, case.image_size, 3)
    images = draw.integers(0, 256, shape, dtype=np.uint8)
    labels = draw.integers(0, 100, case.images)
    return Dataset.of_arrays("random", images, labels, images[:1000], labels[:1000], [str(name) for name in range(100)])


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--only", choices=[case.architecture for case in CASES], help="one network")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA device: torch finds none.")
    device = torch.device("cuda")
    ceiling = measure_ceiling(device)
    torch.cuda.empty_cache()
    rows = []
    for case in CASES:
        if arguments.only not in (None, case.architecture):
            continue
        spec = TrainingSpec.model_validate(
            {
                "dataset": "random",
                "architecture": case.architecture,
                "batch_size": case.batch_size,
                "augmentation": AUGMENTATION,
                "precision": "bf16",
                "optimizer": {"name": "nesterov"},
            }
        )
        dataset = _random_dataset(case)
        for mode in ("eager", "graph", "compile"):
            torch.cuda.reset_peak_memory_stats()
            trainer = Trainer(spec, dataset, device)
            row = measure(case, StepChoice(mode=mode, precision="bf16"), trainer)
            most = ceiling.images_per_second(trainer.plan)
            rows.append(
                {**row, "ceiling": round(most), "of_ceiling": round(float(str(row["images_per_second"])) / most, 3)}
            )
            print(rows[-1], flush=True)
            del trainer
            torch.cuda.empty_cache()
    measured: dict[str, object] = {
        "device": torch.cuda.get_device_name(device),
        "ceiling": asdict(ceiling),
        "rows": rows,
    }
    path = save("gpu_speed", ["torch", "numpy"], measured)
    print_table(
        ("network", "pixels", "batch", "way", "images/s", "of ceiling", "augmenting"),
        [
            (
                str(row["architecture"]),
                str(row["image_size"]),
                str(row["batch_size"]),
                str(row["mode"]),
                f"{row['images_per_second']:,}",
                f"{row['of_ceiling']:.1%}",
                f"{row['augmentation_share']:.1%}",
            )
            for row in rows
        ],
    )
    print(f"Kept in {path}.")


if __name__ == "__main__":
    main()
