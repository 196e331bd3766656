import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from training.plan import Convolution, Linear, NetworkPlan, count_flops, count_parameters, network_plan
from training.spec import CifarDepth, CifarResNet, ImageNetDepth, ResNet

REPOSITORY = Path(__file__).parents[2]


def cifar_plan(name: CifarDepth, classes: int = 10) -> NetworkPlan:
    return network_plan(CifarResNet(name=name), image_size=32, channels=3, classes=classes)


def imagenet_plan(name: ImageNetDepth) -> NetworkPlan:
    return network_plan(ResNet(name=name), image_size=224, channels=3, classes=1000)


def weighted_layers_on_the_branch(plan: NetworkPlan) -> int:
    blocks = [block for stage in plan.stages for block in stage]
    sequences = [plan.stem, *(block.branch for block in blocks), plan.head]
    return sum(isinstance(layer, Convolution | Linear) for sequence in sequences for layer in sequence)


@pytest.mark.parametrize("name", get_args(CifarDepth))
def test_depth_of_a_cifar_resnet_is_its_name(name: CifarDepth) -> None:
    assert weighted_layers_on_the_branch(cifar_plan(name)) == int(name.removeprefix("resnet"))


@pytest.mark.parametrize("name", get_args(ImageNetDepth))
def test_depth_of_a_resnet_is_its_name(name: ImageNetDepth) -> None:
    assert weighted_layers_on_the_branch(imagenet_plan(name)) == int(name.removeprefix("resnet"))


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet20", "0.27"), ("resnet32", "0.46"), ("resnet44", "0.66"), ("resnet56", "0.85"), ("resnet110", "1.7")],
)
def test_cifar_parameters_are_those_of_he_et_al_table_6(name: CifarDepth, millions: str) -> None:
    decimals = len(millions.partition(".")[2])
    assert f"{count_parameters(cifar_plan(name)) / 1e6:.{decimals}f}" == millions


def test_resnet18_on_cifar100_has_11_2_million_parameters() -> None:
    plan = network_plan(ResNet(name="resnet18"), image_size=32, channels=3, classes=100)
    assert count_parameters(plan) == 11_220_132
    assert f"{count_flops(plan) / 1e9:.2f}" == "0.56"  # weiaicunzai/pytorch-cifar100, README


@pytest.mark.parametrize(
    ("name", "parameters", "billions"),
    [
        ("resnet18", 11_689_512, 1.814),
        ("resnet34", 21_797_672, 3.664),
        ("resnet50", 25_557_032, 4.089),
        ("resnet101", 44_549_160, 7.801),
        ("resnet152", 60_192_808, 11.514),
    ],
)
def test_imagenet_counts_are_those_that_torchvision_publishes(
    name: ImageNetDepth, parameters: int, billions: float
) -> None:
    plan = imagenet_plan(name)
    assert count_parameters(plan) == parameters
    assert round(count_flops(plan) / 1e9, 3) == billions


@pytest.mark.parametrize(
    ("name", "billions", "later_strides"),
    [
        ("resnet18", 1.8, 0),
        ("resnet34", 3.6, 0),
        ("resnet50", 3.8, 3),
        ("resnet101", 7.6, 3),
        ("resnet152", 11.3, 3),
    ],
)
def test_imagenet_flops_are_those_of_he_et_al_table_1(name: ImageNetDepth, billions: float, later_strides: int) -> None:
    """Within 2 %: the table has two or three digits, not always rounded (3.66 is given as 3.6, 3.86 as 3.8).

    The paper's bottlenecks have their stride in the first 1x1 convolution, ours run it at the full size in the first
    block of stages 2 to 4: 3/4 of 2 width x width x size^2 more, which is the same in each of the three.
    """
    more_than_the_paper = later_strides * (2 * 128 * 128 * 56 * 56 * 3 // 4)
    assert count_flops(imagenet_plan(name)) - more_than_the_paper == pytest.approx(billions * 1e9, rel=0.02)


def test_stem_follows_the_image_size() -> None:
    assert network_plan(ResNet(name="resnet18"), 64, 3, 10).stem[0] == Convolution(3, 64, kernel_size=3)
    assert network_plan(ResNet(name="resnet18"), 65, 3, 10).stem[0] == Convolution(3, 64, kernel_size=7, stride=2)


def test_equal_arguments_give_equal_plans() -> None:
    assert cifar_plan("resnet20") == cifar_plan("resnet20")
    assert hash(cifar_plan("resnet20")) == hash(cifar_plan("resnet20"))
    assert cifar_plan("resnet20") != cifar_plan("resnet20", classes=100)


def test_a_plan_needs_no_torch() -> None:
    script = (
        "import sys; from training.plan import *; from training.spec import ResNet;"
        "count_flops(network_plan(ResNet(name='resnet50'), 224, 3, 10)); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)
