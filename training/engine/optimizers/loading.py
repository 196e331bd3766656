"""Loads an optimizer's state so that it continues exactly, bit for bit, whatever device it was saved on."""

from typing import Any

import torch
from torch import Tensor, optim

_OPTIONS = ("foreach", "fused")


def load_in_place(optimizer: optim.Optimizer) -> None:
    """Make `optimizer.load_state_dict` keep this optimizer's `foreach` and `fused`, and copy the tensors that it loads.

    torch takes these options from the saved optimizer, which are wrong on another device. It also keeps the loaded
    tensors themselves, so that two optimizers would change them.
    """
    ours = [dict(group) for group in optimizer.param_groups]

    def keep_options(_: optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        options = [{name: group[name] for name in _OPTIONS if name in group} for group in ours]
        groups = [{**saved, **own} for saved, own in zip(state["param_groups"], options, strict=True)]
        return {**state, "param_groups": groups}

    def keep_places(optimizer: optim.Optimizer) -> None:
        for group, own in zip(optimizer.param_groups, ours, strict=True):
            _fill_tensors(group, own)
            on_device = group.get("fused")
            for weight in group["params"]:
                counting = weight.device if on_device else torch.device("cpu")
                _copy_as(weight, optimizer.state.get(weight, {}), counting)

    optimizer.register_load_state_dict_pre_hook(keep_options)
    optimizer.register_load_state_dict_post_hook(keep_places)


def _fill_tensors(group: dict[str, Any], own: dict[str, Any]) -> None:
    """Copy loaded values into the tensors that the group had, and make them numbers where it had numbers."""
    for name, loaded in group.items():
        kept = own.get(name)
        if isinstance(kept, Tensor):
            group[name] = kept.copy_(torch.as_tensor(loaded))
        elif isinstance(loaded, Tensor):
            group[name] = loaded.item()


def _copy_as(weight: Tensor, kept: dict[str, Any], counting: torch.device) -> None:
    """Copy the state of `weight` into the weight's memory format: torch's fused kernels read both in the order of
    memory, without checking that it is the same.

    Scalars go to the device `counting`, where torch creates them. torch would load NAdam's product onto the weight's
    device, and the host would wait for it each step.
    """
    for name, value in kept.items():
        if isinstance(value, Tensor):
            layout = weight if value.shape == weight.shape else value
            device = value.device if value.ndim else counting
            kept[name] = torch.empty_like(layout, dtype=value.dtype, device=device).copy_(value)
