"""Optimizers from their specs, against torch's own with the same arguments and against closed formulas."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import nn, optim

from tests.training.small_problem import KINDS, images_and_labels, kind_name, small_network, trained
from training.engine.optimizers import build_optimizer, set_learning_rates
from training.engine.optimizers.muon import takes_muon
from training.spec import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Muon,
    NAdam,
    Nesterov,
    Optimizer,
    RmsProp,
    Sgd,
)

Build = Callable[[Iterable[nn.Parameter]], optim.Optimizer]


TORCH: list[tuple[Optimizer, Build]] = [
    (
        GradientDescent(learning_rate=0.2, weight_decay=0.01),
        lambda weights: optim.SGD(weights, 0.2, weight_decay=0.01, foreach=False),
    ),
    (
        Sgd(learning_rate=0.2, momentum=0.8, nesterov=True, weight_decay=0.01),
        lambda weights: optim.SGD(weights, 0.2, 0.8, weight_decay=0.01, nesterov=True, foreach=False),
    ),
    (
        Sgd(learning_rate=0.2, momentum=0.8, weight_decay=0.01),
        lambda weights: optim.SGD(weights, 0.2, 0.8, weight_decay=0.01, foreach=False),
    ),
    (
        Sgd(learning_rate=0.2, momentum=0.0, weight_decay=0.01),
        lambda weights: optim.SGD(weights, 0.2, weight_decay=0.01, foreach=False),
    ),
    (
        HeavyBall(learning_rate=0.2, momentum=0.8, weight_decay=0.01),
        lambda weights: optim.SGD(weights, 0.2, 0.8, weight_decay=0.01, foreach=False),
    ),
    (
        Nesterov(learning_rate=0.2, momentum=0.8, weight_decay=0.01),
        lambda weights: optim.SGD(weights, 0.2, 0.8, weight_decay=0.01, nesterov=True, foreach=False),
    ),
    (
        Adagrad(learning_rate=0.05, epsilon=1e-3, weight_decay=0.01),
        lambda weights: optim.Adagrad(weights, 0.05, eps=1e-3, weight_decay=0.01, foreach=False),
    ),
    (
        RmsProp(learning_rate=0.02, decay=0.9, momentum=0.5, epsilon=1e-3, weight_decay=0.01),
        lambda weights: optim.RMSprop(weights, 0.02, 0.9, 1e-3, 0.01, 0.5, foreach=False),
    ),
    (
        Adadelta(learning_rate=0.7, decay=0.8, epsilon=1e-3, weight_decay=0.01),
        lambda weights: optim.Adadelta(weights, 0.7, 0.8, 1e-3, 0.01, foreach=False),
    ),
    (
        Adam(learning_rate=0.02, betas=(0.8, 0.9), epsilon=1e-3, weight_decay=0.1),
        lambda weights: optim.Adam(weights, 0.02, (0.8, 0.9), 1e-3, 0.1, foreach=False),
    ),
    (
        AdamW(learning_rate=0.02, betas=(0.8, 0.9), epsilon=1e-3, weight_decay=0.1),
        lambda weights: optim.AdamW(weights, 0.02, (0.8, 0.9), 1e-3, 0.1, foreach=False),
    ),
    (
        NAdam(learning_rate=0.02, betas=(0.8, 0.9), epsilon=1e-3, momentum_decay=0.1, weight_decay=0.1),
        lambda weights: optim.NAdam(weights, 0.02, (0.8, 0.9), 1e-3, 0.1, 0.1, foreach=False),
    ),
]


def name_of(value: object) -> str:
    return "torch" if callable(value) else str(value.name)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("spec", "reference"), TORCH, ids=name_of)
def test_torch_s_optimizers_get_every_field(spec: Optimizer, reference: Build) -> None:
    """60 steps in float64; ours may be fused, the reference goes through one weight after the other."""
    ours, theirs = small_network(torch.float64), small_network(torch.float64)
    losses = trained(ours, build_optimizer(spec, ours), 60)
    expected = trained(theirs, reference(theirs.parameters()), 60)
    torch.testing.assert_close(losses, expected, rtol=1e-9, atol=1e-12)
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("spec", "reference"), TORCH, ids=name_of)
def test_what_torch_leaves_out_by_default_we_leave_out(spec: Optimizer, reference: Build) -> None:
    """No centring, no amsgrad, no dampening, no maximising: options that torch has and the spec does not."""
    network = small_network()
    ours, theirs = build_optimizer(spec, network), reference(network.parameters())
    for name, value in theirs.defaults.items():
        if name not in {"lr", "weight_decay", "fused", "foreach"}:
            assert ours.param_groups[0][name] == value, name


def by_formula(spec: GradientDescent | Sgd | HeavyBall | Nesterov, steps: int) -> list[nn.Parameter]:
    """v = momentum * v + gradient; weight = weight - learning_rate * v, or with Nesterov's look ahead."""
    network = small_network(torch.float64)
    images, labels = images_and_labels(torch.float64)
    momentum = 0.0 if isinstance(spec, GradientDescent) else spec.momentum
    ahead = isinstance(spec, Nesterov) or (isinstance(spec, Sgd) and spec.nesterov)
    weights = list(network.parameters())
    velocities = [torch.zeros_like(weight) for weight in weights]
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(images), labels)
        gradients = torch.autograd.grad(loss, weights)
        for place, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            penalised = gradient + spec.weight_decay * weight.detach()
            velocities[place] = momentum * velocities[place] + penalised
            step = penalised + momentum * velocities[place] if ahead else velocities[place]
            weight.data = weight.data - spec.learning_rate * step
    return weights


