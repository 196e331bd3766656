from collections.abc import Callable

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn, optim

from training.optimizers import build_optimizer
from training.schedules import learning_rate_at
from training.spec import Optimizer, Schedule

OPTIMIZERS: TypeAdapter[Optimizer] = TypeAdapter(Optimizer)
SCHEDULES: TypeAdapter[Schedule] = TypeAdapter(Schedule)
STEPS, EPOCHS = 7, 10


def trained(build: Callable[[nn.Module], optim.Optimizer]) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Linear(5, 3)
        inputs, wanted = torch.randn(16, 5), torch.randn(16, 3)
    optimizer = build(network)
    for _ in range(20):
        optimizer.zero_grad()
        (network(inputs) - wanted).square().mean().backward()
        optimizer.step()
    return network.weight.detach()


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (
            {"name": "sgd", "learning_rate": 0.2, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
            lambda network: optim.SGD(network.parameters(), 0.2, 0.8, weight_decay=0.01, nesterov=True),
        ),
        (
            {"name": "adam", "learning_rate": 0.02, "betas": [0.8, 0.9], "epsilon": 1e-6, "weight_decay": 0.1},
            lambda network: optim.Adam(network.parameters(), 0.02, (0.8, 0.9), 1e-6, 0.1),
        ),
        (
            {"name": "adamw", "learning_rate": 0.02, "betas": [0.8, 0.9], "epsilon": 1e-6, "weight_decay": 0.1},
            lambda network: optim.AdamW(network.parameters(), 0.02, (0.8, 0.9), 1e-6, 0.1),
        ),
    ],
)
def test_every_field_of_an_optimizer_reaches_torch(
    spec: dict[str, object], reference: Callable[[nn.Module], optim.Optimizer]
) -> None:
    ours = trained(lambda network: build_optimizer(OPTIMIZERS.validate_python(spec), network))
    torch.testing.assert_close(ours, trained(reference))


def rates(schedule: dict[str, object], peak: float = 0.4) -> list[float]:
    spec = SCHEDULES.validate_python(schedule)
    return [
        learning_rate_at(step, schedule=spec, peak=peak, steps_per_epoch=STEPS, epochs=EPOCHS)
        for step in range(STEPS * EPOCHS)
    ]


def torch_rates(build: Callable[[optim.Optimizer], optim.lr_scheduler.LRScheduler], peak: float = 0.4) -> list[float]:
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], peak)
    scheduler = build(optimizer)
    found = []
    for _ in range(STEPS * EPOCHS):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return [float(rate) for rate in found]


def test_constant() -> None:
    assert rates({"name": "constant"}) == [0.4] * 70


def test_cosine_is_torch_s() -> None:
    reference = torch_rates(lambda optimizer: optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS * EPOCHS, 0.05))
    assert rates({"name": "cosine", "final_learning_rate": 0.05}) == pytest.approx(reference)


def test_multistep_is_torch_s() -> None:
    milestones = [3 * STEPS, 8 * STEPS]
    reference = torch_rates(lambda optimizer: optim.lr_scheduler.MultiStepLR(optimizer, milestones, 0.2))
    assert rates({"name": "multistep", "milestones": [3, 8], "gamma": 0.2}) == pytest.approx(reference)


def test_warm_up_rises_to_the_peak_and_hands_over() -> None:
    warm = rates({"name": "cosine", "warmup_epochs": 2})
    assert warm[:14] == pytest.approx([0.4 * (step + 1) / 14 for step in range(14)])
    after = torch_rates(lambda optimizer: optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS * EPOCHS - 14))
    assert warm[14:] == pytest.approx(after[: STEPS * EPOCHS - 14])


def test_a_warm_up_does_not_move_milestones() -> None:
    assert rates({"name": "multistep", "milestones": [4], "warmup_epochs": 2})[27:29] == pytest.approx([0.4, 0.04])
