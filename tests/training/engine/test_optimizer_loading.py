"""State that was saved and loaded goes on to the bit."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim

from tests.training.sameness import assert_same
from tests.training.small_problem import KINDS, images_and_labels, kind_name, small_network, trained
from training.engine.averages import build_average
from training.engine.checkpoints import load_checkpoint, save_checkpoint
from training.engine.optimizers import build_optimizer, set_learning_rates
from training.engine.schedules import PlateauWatch
from training.spec import Adam, Ema, Optimizer, Plateau, Regularisation, RmsProp, Swa


class Run:
    """What a trainer keeps, on a small problem."""

    def __init__(self, spec: Optimizer, regularisation: Regularisation, memory_format: torch.memory_format) -> None:
        self.network = small_network().to(memory_format=memory_format)
        self.optimizer = build_optimizer(spec, self.network)
        self.average = build_average(regularisation, self.network)
        self.plateau = PlateauWatch(Plateau(patience=0, gamma=0.7))
        self.scaler = torch.amp.GradScaler("cpu", init_scale=1024, growth_interval=2)

    def train(self, steps: range) -> None:
        assert self.average
        for step in steps:
            images, labels = images_and_labels(batch=step)
            set_learning_rates(self.optimizer, self.plateau.factor)
            loss = nn.functional.cross_entropy(self.network(images), labels)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()
            self.average.update(step)
            self.plateau.observe(loss.item())

    def state_dict(self) -> dict[str, Any]:
        assert self.average
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "plateau": self.plateau.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert self.average
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.plateau.load_state_dict(state["plateau"])
        self.scaler.load_state_dict(state["scaler"])


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_what_is_loaded_goes_on_to_the_bit(kind: type[Any], memory_format: torch.memory_format, tmp_path: Path) -> None:
    """Of every optimizer, of a scaled loss, of both averages and of the plateau schedule."""
    spec = kind(norm_weight_decay=0.0, **({"momentum": 0.5} if kind is RmsProp else {}))  # two groups
    path = tmp_path / "checkpoint.safetensors"
    by_step = memory_format == torch.channels_last
    average = Regularisation(ema=Ema(decay=0.9)) if by_step else Regularisation(swa=Swa(start_epoch=1))
    stopped = Run(spec, average, memory_format)
    stopped.train(range(3))
    save_checkpoint(stopped.state_dict(), path)
    resumed = Run(spec, average, memory_format)
    resumed.load_state_dict(load_checkpoint(path))
    for more in (range(0), range(3, 6)):
        stopped.train(more)
        resumed.train(more)
        assert_same(as_lists(resumed.state_dict()), stopped.state_dict())


def as_lists(state: Any) -> Any:
    """`state` with lists in place of tuples."""
    match state:
        case Mapping():
            return {key: as_lists(each) for key, each in state.items()}
        case list() | tuple():
            return [as_lists(each) for each in state]
        case _:
            return state


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_what_was_loaded_does_not_follow_the_optimizer_it_came_from(kind: type[Any]) -> None:
    network, other = small_network(), small_network()
    saved, loaded = build_optimizer(kind(), network), build_optimizer(kind(), other)
    trained(network, saved, 2)
    loaded.load_state_dict(saved.state_dict())
    before = deepcopy(loaded.state_dict())
    trained(network, saved, 2)
    torch.testing.assert_close(loaded.state_dict(), before, rtol=0, atol=0)


def test_a_loaded_optimizer_computes_in_its_own_way() -> None:
    """A state that another device's optimizer left behind: not fused there, fused here."""
    network, other = small_network(torch.float64), small_network(torch.float64)
    ours, theirs = build_optimizer(Adam(), network), optim.Adam(other.parameters(), foreach=True)
    theirs.param_groups[0]["peak_learning_rate"] = 1e-3
    trained(other, theirs, 3)
    network.load_state_dict(other.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert ours.param_groups[0]["fused"]
    assert not ours.param_groups[0]["foreach"]
    trained(other, theirs, 3)
    trained(network, ours, 3)
    for found, expected in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_what_is_kept_of_a_weight_takes_its_memory_format(kind: type[Any]) -> None:
    """Saved contiguously and loaded next to weights in channels_last, by which torch's fused kernels walk."""
    plain, wide = small_network(), small_network()
    saved = build_optimizer(kind(), plain)
    trained(plain, saved, 3)
    wide.load_state_dict(plain.state_dict())
    wide.to(memory_format=torch.channels_last)
    loaded = build_optimizer(kind(), wide)
    loaded.load_state_dict(saved.state_dict())
    trained(plain, saved, 2)
    trained(wide, loaded, 2)
    for ours, expected in zip(wide.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)
