"""Signals of an epoch: what they say, and that a run does not notice them."""

import math
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.engine.test_resume import EVERYTHING
from tests.training.samples import digits, epochs_of, spec, weights_of
from training.engine import signals
from training.engine.data.feeds import ResidentFeed
from training.engine.networks import build_network
from training.engine.networks.layers import ElementwiseActivation
from training.engine.signals import Signals, has_layers
from training.engine.team import ALONE
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, StepChoice
from training.plan import network_plan

CPU = torch.device("cpu")


def one_step(**fields: object) -> tuple[Trainer, EpochMetrics]:
    """A run of a single step, on 64 images."""
    run = Trainer(spec(batch_size=64, epochs=1, **fields), digits(64))
    return run, epochs_of(run)[0]


@pytest.mark.parametrize(
    "fields", [EVERYTHING, {"micro_batch_size": 16, "optimizer": "muon"}, {"architecture": {"name": "wrn-16-1"}}]
)
def test_a_run_that_is_measured_ends_in_the_same_weights(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(**{"epochs": 1, "batch_size": 32, "deterministic": True, **fields})
    monkeypatch.setattr(signals, "STEPS_APART", 2)
    measured = Trainer(wanted, digits(96))
    assert all(row.gradient_norm is not None and row.gradient_norm > 0 for row in epochs_of(measured))
    monkeypatch.setattr("training.engine.step.is_measured", lambda step: False)
    plain = Trainer(wanted, digits(96))
    assert [row.gradient_norm for row in epochs_of(plain)] == [None]
    assert weights_of(measured).equal(weights_of(plain))


@pytest.mark.parametrize("clipping", [None, 0.5])
def test_norms_are_those_of_the_gradients_before_clipping_and_of_what_a_step_changes(clipping: float | None) -> None:
    fields = {"optimizer": {"name": "gd", "learning_rate": 0.125}, "regularisation": {"gradient_clipping": clipping}}
    fields |= {"schedule": "constant"}
    run, row = one_step(**fields)
    start = Trainer(spec(batch_size=64, epochs=1, **fields), digits(64))
    before = {name: weight.detach().clone() for name, weight in start.network.named_parameters()}
    [examples] = next(start.batches.epoch(0))()
    start.network.train()
    start.step.forward_backward(examples, weight=1.0)
    gradients = {name: weight.grad for name, weight in start.network.named_parameters() if weight.grad is not None}
    norm = norm_of(gradients.values())
    changed = [weight.detach() - before[name] for name, weight in run.network.named_parameters()]
    assert row.gradient_norm == pytest.approx(norm, rel=1e-4)
    assert row.update_ratio == pytest.approx(norm_of(changed) / norm_of(before.values()), rel=1e-4)
    assert row.layers is not None
    for layer in row.layers:
        own = norm_of(value for name, value in gradients.items() if name.rpartition(".")[0] == layer.name)
        assert layer.gradient_norm == pytest.approx(own, rel=1e-4)


def norm_of(tensors: Any) -> float:
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors))


def bury(run: Trainer, name: str, share: float) -> None:
    """Shift so many of a normalisation's channels far below 0."""
    norm = run.network.get_submodule(name)
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.bias[: round(share * len(norm.bias))] = -1e6


def test_dead_units_are_channels_that_are_0_for_every_image() -> None:
    run = Trainer(spec(batch_size=64, epochs=1), digits(64))
    bury(run, "stage2.block1.branch.norm1", 0.25)
    row = epochs_of(run)[0]
    units = 16 * 7 + 32 * 6 + 64 * 6
    assert row.dead_units == pytest.approx(8 / units)
    assert row.layers is not None
    dead = {layer.name: layer.dead_units for layer in row.layers}
    assert {name for name, share in dead.items() if share} == {"stage2.block1.branch.convolution1"}
    assert dead["stage2.block1.branch.convolution1"] == 0.25
    assert dead["head.linear"] is None
    assert list(dead)[:2] == ["stem.convolution", "stage1.block1.branch.convolution1"]


@pytest.mark.parametrize("activation", ["leaky_relu", "sigmoid", "tanh", "maxout", "gelu"])
def test_activations_without_a_dead_zone_have_no_dead_units(activation: str) -> None:
    _, row = one_step(architecture={"name": "resnet20", "activation": activation})
    assert row.dead_units is None
    assert row.layers is not None
    assert {layer.dead_units for layer in row.layers} == {None}
    assert any(layer.name.endswith("maxout.maps") for layer in row.layers) == (activation == "maxout")


