"""Our engine against a stock loop, and against a bare one, on this machine's processor.

    make bench-train

The stock loop is a tutorial's: torchvision transforms in a DataLoader with two workers, the network in fp32 as torch
builds it, the loss read each step. The bare one is what somebody who knows torch writes for speed alone: bf16 in
channels_last, images resident, crop and flip by indexing, nothing measured. Same network, starting weights, images,
batch and cores; each arm runs in a process of its own, in turns, so that a slow moment of the machine meets all.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.result import print_table, save
from settings import read_settings

GOAL = 2.0  # times the stock loop
BATCH_SIZE = 128
WARMING_STEPS = 4  # the engine looks for a faster step after the third
LOADER_WORKERS = 2
ARMS = ("stock", "bare", "engine")


@dataclass(frozen=True)
class Case:
    """A network, and how many steps are timed in a turn."""

    architecture: str
    steps: int


CASES = (Case("resnet18", 8), Case("resnet20", 60), Case("wrn-16-4", 12))


def stock_steps(spec: Any, dataset: Any) -> Iterator[None]:
    """A tutorial's loop; yields after each step."""
    import torch
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import transforms

    from training.engine.networks import build_network
    from training.plan import network_plan

    pipeline = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
        ]
    )
    pixels, labels = dataset.train.images.numpy(), dataset.train.labels.tolist()

    class Images(torch.utils.data.Dataset[tuple[Any, int]]):
        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            return pipeline(Image.fromarray(pixels[index])), labels[index]

    torch.manual_seed(spec.seed)
    network = build_network(network_plan(spec.architecture, 32, 3, len(dataset.classes)))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(Images(), BATCH_SIZE, shuffle=True, num_workers=LOADER_WORKERS, drop_last=True)
    network.train()
    while True:
        for images, targets in loader:
            optimizer.zero_grad()
            loss = criterion(network(images), targets)
            loss.backward()
            optimizer.step()
            loss.item()
            yield


def bare_steps(spec: Any, dataset: Any) -> Iterator[None]:
    """A loop with nothing in it that training does not need; yields after each step."""
    import torch
    from torch.nn.functional import cross_entropy, pad

    from training.engine.networks import build_network
    from training.plan import network_plan

    torch.manual_seed(spec.seed)
    network = build_network(network_plan(spec.architecture, 32, 3, len(dataset.classes)))
    network = network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )
    images = (dataset.train.images.permute(0, 3, 1, 2).float() / 255 - 0.48) / 0.27
    padded = pad(images, (4, 4, 4, 4)).permute(0, 2, 3, 1).contiguous()
    labels, places = dataset.train.labels, torch.arange(32)
    while True:
        for rows in torch.randperm(len(labels)).split(BATCH_SIZE)[:-1]:
            down, right = torch.randint(0, 9, (2, BATCH_SIZE, 1))
            columns = torch.where(torch.rand(BATCH_SIZE, 1) < 0.5, places, 31 - places) + right
            batch = padded[rows[:, None, None], (places + down)[:, :, None], columns[:, None]].permute(0, 3, 1, 2)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = cross_entropy(network(batch).float(), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


def loop_seconds(steps: Iterator[None], count: int) -> float:
    """Of `count` steps of a loop that yields after each."""
    for _ in range(WARMING_STEPS):
        next(steps)
    began = time.perf_counter()
    for _ in range(count):
        next(steps)
    return time.perf_counter() - began


def engine_seconds(spec: Any, dataset: Any, cache_dir: Path, count: int) -> float:
    """Of `count` steps of our trainer, with all that it measures and reports. It asks before each step whether to stop,
    which is when we look at the clock."""
    from training.engine.trainer import Trainer

    looked: list[float] = []

    def enough() -> bool:
        looked.append(time.perf_counter())
        return len(looked) > WARMING_STEPS + count

    for _ in Trainer(spec, dataset, cache_dir=cache_dir).epochs(enough):
        pass
    return looked[-1] - looked[WARMING_STEPS]


def turn(arm: str, case: Case) -> None:
    """One arm's turn, in a process of its own: prints images a second."""
    from benchmarks.cifar100 import load_cifar100  # with torch, which only a turn needs
    from training.spec import TrainingSpec

    cache_dir = read_settings().data_dir / "cache"
    spec = TrainingSpec.model_validate({"dataset": "cifar100", "recipe": "standard", "architecture": case.architecture})
    dataset = load_cifar100()
    if arm == "engine":
        seconds = engine_seconds(spec, dataset, cache_dir, case.steps)
    else:
        loop = stock_steps if arm == "stock" else bare_steps
        seconds = loop_seconds(loop(spec, dataset), case.steps)
    print(json.dumps(case.steps * BATCH_SIZE / seconds))


def measure(case: Case, rounds: int) -> dict[str, list[float]]:
    """Images a second of each arm, in turns."""
    speeds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm, found in speeds.items():
            command = [sys.executable, "-m", "benchmarks.train_speed", "--turn", arm, case.architecture]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append(round(json.loads(output.splitlines()[-1]), 1))
            print(f"{case.architecture} {arm}: {found[-1]} images/s", flush=True)
    return speeds


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[case.architecture for case in CASES])
    parser.add_argument("--turn", nargs=2, metavar=("ARM", "ARCHITECTURE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    by_name = {case.architecture: case for case in CASES}
    if arguments.turn:
        turn(arguments.turn[0], by_name[arguments.turn[1]])
        return
    rows: list[dict[str, object]] = []
    table = []
    for case in CASES if arguments.only is None else [by_name[arguments.only]]:
        speeds = measure(case, arguments.rounds)
        stock, bare, engine = (statistics.median(speeds[arm]) for arm in ARMS)
        rows.append(
            {
                "architecture": case.architecture,
                "images_per_second": speeds,
                "times_the_stock_loop": round(engine / stock, 2),
                "times_the_bare_loop": round(engine / bare, 2),
                "goal_reached": engine / stock >= GOAL,
            }
        )
        medians = [f"{value:.1f}" for value in (stock, bare, engine)]
        table.append((case.architecture, *medians, f"{engine / stock:.2f}", f"{engine / bare:.2f}"))
    print_table(("network", *(f"{arm}, images/s" for arm in ARMS), f"times stock (goal: {GOAL})", "times bare"), table)
    setup = {"batch_size": BATCH_SIZE, "loader_workers": LOADER_WORKERS, "goal": GOAL, "rows": rows}
    print(f"Kept in {save('train_speed', ['torch', 'torchvision'], setup)}.")


if __name__ == "__main__":
    main()