@pytest.mark.parametrize(
    "spec",
    [
        GradientDescent(learning_rate=0.2, weight_decay=0.01),
        Sgd(learning_rate=0.2, momentum=0.7, weight_decay=0.01),
        Sgd(learning_rate=0.2, momentum=0.7, nesterov=True),
        HeavyBall(learning_rate=0.1),
        Nesterov(learning_rate=0.1),
    ],
    ids=name_of,
)
def test_descent_and_momentum_are_their_formulas(spec: GradientDescent | Sgd | HeavyBall | Nesterov) -> None:
    network = small_network(torch.float64)
    trained(network, build_optimizer(spec, network), 30)
    for found, expected in zip(network.parameters(), by_formula(spec, 30), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_the_weight_decay_of_norms_and_biases_is_their_own(kind: type[Any]) -> None:
    network = small_network()
    for spec in (kind(norm_weight_decay=0.125), kind()):
        decays = {
            parameter: group["weight_decay"]
            for group in build_optimizer(spec, network).param_groups
            for parameter in group["params"]
        }
        assert len(decays) == len(list(network.parameters()))
        for parameter in network.parameters():
            if parameter.ndim == 1 and spec.norm_weight_decay is not None:
                expected = 0.125
            elif isinstance(spec, Muon) and not takes_muon(parameter):
                expected = spec.rest_weight_decay
            else:
                expected = spec.weight_decay
            assert decays[parameter] == expected


def test_a_network_of_nothing_but_norms_has_one_group() -> None:
    groups = build_optimizer(Sgd(norm_weight_decay=0.0), nn.BatchNorm2d(3)).param_groups
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(2, 0.0)]


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_a_factor_is_a_share_of_each_group_s_own_peak(kind: type[Any]) -> None:
    spec = kind(learning_rate=0.5, norm_weight_decay=0.0)
    optimizer = build_optimizer(spec, small_network())
    for factor in (0.25, 0.0, 1.0, 0.5):
        set_learning_rates(optimizer, factor)
        rates = {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
        for parameter, rate in rates.items():
            plain = isinstance(spec, Muon) and not takes_muon(parameter)
            assert rate == factor * (spec.rest_learning_rate if plain else 0.5)


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_a_learning_rate_of_zero_moves_nothing(kind: type[Any]) -> None:
    network, before = small_network(), small_network()
    optimizer = build_optimizer(kind(weight_decay=0.1), network)
    set_learning_rates(optimizer, 0.0)
    trained(network, optimizer, 2)
    for now, then in zip(network.parameters(), before.parameters(), strict=True):
        assert now.equal(then)
