"""In which number format a device computes."""

from typing import Literal

import torch

from training.metrics import Precision


def choose_precision(wanted: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """`auto` is bf16 only where the device multiplies it natively: emulated, it is slower than fp32."""
    if wanted != "auto":
        return wanted
    return "bf16" if _multiplies_bf16(device) else "fp32"


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which convolutions and matrix products run in `precision`; weights stay in fp32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
