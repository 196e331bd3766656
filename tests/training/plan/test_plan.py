import subprocess
import sys
from itertools import chain, pairwise
from pathlib import Path
from typing import get_args

import pytest

from training.plan import (
    BatchNorm,
    Block,
    Convolution,
    Layer,
    Linear,
    Maxout,
    NetworkPlan,
    ShakeDrop,
    SqueezeExcitation,
    StochasticDepth,
    count_flops,
    count_parameters,
    draws_random_numbers,
    network_plan,
)
from training.spec import (
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
    WideResNet,
    WideResNetName,
)

REPOSITORY = Path(__file__).parents[3]


def cifar(architecture: Architecture, classes: int = 10) -> NetworkPlan:
    return network_plan(architecture, image_size=32, channels=3, classes=classes)


def imagenet(architecture: Architecture) -> NetworkPlan:
    return network_plan(architecture, image_size=224, channels=3, classes=1000)


def blocks_of(plan: NetworkPlan) -> list[Block]:
    return list(chain.from_iterable(plan.stages))


def layers_of(plan: NetworkPlan) -> list[Layer]:
    blocks = blocks_of(plan)
    inside = ((*block.preactivation, *block.branch, *(block.shortcut or ()), *block.activation) for block in blocks)
    return [*plan.stem, *chain.from_iterable(inside), *plan.head]


def weighted_layers_on_the_branch(plan: NetworkPlan) -> int:
    sequences = [plan.stem, *(block.branch for block in blocks_of(plan)), plan.head]
    return sum(isinstance(layer, Convolution | Linear) for sequence in sequences for layer in sequence)


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("name", get_args(CifarDepth))
def test_depth_of_a_cifar_resnet_is_its_name(name: CifarDepth, preactivation: bool) -> None:
    plan = cifar(CifarResNet(name=name, preactivation=preactivation))
    assert weighted_layers_on_the_branch(plan) == int(name.removeprefix("resnet"))


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("name", get_args(ImageNetDepth))
def test_depth_of_a_resnet_is_its_name(name: ImageNetDepth, preactivation: bool) -> None:
    plan = imagenet(ResNet(name=name, preactivation=preactivation))
    assert weighted_layers_on_the_branch(plan) == int(name.removeprefix("resnet"))


@pytest.mark.parametrize(
    "architecture",
    [
        *(CifarResNext(name=name) for name in get_args(CifarResNextName)),
        *(ResNext(name=name) for name in get_args(ImageNetResNextName)),
        *(PyramidNet(name=name) for name in get_args(PyramidNetName)),
    ],
    ids=lambda architecture: architecture.name,
)
def test_depth_of_a_resnext_and_of_a_pyramidnet_is_in_its_name(
    architecture: CifarResNext | ResNext | PyramidNet,
) -> None:
    depth = architecture.name.removeprefix("resnext").removeprefix("pyramidnet-").partition("-")[0]
    assert weighted_layers_on_the_branch(cifar(architecture)) == int(depth)


@pytest.mark.parametrize("name", get_args(WideResNetName))
def test_depth_of_a_wide_resnet_counts_three_shortcuts_and_not_the_classifier(name: WideResNetName) -> None:
    """6 n + 4 with two convolutions in each of 3 n blocks, the stem's, and one in each stage's first shortcut."""
    depth = int(name.split("-")[1])
    assert weighted_layers_on_the_branch(cifar(WideResNet(name=name))) == depth - 3 + 1


def test_a_pyramidnets_channels_grow_at_every_block() -> None:
    plan = cifar(PyramidNet(name="pyramidnet-272-200"))
    width, expected = 16.0, []
    for _ in range(90):  # as the authors add up, where rounding cannot lean either way
        width += 200 / 90
        expected.append(round(width))
    convolutions = [[layer for layer in block.branch if isinstance(layer, Convolution)] for block in blocks_of(plan)]
    assert [block[1].in_channels for block in convolutions] == expected
    assert [block[2].out_channels for block in convolutions] == [4 * width for width in expected]
    for before, after in pairwise(convolutions):
        assert after[0].in_channels == before[2].out_channels
    assert [number for number, block in enumerate(convolutions) if block[1].stride == 2] == [30, 60]