def test_a_layer_that_does_not_learn_has_no_gradient_norm() -> None:
    run = Trainer(spec(batch_size=64, epochs=1), digits(64))
    for weight in run.network.get_submodule("stem").parameters():
        weight.requires_grad = False
    run.step.signals = Signals(run.network, CPU, ALONE)
    row = epochs_of(run)[0]
    assert row.layers is not None
    assert [layer.name for layer in row.layers if layer.gradient_norm is None] == ["stem.convolution"]


@pytest.mark.parametrize(
    ("architecture", "behind"),
    [
        (
            {"name": "resnet18", "squeeze_excitation": True},
            {
                "stage2.block1.branch.convolution2": "stage2.block1.activation.activation",
                "stage2.block1.shortcut.convolution": "stage2.block1.activation.activation",
                "stage2.block1.branch.excitation.squeeze": "stage2.block1.branch.excitation.activation",
                "stage2.block1.branch.excitation.excite": "stage2.block1.activation.activation",
            },
        ),
        (
            {"name": "wrn-16-1"},
            {
                "stem.convolution": "stage1.block1.branch.activation1",
                "stage1.block1.branch.convolution1": "stage1.block1.branch.activation2",
                "stage1.block1.branch.convolution2": "stage1.block2.branch.activation1",
                "stage3.block2.branch.convolution2": "head.activation",
            },
        ),
    ],
)
def test_the_activation_behind_a_layer(architecture: dict[str, Any], behind: dict[str, str]) -> None:
    network = build_network(network_plan(spec(architecture=architecture).architecture, 8, 1, 10))
    measured = Signals(network, CPU, ALONE)
    names = {module: name for name, module in network.named_modules()}
    found = {
        layer.name: None if layer.activation is None else names[measured._rectifying[layer.activation]]
        for layer in measured._layers
    }
    assert behind.items() <= found.items()
    weighted = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert list(found) == weighted


def test_where_hooks_cannot_be_had_units_are_measured_aside_and_leave_no_trace() -> None:
    run = Trainer(spec(batch_size=64, epochs=1, architecture={"name": "resnet20", "dropout": 0.5}), digits(64))
    bury(run, "stem.norm", 0.5)
    before = weights_of(run)
    run.step.choice = StepChoice(mode="compile", memory_format="contiguous")
    [examples] = next(run.batches.epoch(0))()
    run.network.train()
    random_before = torch.get_rng_state()
    run.step._watch_aside(examples.images)
    assert torch.get_rng_state().equal(random_before)
    assert weights_of(run).equal(before)
    assert run.network.training
    assert not any(module._forward_hooks for module in run.network.modules())
    found = {layer.name: layer.dead_units for layer in run.step.signals.read().layers}
    assert found["stem.convolution"] == 0.5


def test_a_step_whose_gradients_are_not_finite_does_not_count() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), ElementwiseActivation("relu"))
    [weight] = network.parameters()
    measured = Signals(network, CPU, ALONE)
    for value in (2.0, math.inf, 4.0):
        weight.grad = torch.full_like(weight, value)
        with measured.update(torch.tensor(2.0)), torch.no_grad():
            weight.add_(0.5 * weight)
    found = measured.read()
    assert found.gradient_norm == pytest.approx((1.0 + 2.0) / 2 * math.sqrt(2))
    assert found.update_ratio == pytest.approx(0.5)
    assert found.dead_units is None


def test_the_share_of_loading_is_of_the_time_in_which_a_step_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 <= (one_step()[1].loading_share or 0.0) < 0.3
    batches = ResidentFeed.batches

    def slow(*arguments: Any) -> Iterator[Any]:
        for batch in batches(*arguments):
            time.sleep(0.5)
            yield batch

    monkeypatch.setattr(ResidentFeed, "batches", slow)
    row = one_step()[1]
    assert row.loading_share is not None
    assert 0.5 / row.seconds <= row.loading_share <= 1


def test_a_long_run_has_layers_in_some_hundred_epochs_and_in_its_last() -> None:
    for epochs in (1, 99, 100, 101, 250, 10_000):
        found = [epoch for epoch in range(epochs) if has_layers(epoch, epochs)]
        assert min(epochs, 50) <= len(found) <= 101
        assert (found[0], found[-1]) == (0, epochs - 1)
        if epochs <= 100:
            assert len(found) == epochs
