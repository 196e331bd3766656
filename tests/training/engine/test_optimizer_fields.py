"""Every field of every optimizer's spec does something, and with its spec every optimizer learns."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.small_problem import KINDS, kind_name, small_network, trained
from training.engine.optimizers import SharpnessAware, build_optimizer
from training.spec import Adagrad, Adam, AdamW, Lamb, Lion, NAdam, Optimizer, RmsProp, Sam, Sgd


def quick(kind: type[Any]) -> dict[str, float]:
    """A learning rate for few steps, where the default is for long runs."""
    return {"learning_rate": 0.01} if kind in (Adam, AdamW, RmsProp, NAdam, Lion, Lamb, Adagrad) else {}


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_every_optimizer_learns(kind: type[Any]) -> None:
    """Three classes of 24 images."""
    network = small_network()
    losses = trained(network, build_optimizer(kind(**quick(kind)), network), 60)
    assert losses[0] > 0.9
    assert losses[-1] < 0.3


# For every field, values other than the default; a field that is not named here has no test yet, and fails.
OTHER_VALUES: dict[str, list[Any]] = {
    "learning_rate": [0.033],
    "momentum": [0.3],
    "nesterov": [True],
    "betas": [(0.5, 0.99), (0.9, 0.5)],
    "decay": [0.4],
    "epsilon": [0.01],
    "momentum_decay": [0.5],
    "weight_decay": [0.3],
    "norm_weight_decay": [0.7],
    "rest_learning_rate": [0.01],
    "rest_weight_decay": [0.3],
    "sam": [Sam(), Sam(rho=0.2), Sam(adaptive=True)],
}
FIELDS = [
    pytest.param(kind, field, value, id=f"{kind().name}-{field}-{value}")
    for kind in KINDS
    for field in kind.model_fields
    if field != "name"
    for value in OTHER_VALUES[field]
]


def result_of(spec: Optimizer) -> Tensor:
    """All weights after 12 steps."""
    network = small_network(torch.float64)
    sam = SharpnessAware(spec.sam, network) if spec.sam else None
    trained(network, build_optimizer(spec, network), 12, sam)
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


@pytest.mark.parametrize(("kind", "field", "value"), FIELDS)
def test_every_field_has_an_effect(kind: type[Any], field: str, value: object) -> None:
    default = kind(**quick(kind))
    changed = kind(**{**quick(kind), field: value})
    assert changed != default
    assert (result_of(changed) - result_of(default)).abs().max() > 1e-5


def test_every_field_of_sam_has_an_effect() -> None:
    assert set(Sam.model_fields) == {"rho", "adaptive"}
    results = [result_of(Sgd(sam=sam)) for sam in (Sam(), Sam(rho=0.2), Sam(adaptive=True))]
    assert not results[0].allclose(results[1], atol=1e-5)
    assert not results[0].allclose(results[2], atol=1e-5)
