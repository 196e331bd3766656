"""Networks against torchvision's, and their blocks against the papers' formulas."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from training.engine.networks import ResidualBlock, build_network
from training.plan import BatchNorm, Convolution, Elementwise, GlobalAveragePool, Linear, network_plan
from training.spec import (
    Architecture,
    CifarResNet,
    CifarResNext,
    ImageNetResNextName,
    PyramidNet,
    ResNet,
    ResNext,
    WideResNet,
)


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("architecture", "reference"),
    [
        (ResNet(name="resnet18", stem="imagenet"), torchvision.models.resnet18),
        (ResNet(name="resnet50", stem="imagenet"), torchvision.models.resnet50),
        (ResNext(name="resnext50-32x4d", stem="imagenet"), torchvision.models.resnext50_32x4d),
    ],
)
def test_resnets_with_the_imagenet_stem_are_torchvisions(
    architecture: Architecture, reference: Callable[..., nn.Module]
) -> None:
    theirs = reference(num_classes=10)
    ours = build_network(network_plan(architecture, image_size=40, channels=3, classes=10))
    # Both list each block's branch in front of its shortcut, so the order of their weights is the same.
    with torch.no_grad():
        for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert our.shape == their.shape
            our.copy_(their)
    images, labels = torch.randn(4, 3, 40, 40), torch.arange(4)
    for training in (True, False):  # by the batch's statistics, then by the running ones that it left
        our_logits, their_logits = ours.train(training)(images), theirs.train(training)(images)
        torch.testing.assert_close(our_logits, their_logits)
        our_gradients = torch.autograd.grad(functional.cross_entropy(our_logits, labels), list(ours.parameters()))
        their_gradients = torch.autograd.grad(functional.cross_entropy(their_logits, labels), list(theirs.parameters()))
        torch.testing.assert_close(our_gradients, their_gradients)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("resnext101-32x8d", torchvision.models.resnext101_32x8d),
        ("resnext101-64x4d", torchvision.models.resnext101_64x4d),
    ],
)
def test_the_large_resnexts_have_the_layers_of_torchvisions(
    name: ImageNetResNextName, reference: Callable[[], nn.Module]
) -> None:
    plan = network_plan(ResNext(name=name), image_size=224, channels=3, classes=1000)
    with torch.device("meta"):
        ours, theirs = build_network(plan), reference()

    def shapes(network: nn.Module) -> list[object]:
        convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
        return [(module.weight.shape, module.stride, module.padding, module.groups) for module in convolutions]

    assert shapes(ours) == shapes(theirs)


def normalised(features: Tensor, block: nn.Module, name: str) -> Tensor:
    """By the batch's statistics."""
    scale, shift = block.get_parameter(f"{name}.weight"), block.get_parameter(f"{name}.bias")
    return functional.batch_norm(features, None, None, scale, shift, training=True)


def convolved(features: Tensor, block: nn.Module, name: str, stride: int = 1) -> Tensor:
    weight = block.get_parameter(f"{name}.weight")
    return functional.conv2d(features, weight, stride=stride, padding=weight.shape[2] // 2)


def assert_computes(block: nn.Module, formula: Callable[[Tensor], Tensor], channels: int) -> None:
    """The same output and the same gradients, with scales and shifts of normalisation that are not 1 and 0."""
    for name, parameter in block.named_parameters():
        if "norm" in name:
            nn.init.normal_(parameter)
    features = torch.randn(3, channels, 8, 8, requires_grad=True)
    wanted = [features, *block.parameters()]
    torch.testing.assert_close(block(features), formula(features))
    weights = torch.randn_like(formula(features))
    gradients, expected = (
        torch.autograd.grad((output * weights).sum(), wanted) for output in (block(features), formula(features))
    )
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-4)


def block_of(architecture: Architecture, stage: int, block: int) -> nn.Module:
    return ResidualBlock(network_plan(architecture, image_size=32, channels=3, classes=10).stages[stage][block])


@pytest.mark.parametrize("architecture", [ResNet(name="resnet18", preactivation=True), WideResNet(name="wrn-16-4")])
def test_preactivated_identity_block(architecture: Architecture) -> None:
    """He et al. 2016, equation 5: x + W2 relu(norm(W1 relu(norm(x))))."""
    block = block_of(architecture, stage=0, block=1)

    def formula(x: Tensor) -> Tensor:
        inner = convolved(normalised(x, block, "branch.norm1").relu(), block, "branch.convolution1")
        return x + convolved(normalised(inner, block, "branch.norm2").relu(), block, "branch.convolution2")

    assert_computes(block, formula, channels=64)


@pytest.mark.parametrize("architecture", [ResNet(name="resnet18", preactivation=True), WideResNet(name="wrn-16-4")])
def test_preactivated_block_that_changes_the_shape_projects_what_is_activated(architecture: Architecture) -> None:
    block = block_of(architecture, stage=1, block=0)

    def formula(x: Tensor) -> Tensor:
        activated = normalised(x, block, "preactivation.norm").relu()
        inner = convolved(activated, block, "branch.convolution1", stride=2)
        branch = convolved(normalised(inner, block, "branch.norm").relu(), block, "branch.convolution2")
        return branch + convolved(activated, block, "shortcut.convolution", stride=2)

    assert_computes(block, formula, channels=64)


