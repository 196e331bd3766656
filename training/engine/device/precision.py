"""The number format of the forward and backward pass."""

from collections.abc import Sequence
from typing import Literal

import torch

from training.engine.device.processor import kind_of_processor
from training.metrics import Precision

_DTYPES = {"fp32": torch.bfloat16, "bf16": torch.bfloat16, "fp16": torch.float16}  # of fp32, autocast is off


def possible_precisions(wanted: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device) -> Sequence[Precision]:
    """The formats that `wanted` allows, the probably fastest first. `auto` leaves bf16 out where the device has no
    instructions for it: emulated, it is slower than fp32."""
    if wanted != "auto":
        return (wanted,)
    return ("bf16", "fp32") if multiplies_bf16(device) else ("fp32",)


def multiplies_bf16(device: torch.device) -> bool:
    """Whether `device` has instructions for products of bf16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and kind_of_processor() != "other"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which convolutions and matrix products run in `precision`; weights stay in fp32."""
    return torch.autocast(device.type, dtype=_DTYPES[precision], enabled=precision != "fp32", cache_enabled=False)
