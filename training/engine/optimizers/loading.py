"""Loading an optimizer's state so that it goes on to the bit, on whichever device it was saved."""

from typing import Any

import torch
from torch import Tensor, optim

_OPTIONS = ("foreach", "fused")


def load_in_place(optimizer: optim.Optimizer) -> None:
    """Make `optimizer.load_state_dict` keep this optimizer's way of computing, and copy what it loads.

    torch takes over how the saved one was built: on another device the wrong way. And it keeps the very tensors that
    it is given, so that the optimizer that they came from would go on changing them.
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
    """Put the loaded values of `group` into the tensors that the group had, and back into numbers where it had none."""
    for name, loaded in group.items():
        kept = own.get(name)
        if isinstance(kept, Tensor):
            group[name] = kept.copy_(torch.as_tensor(loaded))
        elif isinstance(loaded, Tensor):
            group[name] = loaded.item()


def _copy_as(weight: Tensor, kept: dict[str, Any], counting: torch.device) -> None:
    """Copy what is kept of `weight`, into the weight's memory format. torch's fused kernels walk through both in the
    order of memory and do not look whether it is the same.

    Single numbers go to `counting`, where torch makes them at first; NAdam's product, which torch loads onto the
    weight's device, would there be waited for each step.
    """
    for name, value in kept.items():
        if isinstance(value, Tensor):
            layout = weight if value.shape == weight.shape else value
            device = value.device if value.ndim else counting
            kept[name] = torch.empty_like(layout, dtype=value.dtype, device=device).copy_(value)
