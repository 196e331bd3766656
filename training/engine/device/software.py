"""The software and the processor that a run computes with, for whoever wants its result again."""

import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from training.release import release, revision

_PROCESSORS = Path("/proc/cpuinfo")
_DRIVER = Path("/proc/driver/nvidia/version")


def software(device: torch.device) -> dict[str, str | None]:
    """By the names of RunFacts. What is not there, or does not say, is None."""
    on_cuda = device.type == "cuda"
    cudnn = torch.backends.cudnn.version() if on_cuda else None
    return {
        "epochal_version": release(),
        "epochal_revision": revision(),
        "python_version": platform.python_version(),
        "torchvision_version": _installed("torchvision"),
        "cuda_version": torch.version.cuda if on_cuda else None,
        "cudnn_version": str(cudnn) if cudnn else None,
        "driver_version": driver_version() if on_cuda else None,
        "processor": processor(),
    }


def processor() -> str:
    """Its own name, such as `Intel(R) Xeon(R) Processor`; its architecture where it has none."""
    return _found(_PROCESSORS, r"^model name\s*:\s*(\S.*)$") or platform.processor() or platform.machine()


def driver_version() -> str | None:
    """Of NVIDIA's kernel module, such as 550.54.15."""
    return _found(_DRIVER, r"Kernel Module.*?\s(\d+(?:\.\d+)+)\s")


def _found(file: Path, pattern: str) -> str | None:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip()[:120] if match else None


@cache
def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
