"""SAM and ASAM against two passes written out, around every optimizer."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.sameness import assert_same
from tests.training.small_problem import KINDS, images_and_labels, kind_name, small_network, trained
from training.engine.optimizers import SharpnessAware, build_optimizer
from training.spec import Sam, Sgd

SAMS = [Sam(), Sam(rho=0.5), Sam(adaptive=True), Sam(rho=2.0, adaptive=True)]


def gradients_of(network: nn.Module) -> list[Tensor]:
    """Left in place as well."""
    images, labels = images_and_labels(next(network.parameters()).dtype)
    network.zero_grad()
    nn.functional.cross_entropy(network(images), labels).backward()
    return [weight.grad for weight in network.parameters() if weight.grad is not None]


def moves_of(sam: Sam, network: nn.Module) -> list[Tensor]:
    """By the papers' equations: rho * g / |g|, and rho * T^2 g / |T g| with T = |weight| + 0.01 and of biases 1."""
    gradients = gradients_of(network)
    scales = [torch.ones_like(gradient) for gradient in gradients]
    if sam.adaptive:
        for scale, (name, weight) in zip(scales, network.named_parameters(), strict=True):
            if not name.endswith("bias"):
                scale.copy_(weight.abs() + 0.01)
    scaled = [scale * gradient for scale, gradient in zip(scales, gradients, strict=True)]
    norm = torch.cat([each.flatten() for each in scaled]).norm()
    return [sam.rho * scale * each / norm for scale, each in zip(scales, scaled, strict=True)]


@pytest.mark.parametrize("sam", SAMS, ids=repr)
def test_the_worst_point_is_where_the_papers_say(sam: Sam) -> None:
    network = small_network(torch.float64)
    before = [weight.detach().clone() for weight in network.parameters()]
    expected = moves_of(sam, network)
    with SharpnessAware(sam, network).at_worst_point():
        for now, then, move in zip(network.parameters(), before, expected, strict=True):
            torch.testing.assert_close(now.detach(), then + move, rtol=1e-10, atol=1e-12)
        if not sam.adaptive:
            distance = torch.cat(
                [(now - then).flatten() for now, then in zip(network.parameters(), before, strict=True)]
            )
            assert distance.norm().item() == pytest.approx(sam.rho)


def test_the_loss_is_higher_at_the_worst_point() -> None:
    network = small_network()
    images, labels = images_and_labels()

    def loss() -> float:
        return nn.functional.cross_entropy(network(images), labels).item()

    before = loss()
    for sam in SAMS:
        gradients_of(network)
        with SharpnessAware(sam, network).at_worst_point():
            assert loss() > before + 0.01
    assert loss() == before


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("sam", SAMS, ids=repr)
def test_weights_and_statistics_come_back_to_the_bit(sam: Sam, memory_format: torch.memory_format) -> None:
    network = small_network().to(memory_format=memory_format)
    network.register_buffer("other_type", torch.arange(3, dtype=torch.float64))
    gradients_of(network)
    before = deepcopy(network.state_dict())
    places = [tensor.data_ptr() for tensor in network.state_dict().values()]
    with SharpnessAware(sam, network).at_worst_point():
        second = [gradient.clone() for gradient in gradients_of(network)]
        changed = {name for name, value in network.state_dict().items() if not value.equal(before[name])}
        assert changed == set(before) - {"other_type"}
    assert_same(network.state_dict(), before)
    assert [tensor.data_ptr() for tensor in network.state_dict().values()] == places
    for weight, gradient in zip(network.parameters(), second, strict=True):
        assert weight.grad is not None
        assert weight.grad.equal(gradient)


def test_a_failure_at_the_worst_point_brings_the_network_back() -> None:
    network = small_network()
    gradients_of(network)
    before = deepcopy(network.state_dict())
    with pytest.raises(ArithmeticError), SharpnessAware(Sam(rho=1.0), network).at_worst_point():
        raise ArithmeticError
    assert_same(network.state_dict(), before)


def test_gradients_that_are_not_finite_leave_the_weights_alone() -> None:
    """As a scaled loss in fp16 has them now and then; the scaler then leaves out the step."""
    network = small_network()
    gradients_of(network)
    before = deepcopy(network.state_dict())
    for weight in network.parameters():
        assert weight.grad is not None
        weight.grad.fill_(torch.inf)
    with SharpnessAware(Sam(), network).at_worst_point():
        gradients_of(network)
    assert_same(network.state_dict(), before)


def test_weights_without_a_gradient_do_not_move() -> None:
    network = small_network()
    network.get_parameter("0.weight").requires_grad_(False)
    before = network.get_parameter("0.weight").clone()
    gradients_of(network)
    with SharpnessAware(Sam(rho=1.0), network).at_worst_point():
        assert network.get_parameter("0.weight").equal(before)


def test_gradients_of_zero_move_nothing() -> None:
    network = small_network()
    for gradient in gradients_of(network):
        gradient.zero_()
    before = deepcopy(network.state_dict())
    with SharpnessAware(Sam(), network).at_worst_point():
        assert_same(network.state_dict(), before)


def by_two_passes(spec: Any, steps: int) -> Mapping[str, Tensor]:
    """Weights and statistics after `steps` steps: the second pass is a copy's."""
    network = small_network(torch.float64)
    optimizer = build_optimizer(spec, network)
    for _ in range(steps):
        moves = moves_of(spec.sam, network)
        other = deepcopy(network)
        with torch.no_grad():
            for weight, move in zip(other.parameters(), moves, strict=True):
                weight.add_(move)
        for weight, gradient in zip(network.parameters(), gradients_of(other), strict=True):
            weight.grad = gradient
        optimizer.step()
    return network.state_dict()


@pytest.mark.parametrize("sam", [Sam(rho=0.2), Sam(rho=0.5, adaptive=True)], ids=["SAM", "ASAM"])
@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_any_optimizer_steps_by_the_worst_point_s_gradients(kind: type[Any], sam: Sam) -> None:
    spec = kind(sam=sam)
    network = small_network(torch.float64)
    trained(network, build_optimizer(spec, network), 5, SharpnessAware(sam, network))
    for name, expected in by_two_passes(spec, 5).items():
        torch.testing.assert_close(network.state_dict()[name], expected, rtol=1e-6, atol=1e-8)


def test_sam_ends_in_a_flatter_place_than_sgd() -> None:
    """What it is for: the loss rises less around where it ends, after the same number of steps."""
    rises = []
    for sam in (None, Sam(rho=0.3)):
        network = small_network()
        trained(
            network,
            build_optimizer(Sgd(learning_rate=0.05), network),
            60,
            SharpnessAware(sam, network) if sam else None,
        )
        images, labels = images_and_labels()
        before = nn.functional.cross_entropy(network(images), labels).item()
        gradients_of(network)
        with SharpnessAware(Sam(rho=0.3), network).at_worst_point():
            rises.append(nn.functional.cross_entropy(network(images), labels).item() - before)
    assert rises[1] < rises[0]
