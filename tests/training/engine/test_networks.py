import math
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
import torch
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from training.engine.networks import ResidualBlock, build_network
from training.plan import NetworkPlan, count_flops, count_parameters, draws_random_numbers, network_plan
from training.spec import (
    Activation,
    Architecture,
    CifarDepth,
    CifarResNet,
    CifarResNext,
    CifarResNextName,
    ImageNetDepth,
    ImageNetResNextName,
    PyramidNet,
    PyramidNetName,
    ResNet,
    ResNext,
    Stem,
    WideResNet,
    WideResNetName,
)

STEMS: tuple[Stem, ...] = get_args(Stem)
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
EVERY_ARCHITECTURE: list[Architecture] = [
    *(CifarResNet(name=name) for name in get_args(CifarDepth)),
    *(ResNet(name=name, stem=stem) for name, stem in product(get_args(ImageNetDepth), STEMS)),
    *(CifarResNext(name=name) for name in get_args(CifarResNextName)),
    *(ResNext(name=name, stem=stem) for name, stem in product(get_args(ImageNetResNextName), STEMS)),
    *(WideResNet(name=name) for name in get_args(WideResNetName)),
    *(PyramidNet(name=name) for name in get_args(PyramidNetName)),
]
# Between them they have every kind of block and of layer.
VARIANTS: dict[str, Architecture] = {
    "cifar": CifarResNet(name="resnet20"),
    "imagenet": ResNet(name="resnet50", stem="imagenet"),
    "cifar preactivated": CifarResNet(name="resnet20", preactivation=True, activation="maxout", stochastic_depth=0.3),
    "preactivated": ResNet(name="resnet50", preactivation=True, squeeze_excitation=True, dropout=0.2),
    "resnext": ResNext(name="resnext50-32x4d", activation="mish", zero_init_last_norm=True),
    "wide": WideResNet(name="wrn-16-2", block_dropout=0.3, activation="leaky_relu"),
    "pyramid": PyramidNet(name="pyramidnet-110-48", shake_drop=0.5, squeeze_excitation=True, activation="elu"),
    "pyramid without shortcuts": PyramidNet(name="pyramidnet-110-48", residual=False, activation="gelu"),
    "without shortcuts": ResNet(name="resnet18", residual=False, squeeze_excitation=True, activation="maxout"),
}
EVERY_VARIANT = pytest.mark.parametrize("architecture", VARIANTS.values(), ids=VARIANTS)


def build(architecture: Architecture, image_size: int = 8, channels: int = 3, classes: int = 10) -> nn.Module:
    return build_network(network_plan(architecture, image_size, channels, classes))


def short_plan(architecture: Architecture, image_size: int = 8, channels: int = 3, classes: int = 10) -> NetworkPlan:
    """The first block of each stage: the ones that change the shape, in a fraction of the time.

    None of a PyramidNet's blocks fits behind any but its predecessor: of those without bottlenecks, one with three
    blocks a stage that no spec can name, and the others whole.
    """
    if isinstance(architecture, PyramidNet):
        shorter = architecture.model_copy(update={"name": architecture.name.replace("-110-", "-20-")})
        return network_plan(shorter, image_size, channels, classes)
    plan = network_plan(architecture, image_size, channels, classes)
    return replace(plan, stages=tuple(stage[:1] for stage in plan.stages))


def build_short(architecture: Architecture, channels: int = 3) -> nn.Module:
    return build_network(short_plan(architecture, channels=channels))


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


# The smallest image, CIFAR-100, an odd size, and the largest image.
@pytest.mark.parametrize(("image_size", "channels", "classes"), [(8, 1, 2), (32, 3, 100), (75, 3, 7), (1024, 1, 3)])
@EVERY_VARIANT
def test_plan_counts_what_torch_counts(
    architecture: Architecture, image_size: int, channels: int, classes: int
) -> None:
    assert_counts(short_plan(architecture, image_size, channels, classes))


@pytest.mark.parametrize("architecture", EVERY_ARCHITECTURE, ids=repr)
def test_plan_of_every_architecture_counts_what_torch_counts(architecture: Architecture) -> None:
    assert_counts(short_plan(architecture, image_size=67))


def test_plan_of_a_whole_network_counts_what_torch_counts() -> None:
    assert_counts(network_plan(ResNet(name="resnet50"), image_size=32, channels=3, classes=100))


