"""The only place where an optimizer's spec becomes torch's arguments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import torch
from torch import nn, optim

from training.engine.optimizers.lamb import Lamb
from training.engine.optimizers.lion import Lion
from training.engine.optimizers.loading import load_in_place
from training.engine.optimizers.muon import Muon, takes_muon
from training.spec import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    NAdam,
    Nesterov,
    Optimizer,
    RmsProp,
)
from training.spec import Lamb as LambSpec
from training.spec import Lion as LionSpec
from training.spec import Muon as MuonSpec
from training.spec import Sgd as SgdSpec

ParameterGroup = dict[str, Any]  # torch's: `params` and every option that is not the optimizer's default


def build_optimizer(spec: Optimizer, network: nn.Module, factors: Mapping[str, float] | None = None) -> optim.Optimizer:
    """An optimizer over every parameter of `network` that is not frozen, on the device where they are.

    `factors` are shares of the learning rate by the names of parameters; any other has the whole. Each group has a
    `peak_learning_rate`, of which a schedule sets a share. Parameters of one dimension, normalisations' scales and
    shifts and biases, form a group of their own where the spec has a weight decay for them.

    SAM is not part of it: see SharpnessAware.
    """
    groups = _parameter_groups(spec, network, factors or {})
    optimizer = _build(spec, groups, groups[0]["params"][0].device)
    load_in_place(optimizer)
    return optimizer


def set_learning_rates(optimizer: optim.Optimizer, factor: float) -> None:
    """Give each group of `optimizer` the share `factor` of its peak learning rate, where a schedule's factor is 1."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_learning_rate"] * factor


def _parameter_groups(spec: Optimizer, network: nn.Module, factors: Mapping[str, float]) -> list[ParameterGroup]:
    """Those of each factor apart, in the order in which the network has them first."""
    by_factor: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            by_factor.setdefault(factors.get(name, 1.0), []).append(parameter)
    groups = []
    for factor, parameters in by_factor.items():
        for group in _groups_of_kinds(spec, parameters):
            rate = group["lr"] * factor
            groups.append({**group, "lr": rate, "peak_learning_rate": rate})
    return groups


def _groups_of_kinds(spec: Optimizer, parameters: Sequence[nn.Parameter]) -> list[ParameterGroup]:
    """At the whole learning rate: what the spec treats differently apart."""
    if not isinstance(spec, MuonSpec):
        return _split_norms(parameters, spec.learning_rate, spec.weight_decay, spec.norm_weight_decay)
    taken = [parameter for parameter in parameters if takes_muon(parameter)]
    rest = [parameter for parameter in parameters if not takes_muon(parameter)]
    orthogonal = _split_norms(taken, spec.learning_rate, spec.weight_decay, None)
    plain = _split_norms(rest, spec.rest_learning_rate, spec.rest_weight_decay, spec.norm_weight_decay)
    return [{**group, "orthogonal": True} for group in orthogonal] + [{**group, "orthogonal": False} for group in plain]


def _split_norms(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float, norm_weight_decay: float | None
) -> list[ParameterGroup]:
    """One group, or two where `norm_weight_decay` is set; none of them empty."""
    weights: list[nn.Parameter] = []
    norms: list[nn.Parameter] = []
    for parameter in parameters:
        apart = norm_weight_decay is not None and parameter.ndim == 1
        (norms if apart else weights).append(parameter)
    return [
        {"params": members, "lr": learning_rate, "peak_learning_rate": learning_rate, "weight_decay": decay}
        for members, decay in ((weights, weight_decay), (norms, norm_weight_decay))
        if members
    ]


def _build(spec: Optimizer, groups: list[ParameterGroup], device: torch.device) -> optim.Optimizer:
    match spec:
        case GradientDescent() | SgdSpec() | HeavyBall() | Nesterov() | Adagrad():
            return _build_plain(spec, groups, device)
        case Adam() | AdamW():
            fused = _has_fused_kernel("adamw" if isinstance(spec, AdamW) else "adam", device)
            kind = optim.AdamW if isinstance(spec, AdamW) else optim.Adam
            return kind(groups, betas=spec.betas, eps=spec.epsilon, fused=fused, foreach=not fused)
        case NAdam():
            return optim.NAdam(
                groups,
                betas=spec.betas,
                eps=spec.epsilon,
                momentum_decay=spec.momentum_decay,
                foreach=True,
            )
        case RmsProp():
            return optim.RMSprop(
                groups,
                alpha=spec.decay,
                eps=spec.epsilon,
                momentum=spec.momentum,
                foreach=True,
            )
        case Adadelta():
            return optim.Adadelta(groups, rho=spec.decay, eps=spec.epsilon, foreach=True)
        case LionSpec():
            return Lion(groups, betas=spec.betas)
        case LambSpec():
            return Lamb(groups, betas=spec.betas, epsilon=spec.epsilon)
        case MuonSpec():
            return Muon(groups, momentum=spec.momentum)
        case _:
            assert_never(spec)


def _build_plain(
    spec: GradientDescent | SgdSpec | HeavyBall | Nesterov | Adagrad, groups: list[ParameterGroup], device: torch.device
) -> optim.Optimizer:
    """Gradient descent, with momentum or without, and Adagrad."""
    if isinstance(spec, Adagrad):
        fused = _has_fused_kernel("adagrad", device)
        return optim.Adagrad(groups, eps=spec.epsilon, fused=fused, foreach=not fused)
    momentum = 0.0 if isinstance(spec, GradientDescent) else spec.momentum
    nesterov = isinstance(spec, Nesterov) or (isinstance(spec, SgdSpec) and spec.nesterov)
    fused = _has_fused_kernel("sgd", device)
    return optim.SGD(groups, momentum=momentum, nesterov=nesterov, fused=fused, foreach=not fused)


def _has_fused_kernel(name: str, device: torch.device) -> bool:
    """Which optimizers have one depends on torch's version and on the device."""
    key = {"cpu": "CPU", "cuda": "CUDA"}.get(device.type)
    return key is not None and torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::_fused_{name}_", key)
