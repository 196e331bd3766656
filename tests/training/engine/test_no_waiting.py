"""The host does not wait for the device between two reports: nothing reads what the device computes.

On a CPU nobody would notice, so values are followed: whatever is computed from the images, the labels or the network
is the device's, and reading any of it (into a number, a list, an array, a shape that depends on values) is recorded.
On a GPU torch itself says so.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.training.samples import digits, spec
from training.engine import signals
from training.engine.trainer import Trainer

READS = {"item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "__array__", "nonzero"}
SHAPED_BY_VALUES = {
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::masked_select",
    "aten::equal",
    "aten::is_nonzero",
}


class Follow(TorchDispatchMode):
    """Marks the memory that holds what the device has computed."""

    def __init__(self, device_s: Iterator[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in device_s}
        self.reads: list[str] = []

    def of_device(self, values: Any) -> bool:
        """Whether any tensor in `values` is."""
        leaves = (leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor))
        return any(leaf.untyped_storage()._cdata in self.storages for leaf in leaves)

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        named = named or {}
        result = operation(*arguments, **named)
        if self.of_device((arguments, named)):
            if operation._schema.name in SHAPED_BY_VALUES:
                self.reads.append(operation._schema.name)
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):  # held, so that the memory keeps its owner
                    self.storages[leaf.untyped_storage()._cdata] = leaf.untyped_storage()
        return result


class Watch(TorchFunctionMode):
    """Sees reads that do not reach the dispatcher, such as a list made of a tensor on the CPU."""

    def __init__(self, follow: Follow) -> None:
        super().__init__()
        self._follow = follow

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if name in READS and self._follow.of_device(arguments[0]):
            self._follow.reads.append(name)
        return function(*arguments, **(named or {}))


def device_tensors(run: Trainer) -> Iterator[torch.Tensor]:
    yield from (value for value in run.network.state_dict().values())
    split = run.batches.feed._split  # type: ignore[attr-defined]  # of the one feed that holds its split whole
    yield from (split.images, split.labels)
    yield run.totals.state()


def reads_during(run: Trainer) -> list[str]:
    """What is read in an epoch of 6 steps from the second on; the first step is reported, which takes waiting."""
    measured = run.epochs(lambda: run.progress.step == 5)
    next(measured)
    if run.device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
        try:
            assert list(measured) == []
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return []
    follow = Follow(device_tensors(run))
    with follow, Watch(follow):
        assert list(measured) == []
    assert len(follow.storages) > 100, "values were followed"
    return follow.reads


def trainer(**fields: object) -> Trainer:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Trainer(spec(batch_size=32, logging_interval=100, deterministic=True, **fields), digits(192), device)


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "nesterov"},
        {"optimizer": {"name": "muon"}, "augmentation": {"policy": "randaugment", "cutout": {}}},
        {"optimizer": {"name": "lamb"}, "augmentation": {"policy": "autoaugment", "erasing": {}, "rotation": {}}},
        {"optimizer": {"name": "lion"}, "augmentation": {"resized_crop": {}, "colour": {"contrast": 0.3}}},
        {
            "optimizer": {"name": "adamw", "sam": {}},
            "augmentation": {"crop": {}, "flip": True, "policy": "trivialaugment", "mixup": {}, "cutmix": {}},
            "regularisation": {"ema": {}, "gradient_clipping": 1.0, "label_smoothing": 0.1},
            "architecture": {"name": "resnet20", "dropout": 0.1, "stochastic_depth": 0.1, "squeeze_excitation": True},
        },
        {"optimizer": "adam", "micro_batch_size": 16},
        {"optimizer": "rmsprop"},
        {"optimizer": "nadam"},
        {"optimizer": "adadelta"},
        {"optimizer": "adagrad"},
    ],
    ids=["nesterov", "muon", "lamb", "lion", "everything", "adam", "rmsprop", "nadam", "adadelta", "adagrad"],
)
def test_nothing_is_read_from_the_device_between_two_reports(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "STEPS_APART", 2)
    assert reads_during(trainer(**fields)) == []


@pytest.mark.parametrize("read", ["item", "tolist", "__bool__", "numpy", "nonzero"])
def test_a_read_in_a_step_would_be_seen(read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer()
    forward_backward = run.step.forward_backward

    def reading(*arguments: Any, **named: Any) -> torch.Tensor:
        losses = forward_backward(*arguments, **named)
        getattr(losses[0].detach(), read)()
        return losses

    monkeypatch.setattr(run.step, "forward_backward", reading)
    if run.device.type == "cuda":
        with pytest.raises(RuntimeError, match="synchroniz"):
            reads_during(run)
    else:
        assert reads_during(run)
