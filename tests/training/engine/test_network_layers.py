"""Layers alone, against closed forms."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.engine.networks import ResidualBlock
from training.engine.networks.layers import ElementwiseActivation, LargerOfTwoMaps, SqueezeAndExcitation
from training.engine.networks.noise import RandomDepth, ShakenBranch
from training.plan import ElementwiseFunction
from training.plan.blocks import BlockShape, option_b, postactivated, preactivated, pyramidal
from training.spec import Activation

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
SAMPLES = 20_000
STANDARD_ERRORS = 5  # one false alarm in 10^6


@pytest.fixture(autouse=True)
def _same_draws_every_time() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("relu", lambda x: x.clamp(min=0)),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("sigmoid", lambda x: 1 / (1 + (-x).exp())),
        ("tanh", lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
        ("elu", lambda x: torch.where(x > 0, x, x.exp() - 1)),
        ("gelu", lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2),
        ("silu", lambda x: x / (1 + (-x).exp())),
        ("mish", lambda x: x * torch.tanh((1 + x.exp()).log())),
    ],
)
def test_activations_are_their_formulas(function: ElementwiseFunction, formula: object) -> None:
    assert callable(formula)
    values = torch.linspace(-4, 4, 101)
    torch.testing.assert_close(ElementwiseActivation(function)(values.clone()), formula(values))


def test_every_elementwise_activation_keeps_he_et_als_variance_to_within_a_factor_of_two() -> None:
    for function in get_args(ElementwiseFunction):
        kept = 2 * ElementwiseActivation(function)(torch.randn(100_000)).square().mean()
        assert 0.5 < kept < 2, function


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["postactivated", "preactivated", "pyramidal"])
def test_gradients_survive_what_is_computed_in_place(activation: Activation, kind: str) -> None:
    """Against finite differences: in place means that autograd must not need what was overwritten."""
    shape = BlockShape(in_channels=2, width=2, out_channels=3, stride=2)
    plan = {
        "postactivated": lambda: postactivated(shape, activation, option_b),
        "preactivated": lambda: preactivated(shape, activation, option_b, dropout=0.0),
        "pyramidal": lambda: pyramidal(shape, activation),
    }[kind]()
    block = ResidualBlock(plan).double()
    features = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in block.named_parameters()]

    def output(features: Tensor, *parameters: Tensor) -> Tensor:
        values = dict(zip(names, parameters, strict=True))
        result = torch.func.functional_call(block, values, (features.clone(),))
        assert isinstance(result, Tensor)
        return result

    assert torch.autograd.gradcheck(output, (features, *block.parameters()))


def test_maxout_is_the_larger_of_two_linear_maps() -> None:
    maxout = LargerOfTwoMaps(3)
    features = torch.randn(2, 3, 5, 4)
    nn.init.normal_(maxout.get_parameter("maps.bias"))
    weights, biases = maxout.maps.weight.flatten(1), maxout.get_parameter("maps.bias")
    maps = torch.einsum("oc,bchw->bohw", weights, features) + biases[:, None, None]
    torch.testing.assert_close(maxout(features), torch.stack((maps[:, :3], maps[:, 3:])).amax(0))


def test_maxout_starts_with_the_mean_square_of_its_input() -> None:
    maxout = LargerOfTwoMaps(512)
    features = torch.randn(64, 512, 2, 2) * 3
    assert maxout(features).square().mean().item() == pytest.approx(9, rel=0.05)
    nn.init.zeros_(maxout.maps.weight)
    assert not maxout(features).any()  # without bias at first


def test_squeeze_and_excitation_weighs_channels_by_their_means() -> None:
    layer = SqueezeAndExcitation(6, 2, ElementwiseActivation("relu"))
    features = torch.randn(3, 6, 4, 4)
    first = functional.linear(features.mean((2, 3)), layer.squeeze.weight.flatten(1), layer.squeeze.bias)
    gates = functional.linear(first.relu(), layer.excite.weight.flatten(1), layer.excite.bias).sigmoid()
    torch.testing.assert_close(layer(features), torch.einsum("bchw,bc->bchw", features, gates))
    assert gates.min() > 0.2
    assert gates.max() < 0.8


def factors(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """By what `layer` multiplies each of SAMPLES samples forward, and its gradient backward; one number a sample."""
    features = torch.rand(SAMPLES, 2, 3, 3) + 1
    features.requires_grad_()
    output = layer(features)
    gradient = torch.rand_like(output) + 1
    (back,) = torch.autograd.grad(output, features, gradient)
    ratios = []
    for ratio in (output / features, back / gradient):
        assert torch.allclose(ratio, ratio[:, :1, :1, :1], atol=1e-6)  # of a sample, everything alike
        ratios.append(ratio[:, 0, 0, 0].detach())
    return ratios[0], ratios[1]


def assert_mean(values: Tensor, expected: float) -> None:
    assert abs(values.mean().item() - expected) < STANDARD_ERRORS * values.std().item() / math.sqrt(len(values))


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_stochastic_depth_drops_samples_and_their_gradients(probability: float) -> None:
    forward, backward = factors(RandomDepth(probability))
    dropped = forward == 0
    assert_mean(dropped.float(), probability)
    torch.testing.assert_close(forward[~dropped], torch.full_like(forward[~dropped], 1 / (1 - probability)))
    torch.testing.assert_close(backward, forward)
    assert_mean(forward, 1)  # what evaluation multiplies by


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_shake_drop_shakes_samples_and_their_gradients_by_other_numbers(probability: float) -> None:
    forward, backward = factors(ShakenBranch(probability))
    shaken = (forward - 1).abs() > 1e-6
    assert_mean(shaken.float(), probability)
    torch.testing.assert_close(backward[~shaken], torch.ones_like(backward[~shaken]))
    alpha, beta = forward[shaken], backward[shaken]
    for numbers, low in ((alpha, -1), (beta, 0)):  # uniform: bounds, mean, variance
        width = 1 - low
        assert low - 1e-6 <= numbers.min() < low + 0.01 * width
        assert 1 - 0.01 * width < numbers.max() <= 1 + 1e-6
        assert_mean(numbers, (1 + low) / 2)
        assert numbers.var().item() == pytest.approx(width**2 / 12, rel=0.1)
    assert abs(torch.corrcoef(torch.stack((alpha, beta)))[0, 1]) < STANDARD_ERRORS / math.sqrt(len(alpha))
    assert_mean(forward, 1 - probability)  # what evaluation multiplies by
    assert_mean(backward, 1 - probability / 2)


def test_evaluation_is_the_expectation() -> None:
    features = torch.randn(5, 2, 3, 3)
    assert RandomDepth(0.3).eval()(features).equal(features)
    torch.testing.assert_close(ShakenBranch(0.3).eval()(features), 0.7 * features)


@pytest.mark.parametrize("layer", [RandomDepth(0.5), ShakenBranch(0.5)], ids=["depth", "shake"])
def test_noise_keeps_type_and_memory_format(layer: nn.Module) -> None:
    features = torch.randn(16, 4, 6, 6, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    for training in (True, False):
        output = layer.train(training)(features)
        assert output.dtype == torch.bfloat16
        assert output.is_contiguous(memory_format=torch.channels_last)


def test_no_gradient_flows_through_a_dropped_branch() -> None:
    block = ResidualBlock(postactivated(BlockShape(2, 2, 2), "relu", option_b))
    block.branch.add_module("depth", RandomDepth(0.999999))
    features = torch.rand(8, 2, 4, 4, requires_grad=True)
    output = block(features)
    output.sum().backward()
    assert output.equal(features)
    assert features.grad is not None
    assert features.grad.equal(torch.ones_like(features))
    assert not any(parameter.grad is None or parameter.grad.any() for parameter in block.branch.parameters())
