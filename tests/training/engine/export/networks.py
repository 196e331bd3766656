"""Networks whose every layer does something, as after some training."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from training.engine.export import SavedNetwork
from training.engine.networks import build_network
from training.engine.normalisation import Normalisation
from training.engine.weights import Inputs, pack_weights
from training.plan import NetworkPlan, count_flops, network_plan
from training.spec import TrainingSpec

TEN = tuple(f"class {number}" for number in range(10))


def weights_file(architecture: Any, *, size: int, channels: int, classes: Sequence[str] = TEN) -> bytes:
    """The file of such a network. Equal arguments give equal bytes."""
    spec = TrainingSpec.model_validate({"dataset": "noise", "architecture": architecture})
    plan = network_plan(spec.architecture, size, channels, len(classes))
    return pack_weights(_worn(plan).state_dict(), spec, _inputs(plan, classes))


def short_network(architecture: Any, *, size: int, channels: int) -> SavedNetwork:
    """With the first block of each stage alone, which takes less time to export."""
    spec = TrainingSpec.model_validate({"dataset": "noise", "architecture": architecture})
    plan = network_plan(spec.architecture, size, channels, len(TEN))
    plan = replace(plan, stages=tuple(stage[:1] for stage in plan.stages))
    network, inputs = _worn(plan), _inputs(plan, TEN)
    normalise = Normalisation(torch.tensor(inputs.mean), torch.tensor(inputs.deviation))
    return SavedNetwork(network.eval().requires_grad_(requires_grad=False), count_flops(plan), inputs, normalise)


def _worn(plan: NetworkPlan) -> nn.Module:
    """Of random weights, whose normalisations have statistics of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(plan)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.1)
    return network


def _inputs(plan: NetworkPlan, classes: Sequence[str]) -> Inputs:
    mean, deviation = [110.0, 120.5, 131.25][: plan.channels], [60.0, 64.5, 70.25][: plan.channels]
    return Inputs(classes, plan.image_size, plan.channels, mean, deviation)