def test_first_preactivated_bottleneck_leaves_its_activation_to_the_stem() -> None:
    block = block_of(ResNet(name="resnet50", preactivation=True), stage=0, block=0)

    def formula(x: Tensor) -> Tensor:
        inner = normalised(convolved(x, block, "branch.convolution1"), block, "branch.norm1").relu()
        inner = normalised(convolved(inner, block, "branch.convolution2"), block, "branch.norm2").relu()
        return convolved(inner, block, "branch.convolution3") + convolved(x, block, "shortcut.convolution")

    assert_computes(block, formula, channels=64)


@pytest.mark.parametrize(
    "architecture", [CifarResNet(name="resnet20", preactivation=True), WideResNet(name="wrn-16-2")], ids=repr
)
def test_preactivated_networks_normalise_and_activate_once_more_at_the_end(architecture: Architecture) -> None:
    plan = network_plan(architecture, image_size=32, channels=3, classes=10)
    features = 64 if isinstance(architecture, CifarResNet) else 128
    assert plan.head == (BatchNorm(features), Elementwise("relu"), GlobalAveragePool(), Linear(features, 10))
    assert plan.stem[0] == Convolution(3, 16, kernel_size=3)
    # He et al. activate the stem's output in front of both paths; a wide ResNet's first block does it by itself.
    assert len(plan.stem) == (3 if isinstance(architecture, CifarResNet) else 1)


def padded(features: Tensor, channels: int) -> Tensor:
    batch, present, height, width = features.shape
    return torch.cat((features, torch.zeros(batch, channels - present, height, width)), dim=1)


def test_pyramidal_basic_block() -> None:
    """Han et al. 2016, figure 6 (d); as their code has it, the shortcut averages where the feature map shrinks."""
    block = block_of(PyramidNet(name="pyramidnet-110-270"), stage=1, block=0)  # of 106 to 111 channels

    def formula(x: Tensor) -> Tensor:
        inner = convolved(normalised(x, block, "branch.norm1"), block, "branch.convolution1", stride=2)
        inner = convolved(normalised(inner, block, "branch.norm2").relu(), block, "branch.convolution2")
        return normalised(inner, block, "branch.norm3") + padded(x.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)), 111)

    assert_computes(block, formula, channels=106)


def test_pyramidal_bottleneck() -> None:
    block = block_of(PyramidNet(name="pyramidnet-272-200"), stage=0, block=1)

    def formula(x: Tensor) -> Tensor:
        inner = convolved(normalised(x, block, "branch.norm1"), block, "branch.convolution1")
        inner = convolved(normalised(inner, block, "branch.norm2").relu(), block, "branch.convolution2")
        inner = convolved(normalised(inner, block, "branch.norm3").relu(), block, "branch.convolution3")
        return normalised(inner, block, "branch.norm4") + padded(x, 80)

    assert_computes(block, formula, channels=72)  # 4 x 18 to 4 x 20: 16 + 2.2 and 16 + 4.4, rounded


def test_a_block_without_its_branch_is_its_shortcut() -> None:
    network = build_network(network_plan(CifarResNet(name="resnet20"), image_size=9, channels=3, classes=10))
    features = torch.randn(2, 16, 9, 9)
    identity, pad = (network.get_submodule(name) for name in ("stage1.block2", "stage2.block1"))
    for block in (identity, pad):
        nn.init.zeros_(block.get_parameter("branch.norm2.weight"))
    torch.testing.assert_close(identity(features), features.relu())
    torch.testing.assert_close(pad(features), padded(features[:, :, ::2, ::2].relu(), 32))


def silence(branch: nn.Module) -> None:
    """Make it put out nothing but zeros."""
    for name, parameter in list(branch.named_parameters())[-2:]:
        assert name.rpartition(".")[0].startswith(("norm", "convolution"))
        nn.init.zeros_(parameter)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        partial(CifarResNet, name="resnet20"),
        partial(CifarResNet, name="resnet20", preactivation=True),
        partial(ResNet, name="resnet18", activation="gelu"),
        partial(ResNet, name="resnet50", preactivation=True),
        partial(CifarResNext, name="resnext29-8x64d"),
        partial(ResNext, name="resnext50-32x4d"),
        partial(WideResNet, name="wrn-16-1"),
        partial(PyramidNet, name="pyramidnet-110-48"),
    ],
    ids=str,
)
def test_without_shortcuts_there_is_no_way_around_a_branch(make: Callable[..., Architecture], residual: bool) -> None:
    plan = network_plan(make(residual=residual), image_size=16, channels=3, classes=10)
    if not isinstance(make(), PyramidNet):
        plan = replace(plan, stages=tuple(stage[:1] for stage in plan.stages))
    network = build_network(plan).eval()
    silence(network.get_submodule("stage2.block1.branch"))
    with torch.no_grad():
        one, other = network(torch.randn(2, 3, 16, 16))
    assert torch.allclose(one, other) is not residual


def test_without_shortcuts_a_block_is_its_activated_branch() -> None:
    block = block_of(ResNet(name="resnet18", residual=False), stage=1, block=0)

    def formula(x: Tensor) -> Tensor:
        inner = normalised(convolved(x, block, "branch.convolution1", stride=2), block, "branch.norm1").relu()
        return normalised(convolved(inner, block, "branch.convolution2"), block, "branch.norm2").relu()

    assert_computes(block, formula, channels=64)
