"""Which memory format computes a training step faster on which kind of processor: what the engine's default follows.

    make bench-formats

oneDNN takes the instructions that `ONEDNN_MAX_CPU_ISA` allows, so that one machine stands for every kind of processor
below its own. Each case is a process of its own, in which both formats take turns at the same batch: forward, backward
and update. One thread computes, and its own time on the processor is taken, so that what else the machine does counts
little; the fastest turn stands.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, get_args

from benchmarks.result import print_table, save
from training.metrics import MemoryFormat, Precision

KINDS = {"as it is": "DEFAULT", "AVX-512 with bf16": "AVX512_CORE_BF16", "AVX2": "AVX2"}
TURNS = 2
PRECISIONS: tuple[Precision, ...] = ("bf16", "fp32")


@dataclass(frozen=True)
class Case:
    """A network of images of `image_size` pixels, with batches of `batch_size`, on one kind of processor."""

    kind: str
    precision: Precision
    architecture: str
    batch_size: int
    image_size: int = 32


NETWORKS = (
    ("resnet18", 128, 32),
    ("resnet20", 128, 32),
    ("resnet20", 1000, 32),
    ("wrn-16-4", 128, 32),
    ("resnet18", 256, 32),
    ("resnet50", 32, 32),
    ("resnext50-32x4d", 16, 32),
    ("resnet18", 8, 224),
)


def cases() -> list[Case]:
    """bf16 only where the processor multiplies it: elsewhere nobody is given it unasked."""
    return [
        Case(kind, precision, *network)
        for precision in PRECISIONS
        for kind in KINDS
        for network in NETWORKS
        if (kind, precision) != ("AVX2", "bf16")
    ]


def turn(case: Case) -> dict[MemoryFormat, float]:
    """Images a second in each format."""
    import torch

    from training.engine.augmentation import Examples
    from training.engine.device.determinism import prepare_process
    from training.engine.networks import build_network
    from training.engine.optimizers import build_optimizer
    from training.engine.step import TrainingStep
    from training.engine.team import ALONE
    from training.metrics import StepChoice
    from training.plan import network_plan
    from training.spec import TrainingSpec

    torch.set_num_threads(1)
    device = torch.device("cpu")
    prepare_process(device, deterministic=False)
    body = {"dataset": "cifar100", "architecture": case.architecture, "optimizer": "nesterov"}
    spec = TrainingSpec.model_validate(body)
    plan = network_plan(spec.architecture, case.image_size, 3, 100)
    torch.manual_seed(0)
    network = build_network(plan).train()
    step = TrainingStep(network, build_optimizer(spec.optimizer, network), plan, spec, device, ALONE)
    images = torch.randn(case.batch_size, case.image_size, case.image_size, 3).permute(0, 3, 1, 2)
    examples = Examples(images, torch.randint(100, (case.batch_size,)))
    layouts: tuple[MemoryFormat, ...] = get_args(MemoryFormat)
    seconds: dict[MemoryFormat, list[float]] = {layout: [] for layout in layouts}
    for number in range(TURNS + 1):  # the first warms up
        for layout, found in seconds.items():
            step.use(StepChoice(memory_format=layout, precision=case.precision), images.shape)
            began = time.thread_time()
            step(lambda: iter((examples,)), case.batch_size, 0, number)
            if number:
                found.append(time.thread_time() - began)
    return {layout: round(case.batch_size / min(found), 1) for layout, found in seconds.items()}


def measured(case: Case) -> dict[str, Any]:
    """A row of the result."""
    command = [sys.executable, "-m", "benchmarks.memory_formats", "--turn", json.dumps(asdict(case))]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": KINDS[case.kind]}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    speeds = json.loads(output.splitlines()[-1])
    row = {**asdict(case), "images_per_second": speeds, "faster": max(speeds, key=lambda layout: speeds[layout])}
    print(row, flush=True)
    return row


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        print(json.dumps(turn(Case(**json.loads(arguments.turn)))))
        return
    rows = [measured(case) for case in cases()]
    layouts = get_args(MemoryFormat)
    print_table(
        ("processor", "precision", "network", "batch", *(f"{layout}, images/s" for layout in layouts)),
        [
            (
                row["kind"],
                row["precision"],
                f"{row['architecture']}, {row['image_size']} px",
                str(row["batch_size"]),
                *(f"{row['images_per_second'][layout]:.1f}" for layout in layouts),
            )
            for row in rows
        ],
    )
    print(f"Kept in {save('memory_formats', ['torch'], {'turns': TURNS, 'threads': 1, 'kinds': KINDS, 'rows': rows})}.")


if __name__ == "__main__":
    main()