def assert_counts(plan: NetworkPlan) -> None:
    with torch.device("meta"):
        network = build_network(plan).eval()
        images = torch.empty(2, plan.channels, plan.image_size, plan.image_size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert network(images).shape == (2, plan.classes)
    assert count_parameters(plan) == sum(parameter.numel() for parameter in network.parameters())
    # torch counts a multiply-accumulate as two operations; the batch has two images.
    assert 2 * 2 * count_flops(plan) == counter.get_total_flops()


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Any that the spec accepts."""
    plain = draw(st.sampled_from(EVERY_ARCHITECTURE))
    fields: dict[str, st.SearchStrategy[Any]] = {
        "activation": st.sampled_from(ACTIVATIONS),
        "residual": st.booleans(),
        "squeeze_excitation": st.booleans(),
        "zero_init_last_norm": st.booleans(),
        "preactivation": st.booleans(),
        **dict.fromkeys(("stochastic_depth", "dropout", "block_dropout", "shake_drop"), st.sampled_from((0.0, 0.5))),
    }
    said = {name: draw(values) for name, values in fields.items() if name in type(plain).model_fields}
    try:
        return TypeAdapter[Architecture](Architecture).validate_python({**plain.model_dump(), **said})
    except ValidationError:
        reject()


@settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(architectures())
def test_any_architecture_takes_a_step_on_two_images_of_8_pixels(architecture: Architecture) -> None:
    network = build_short(architecture)
    loss = functional.cross_entropy(network(torch.randn(2, 3, 8, 8)), torch.arange(2))
    loss.backward()
    assert loss.isfinite()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("image_size", [8, 17])
@EVERY_VARIANT
def test_every_parameter_and_the_images_get_a_gradient(architecture: Architecture, image_size: int) -> None:
    undisturbed = {"stochastic_depth": 0.0, "shake_drop": 0.0, "zero_init_last_norm": False}
    update = {name: value for name, value in undisturbed.items() if name in type(architecture).model_fields}
    network = build_short(architecture.model_copy(update=update), channels=1)
    images = torch.randn(4, 1, image_size, image_size, requires_grad=True)
    inputs = {"images": images, **dict(network.named_parameters())}
    loss = functional.cross_entropy(network(images), torch.arange(4))
    for name, gradient in zip(inputs, torch.autograd.grad(loss, list(inputs.values())), strict=True):
        assert gradient.isfinite().all(), name
        assert gradient.any(), name


def test_weights_start_as_he_et_al_drew_them() -> None:
    network = build(ResNet(name="resnet50", stem="imagenet"))
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            # The standard error of a deviation over n draws is 1 / sqrt(2 n) of it; five of them are 1 in 10^6.
            tolerance = 5 / math.sqrt(2 * module.weight.numel())
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=tolerance), name
            assert module.weight.mean().abs() < 5 * math.sqrt(2 / fan_out / module.weight.numel()), name
            assert module.bias is None, name
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all(), name
            assert (module.bias == 0).all(), name
    bound = 1 / math.sqrt(2048)  # of torch's own uniform distribution in a linear layer
    for parameter in network.get_submodule("head.linear").parameters():
        assert 0.8 * bound < parameter.abs().max() <= bound


@pytest.mark.parametrize(
    "architecture",
    [
        ResNet(name="resnet18", zero_init_last_norm=True),
        ResNet(name="resnet50", zero_init_last_norm=True, squeeze_excitation=True, activation="sigmoid"),
        ResNet(name="resnet18", zero_init_last_norm=True, preactivation=True, activation="sigmoid"),
        WideResNet(name="wrn-16-2", zero_init_last_norm=True),
        PyramidNet(name="pyramidnet-110-48", zero_init_last_norm=True),
    ],
    ids=repr,
)
def test_blocks_may_start_as_their_shortcuts_and_still_learn(architecture: Architecture) -> None:
    network = build_short(architecture)
    branches = [module for name, module in network.named_modules() if name.endswith(".branch")]
    outputs: list[Tensor] = []
    for branch in branches:
        branch.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.clone()))
    functional.cross_entropy(network(torch.randn(4, 3, 8, 8)), torch.arange(4)).backward()
    assert len(outputs) == len(branches)
    assert not any(output.any() for output in outputs)
    for branch in branches:
        last = [module for module in branch.children() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)][-1]
        assert last.weight.grad is not None
        assert last.weight.grad.any()


def test_the_generators_seed_decides_the_weights() -> None:
    first = build(CifarResNet(name="resnet20")).state_dict()
    torch.manual_seed(0)
    again = build(CifarResNet(name="resnet20")).state_dict()
    other = build(CifarResNet(name="resnet20")).state_dict()
    assert all(first[name].equal(again[name]) for name in first)
    assert not first["head.linear.weight"].equal(other["head.linear.weight"])


@EVERY_VARIANT
def test_the_generators_seed_decides_a_step(architecture: Architecture) -> None:
    network = build_short(architecture)
    images = torch.randn(8, 3, 8, 8)
    logits = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        logits.append(network(images))
    assert logits[0].equal(logits[1])
    draws = draws_random_numbers(network_plan(architecture, 8, 3, 10))
    assert logits[0].equal(logits[2]) is not draws
    evaluated = network.eval()(images)
    torch.manual_seed(3)
    assert evaluated.equal(network(images))


@EVERY_VARIANT
def test_feature_maps_stay_in_channels_last(architecture: Architecture) -> None:
    network = build_short(architecture)
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        network(images)  # so that running statistics are of such images
        expected = network.eval()(images)
    feature_maps: list[Tensor] = []
    for module in network.modules():
        module.register_forward_hook(lambda _module, _inputs, output: feature_maps.append(output))
    network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)
    network.train()(images)
    with_pixels = [features for features in feature_maps if features.dim() == 4]
    assert len(with_pixels) > 20
    assert all(features.is_contiguous(memory_format=torch.channels_last) for features in with_pixels)


@EVERY_VARIANT
def test_forward_and_backward_under_bf16_autocast(architecture: Architecture) -> None:
    network = build_short(architecture)
    dtypes = set()
    for name, module in network.named_modules():
        if "." in name and name != "head.linear":
            module.register_forward_hook(lambda _module, _inputs, output: dtypes.add(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(torch.randn(4, 3, 20, 20))  # 8 pixels are too small for the ImageNet stem
        loss = functional.cross_entropy(logits, torch.arange(4))
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    assert logits.dtype == torch.bfloat16
    assert dtypes == {torch.bfloat16}  # no layer falls back to float32, which would be twice as much memory to move
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


def test_compiles_to_one_graph_with_the_same_gradients() -> None:
    network = build_short(CifarResNet(name="resnet20"))
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    gradients = []
    for forward in (network, torch.compile(network, fullgraph=True, backend="aot_eager")):
        loss = functional.cross_entropy(forward(images), labels)
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("variant", ["cifar preactivated", "preactivated", "wide", "pyramid", "without shortcuts"])
def test_every_kind_of_block_compiles_to_one_graph(variant: str) -> None:
    plan = network_plan(VARIANTS[variant], image_size=32, channels=3, classes=10).stages[1][0]
    block = ResidualBlock(plan)
    first = next(module for module in block.modules() if isinstance(module, nn.Conv2d))
    features = torch.randn(4, first.in_channels, 4, 4)
    torch.compiler.reset()  # it would refuse to compile one method for ever more shapes
    results = []
    for forward in (block, torch.compile(block, fullgraph=True, backend="aot_eager")):
        torch.manual_seed(1)
        output = forward(features)
        gradients = torch.autograd.grad(output.square().sum(), list(block.parameters()))
        results.append((output, *gradients))
    torch.testing.assert_close(results[1], results[0])


def test_names_of_parameters_are_those_of_the_checkpoints() -> None:
    names = build(ResNet(name="resnet18")).state_dict().keys()
    assert {name.rpartition(".")[0] for name in names if name.startswith(("stem.", "stage2.block1.", "head."))} == {
        "stem.convolution",
        "stem.norm",
        "stage2.block1.branch.convolution1",
        "stage2.block1.branch.norm1",
        "stage2.block1.branch.convolution2",
        "stage2.block1.branch.norm2",
        "stage2.block1.shortcut.convolution",
        "stage2.block1.shortcut.norm",
        "head.linear",
    }


def test_names_of_what_some_networks_have_besides() -> None:
    architecture = ResNet(name="resnet18", preactivation=True, squeeze_excitation=True, activation="maxout")
    names = build(architecture).state_dict().keys()
    assert {name.rpartition(".")[0] for name in names if name.startswith(("stage2.block1.", "head."))} == {
        "stage2.block1.preactivation.norm",
        "stage2.block1.preactivation.maxout.maps",
        "stage2.block1.branch.convolution1",
        "stage2.block1.branch.norm",
        "stage2.block1.branch.maxout.maps",
        "stage2.block1.branch.convolution2",
        "stage2.block1.branch.excitation.squeeze",
        "stage2.block1.branch.excitation.activation.maps",
        "stage2.block1.branch.excitation.excite",
        "stage2.block1.shortcut.convolution",
        "head.norm",
        "head.maxout.maps",
        "head.linear",
    }
