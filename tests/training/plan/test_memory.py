"""Memory counted from the plan against what autograd and the optimizers really hold."""

import weakref
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from training.batching import batch_bounds
from training.engine.data import Dataset, Split
from training.engine.device.precision import autocast
from training.engine.networks import build_network
from training.engine.trainer import Trainer
from training.metrics import Precision
from training.plan import NetworkPlan, count_parameters, network_plan
from training.plan.memory import estimate_memory, optimizer_slots, saved_bytes
from training.spec import Architecture, TrainingSpec

ARCHITECTURES: Mapping[str, dict[str, Any]] = {
    "postactivated": {"name": "resnet20"},
    "preactivated": {"name": "resnet20", "preactivation": True},
    "without shortcuts": {"name": "resnet20", "residual": False},
    "projections": {"name": "resnet18"},
    "bottlenecks and pooling": {"name": "resnet50", "stem": "imagenet"},
    "grouped": {"name": "resnext29-8x64d"},
    "wide": {"name": "wrn-16-2"},
    "pyramid": {"name": "pyramidnet-110-48", "shake_drop": 0.5},
    "skipped": {"name": "resnet20", "stochastic_depth": 0.2, "dropout": 0.1},
    "excited": {"name": "resnet20", "squeeze_excitation": True},
    **{function: {"name": "resnet20", "activation": function} for function in ("tanh", "gelu", "silu", "maxout")},
    "smooth and preactivated": {"name": "resnet20", "activation": "mish", "preactivation": True},
}
IMAGES, SIZE = 4, 33  # odd, so that a half is rounded somewhere

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta")
MORE_OPTIMIZERS = ("adam", "adamw", "nadam", "lion", "lamb", "muon")


def plan_of(architecture: dict[str, Any]) -> NetworkPlan:
    return network_plan(TypeAdapter[Architecture](Architecture).validate_python(architecture), SIZE, 3, 10)


def kept_for_backward(plan: NetworkPlan, precision: Precision) -> int:
    """Bytes of memory that autograd keeps, each once, but for those that the network has anyway."""
    network = build_network(plan).to(memory_format=torch.channels_last)
    there = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    images = torch.randn(IMAGES, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    with saved_tensors_hooks(keep, lambda tensor: tensor), autocast(precision, torch.device("cpu")):
        output = network(images)
    cross_entropy(output.float(), torch.zeros(IMAGES, dtype=torch.int64))
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in there)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_activations_are_those_that_autograd_keeps(kind: str, precision: Precision) -> None:
    plan = plan_of(ARCHITECTURES[kind])
    assert saved_bytes(plan, precision, IMAGES) == pytest.approx(kept_for_backward(plan, precision), rel=0.003)


class Peak(TorchDispatchMode):
    """Bytes of memory that tensors have taken meanwhile, at the most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types there
        self.bytes: int = 0
        self._now: int = 0
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {
            tensor.untyped_storage()._cdata for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)
        }
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in given | self._alive.keys():
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = storage.nbytes()
                self._now += storage.nbytes()
                weakref.finalize(storage, self._gone, storage._cdata)
        self.bytes = max(self.bytes, self._now)
        return made

    def _gone(self, place: int) -> None:
        self._now -= self._alive.pop(place)


def dataset(images: int) -> Dataset:
    pixels = torch.randint(0, 256, (images, 32, 32, 3), dtype=torch.uint8)
    split = Split(pixels, torch.arange(images) % 10)
    return Dataset("some", tuple("0123456789"), split, split, "arrays")


def peak_of_a_step(trainer: Trainer) -> int:
    """Of its second step, when the optimizer has what it keeps."""
    first, second = trainer.batches.epoch(0)
    trainer.network.train()
    trainer.step(first, trainer.batches.images(0), 0, 0)
    peak = Peak()
    with peak:
        trainer.step(second, trainer.batches.images(1), 0, 1)
    averaged = trainer.average.network.state_dict().values() if trainer.average else ()
    kept = (value for state in trainer.optimizer.state.values() for value in state.values())
    there = [*trainer.network.state_dict().values(), *averaged, *kept]
    return peak.bytes + sum(each.untyped_storage().nbytes() for each in there if isinstance(each, Tensor))


@pytest.mark.parametrize(
    ("batch", "fields"),
    [
        (8, {"architecture": {"name": "resnet18"}}),
        (32, {"architecture": {"name": "resnet18"}, "regularisation": {"ema": {}}}),
        (32, {"architecture": {"name": "resnet18"}, "micro_batch_size": 8}),
        (32, {"architecture": {"name": "resnet20"}, "optimizer": {"name": "adamw"}}),
        (8, {"architecture": {"name": "resnet18"}, "optimizer": {"name": "lamb"}}),
        (8, {"architecture": {"name": "resnet18"}, "optimizer": {"name": "muon"}}),
        (8, {"architecture": {"name": "resnet18"}, "optimizer": {"name": "sgd", "sam": {}}}),
        (32, {"architecture": {"name": "wrn-16-4"}}),
    ],
)
def test_a_step_takes_what_is_estimated(batch: int, fields: dict[str, Any]) -> None:
    body = {"dataset": "some", "epochs": 1, "batch_size": batch, "precision": "fp32", "compile": "off", **fields}
    spec = TrainingSpec.model_validate({**body, "deterministic": True})
    trainer = Trainer(spec, dataset(2 * batch))
    estimate = estimate_memory(trainer.plan, spec, "fp32", train_images=2 * batch)
    assert estimate.total == pytest.approx(peak_of_a_step(trainer), rel=0.05)


@pytest.mark.parametrize("name", ["gd", *OPTIMIZERS, *MORE_OPTIMIZERS])
def test_what_an_optimizer_keeps(name: str) -> None:
    batch = "full" if name == "gd" else 16
    optimizer = {"name": name}
    body = {"dataset": "some", "architecture": {"name": "resnet20"}, "epochs": 1, "batch_size": batch}
    spec = TrainingSpec.model_validate({**body, "optimizer": optimizer})
    trainer = Trainer(spec, dataset(16))
    trainer.step(next(trainer.batches.epoch(0)), 16, 0, 0)
    kept = [value for state in trainer.optimizer.state.values() for value in state.values()]
    numbers = sum(value.numel() for value in kept if isinstance(value, Tensor) and value.ndim)
    assert numbers == optimizer_slots(spec.optimizer) * count_parameters(trainer.plan)


def test_parts_of_a_batch() -> None:
    plan = plan_of({"name": "resnet20"})
    full, parts, shared = (
        estimate_memory(plan, TrainingSpec.model_validate({"dataset": "some", **fields}), "fp32", train_images=4096)
        for fields in (
            {"batch_size": 512},
            {"batch_size": 512, "micro_batch_size": 128},
            {"batch_size": 512, "devices": 4},
        )
    )
    assert full.activations == pytest.approx(4 * parts.activations, rel=0.001)
    assert parts.activations == shared.activations
    assert shared.total < parts.total <= shared.total + parts.gradients, "they wait while the next part passes"
    assert len(batch_bounds(0, 4096, 512)) == 8