def test_stem_follows_the_image_size() -> None:
    for architecture in (ResNet(name="resnet18"), ResNext(name="resnext50-32x4d")):
        assert network_plan(architecture, 64, 3, 10).stem[0] == Convolution(3, 64, kernel_size=3)
        assert network_plan(architecture, 65, 3, 10).stem[0] == Convolution(3, 64, kernel_size=7, stride=2)


def test_without_shortcuts_only_the_projections_are_missing() -> None:
    with_them = cifar(ResNet(name="resnet18"))
    without = cifar(ResNet(name="resnet18", residual=False))
    assert [block.branch for block in blocks_of(without)] == [block.branch for block in blocks_of(with_them)]
    assert all(block.shortcut is None for block in blocks_of(without))
    projections = sum(inputs * outputs + 2 * outputs for inputs, outputs in pairwise((64, 128, 256, 512)))
    assert count_parameters(with_them) - count_parameters(without) == projections
    flops = sum(inputs * outputs * size**2 for inputs, outputs, size in ((64, 128, 16), (128, 256, 8), (256, 512, 4)))
    assert count_flops(with_them) - count_flops(without) == flops


def test_maxout_stands_wherever_an_activation_stood() -> None:
    relu, maxout = (cifar(CifarResNet(name="resnet20", activation=name)) for name in ("relu", "maxout"))
    layers = [layer for layer in layers_of(maxout) if isinstance(layer, Maxout)]
    assert [layer.channels for layer in layers] == [16] * 7 + [32] * 6 + [64] * 6
    more = sum(2 * channels * (channels + 1) for channels in (16,) * 7 + (32,) * 6 + (64,) * 6)
    assert count_parameters(maxout) - count_parameters(relu) == more
    more = sum(2 * 16**2 * 32**2 for _ in range(7)) + 6 * 2 * 32**2 * 16**2 + 6 * 2 * 64**2 * 8**2
    assert count_flops(maxout) - count_flops(relu) == more


def test_squeeze_and_excitation_weighs_what_each_branch_adds() -> None:
    plan = cifar(ResNet(name="resnet50", squeeze_excitation=True))
    for block, channels in zip(blocks_of(plan), [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3, strict=True):
        *_, norm, gate = block.branch
        assert norm == BatchNorm(channels)
        assert isinstance(gate, SqueezeExcitation)
        assert (gate.channels, gate.squeezed) == (channels, channels // 16)


def probabilities(plan: NetworkPlan, kind: type[StochasticDepth | ShakeDrop]) -> list[float]:
    ends = [block.branch[-1] for block in blocks_of(plan)]
    return [layer.probability for layer in ends if isinstance(layer, kind)]


def test_branches_are_dropped_and_shaken_ever_more_often() -> None:
    rising = [0.5 * number / 9 for number in range(1, 10)]
    dropped = cifar(CifarResNet(name="resnet20", stochastic_depth=0.5))
    assert probabilities(dropped, StochasticDepth) == pytest.approx(rising)
    shaken = cifar(PyramidNet(name="pyramidnet-110-48", shake_drop=0.5))
    rising = [0.5 * number / 54 for number in range(1, 55)]
    assert probabilities(shaken, ShakeDrop) == pytest.approx(rising)


@pytest.mark.parametrize(
    ("architecture", "draws"),
    [
        (CifarResNet(name="resnet20", squeeze_excitation=True, zero_init_last_norm=True), False),
        (CifarResNet(name="resnet20", dropout=0.1), True),
        (ResNet(name="resnet18", stochastic_depth=0.1), True),
        (WideResNet(name="wrn-16-2"), False),
        (WideResNet(name="wrn-16-2", block_dropout=0.3), True),
        (PyramidNet(name="pyramidnet-110-48", shake_drop=0.5), True),
    ],
)
def test_a_plan_knows_whether_its_network_draws_random_numbers(architecture: Architecture, draws: bool) -> None:
    assert draws_random_numbers(cifar(architecture)) is draws


def test_equal_arguments_give_equal_plans() -> None:
    architecture = CifarResNet(name="resnet20")
    assert cifar(architecture) == cifar(architecture)
    assert hash(cifar(architecture)) == hash(cifar(architecture))
    assert cifar(architecture) != cifar(architecture, classes=100)


def test_a_plan_needs_no_torch() -> None:
    script = (
        "import sys; from training.plan import *; from training.spec import ResNet;"
        "count_flops(network_plan(ResNet(name='resnet50'), 224, 3, 10)); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)
