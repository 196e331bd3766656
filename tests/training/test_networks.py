import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from training.networks import build_network
from training.plan import count_flops, count_parameters, network_plan
from training.spec import Architecture, CifarDepth, CifarResNet, ImageNetDepth, ResNet, Stem

STEMS: tuple[Stem, ...] = get_args(Stem)
EVERY_ARCHITECTURE: list[Architecture] = [
    *(CifarResNet(name=name) for name in get_args(CifarDepth)),
    *(ResNet(name=name, stem=stem) for name, stem in product(get_args(ImageNetDepth), STEMS)),
]
# Between them they have every kind of layer.
BOTH_FAMILIES = pytest.mark.parametrize(
    "architecture",
    [CifarResNet(name="resnet20"), ResNet(name="resnet50", stem="imagenet")],
    ids=["cifar", "imagenet"],
)


def build(architecture: Architecture, image_size: int = 8, channels: int = 3, classes: int = 10) -> nn.Module:
    return build_network(network_plan(architecture, image_size, channels, classes))


def build_short(architecture: Architecture, channels: int = 3) -> nn.Module:
    """The first block of each stage: the ones that change the shape, in a fraction of the time."""
    plan = network_plan(architecture, image_size=8, channels=channels, classes=10)
    return build_network(replace(plan, stages=tuple(stage[:1] for stage in plan.stages)))


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


# The smallest image, CIFAR-100, and an odd size.
@pytest.mark.parametrize(("image_size", "channels", "classes"), [(8, 1, 2), (32, 3, 100), (75, 3, 7)])
@pytest.mark.parametrize("architecture", EVERY_ARCHITECTURE, ids=repr)
def test_plan_counts_what_torch_counts(
    architecture: Architecture, image_size: int, channels: int, classes: int
) -> None:
    plan = network_plan(architecture, image_size, channels, classes)
    with torch.device("meta"):
        network = build_network(plan).eval()
        images = torch.empty(2, channels, image_size, image_size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert network(images).shape == (2, classes)
    assert count_parameters(plan) == sum(parameter.numel() for parameter in network.parameters())
    # torch counts a multiply-accumulate as two operations; the batch has two images.
    assert 2 * 2 * count_flops(plan) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "reference"),
    [("resnet18", torchvision.models.resnet18), ("resnet50", torchvision.models.resnet50)],
)
def test_resnet_with_the_imagenet_stem_is_torchvisions(
    name: ImageNetDepth, reference: Callable[..., nn.Module]
) -> None:
    theirs = reference(num_classes=10)
    ours = build(ResNet(name=name, stem="imagenet"), image_size=40)
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


@pytest.mark.parametrize("image_size", [8, 17])
@BOTH_FAMILIES
def test_every_parameter_gets_a_gradient(architecture: Architecture, image_size: int) -> None:
    network = build_short(architecture, channels=1)
    images = torch.randn(4, 1, image_size, image_size, requires_grad=True)
    inputs = {"images": images, **dict(network.named_parameters())}
    loss = functional.cross_entropy(network(images), torch.arange(4))
    for name, gradient in zip(inputs, torch.autograd.grad(loss, list(inputs.values())), strict=True):
        assert gradient.isfinite().all(), name
        assert gradient.any(), name


def test_a_block_without_its_branch_is_its_shortcut() -> None:
    network = build(CifarResNet(name="resnet20"))
    features = torch.randn(2, 16, 9, 9)
    identity, pad = (network.get_submodule(name) for name in ("stage1.block2", "stage2.block1"))
    for block in (identity, pad):
        nn.init.zeros_(block.get_parameter("branch.norm2.weight"))
    torch.testing.assert_close(identity(features), features.relu())
    subsampled = features[:, :, ::2, ::2].relu()
    torch.testing.assert_close(pad(features), torch.cat([subsampled, torch.zeros(2, 16, 5, 5)], dim=1))


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


def test_the_generators_seed_decides_the_weights() -> None:
    first = build(CifarResNet(name="resnet20")).state_dict()
    torch.manual_seed(0)
    again = build(CifarResNet(name="resnet20")).state_dict()
    other = build(CifarResNet(name="resnet20")).state_dict()
    assert all(first[name].equal(again[name]) for name in first)
    assert not first["head.linear.weight"].equal(other["head.linear.weight"])


@BOTH_FAMILIES
def test_feature_maps_stay_in_channels_last(architecture: Architecture) -> None:
    network = build_short(architecture)
    images = torch.randn(4, 3, 64, 64)
    expected = network(images)
    feature_maps: list[Tensor] = []
    for module in network.modules():
        module.register_forward_hook(lambda _module, _inputs, output: feature_maps.append(output))
    network.to(memory_format=torch.channels_last)
    logits = network(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    with_pixels = [features for features in feature_maps if features.dim() == 4]
    assert len(with_pixels) > 20
    assert all(features.is_contiguous(memory_format=torch.channels_last) for features in with_pixels)


@BOTH_FAMILIES
def test_forward_and_backward_under_bf16_autocast(architecture: Architecture) -> None:
    network = build_short(architecture)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(torch.randn(4, 3, 8, 8))
        loss = functional.cross_entropy(logits, torch.arange(4))
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    assert logits.dtype == torch.bfloat16
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


def test_compiles_to_one_graph_with_the_same_gradients() -> None:
    network = build_short(CifarResNet(name="resnet20"))
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    gradients = []
    for forward in (network, torch.compile(network, fullgraph=True, backend="aot_eager")):
        loss = functional.cross_entropy(forward(images), labels)
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    torch.testing.assert_close(gradients[1], gradients[0])


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
