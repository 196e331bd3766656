"""A problem that is learned within milliseconds, for whatever needs an optimizer's steps."""

from typing import Any, get_args

import torch
from torch import Tensor, nn, optim

from training.engine.optimizers import SharpnessAware
from training.spec import Optimizer

KINDS: tuple[type[Any], ...] = get_args(get_args(Optimizer)[0])  # of optimizers' specs


def kind_name(kind: type[Any]) -> str:
    return str(kind().name)


def small_network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """With weights of four, two and one dimensions, smooth, without what makes rounding errors grow."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, bias=False),
            nn.BatchNorm2d(6),
            nn.Tanh(),
            nn.Conv2d(6, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(4 * 2 * 2, 3),
        ).to(dtype)


def images_and_labels(dtype: torch.dtype = torch.float32, batch: int = 0) -> tuple[Tensor, Tensor]:
    """Of three classes that differ by their mean brightness in one channel each."""
    generator = torch.Generator().manual_seed(2 + batch)
    labels = torch.arange(24) % 3
    images = torch.randn(24, 3, 6, 6, generator=generator, dtype=dtype)
    images[torch.arange(24), labels] += 1
    return images, labels


def trained(
    network: nn.Module, optimizer: optim.Optimizer, steps: int, sam: SharpnessAware | None = None
) -> list[float]:
    """The loss of each step."""
    images, labels = images_and_labels(next(network.parameters()).dtype)
    losses = []

    def backward() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        return loss.item()

    for _ in range(steps):
        losses.append(backward())
        if sam:
            with sam.at_worst_point():
                backward()
        optimizer.step()
    return losses
