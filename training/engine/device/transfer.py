"""Copies from the host to the device for which the host does not wait."""

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """`values` on `device`. The host would wait for a copy from pageable memory until the device has made it; a copy
    from pinned memory is queued."""
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
