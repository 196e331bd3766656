"""The fingerprint of a run: everything that its rounding depends on, besides its spec and its data.

What is known to make a difference is in it by name: the engine, torch, numerical libraries, instructions, threads, the
StepChoice. Two digests follow. `settings` covers the options that the environment and the process set for libraries,
and everything that the processor reports of itself: its cache sizes decide how a sum is divided into blocks. `sample`
covers the results of a few small operations, so that a difference shows that is not known by name.
"""

import os
import platform
import re
from functools import cache
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.engine.device.processor import isa_limit, kind_of_processor
from training.metrics import StepChoice

# To be raised with every change by which the same spec and data give other weights.
ENGINE_VERSION = 2

# Prefixes of environment variables that may change results. Some of these only name a folder; they count all the same.
_LIBRARIES = ("ONEDNN_", "DNNL_", "MKL_", "ATEN_", "OMP_", "KMP_", "GOMP_", "CUBLAS_", "CUDNN_", "NVIDIA_TF32", "NCCL_")
_WITHOUT_EFFECT = re.compile("VERBOSE|DEBUG|_NUM_THREADS$")  # threads are named as they are


def fingerprint(device: torch.device, choice: StepChoice, team_size: int) -> str:
    """Two runs of one deterministic spec on the same data with equal fingerprints end with equal weights, bit for bit.
    With different fingerprints they may or may not."""
    way = f"{choice.mode} {choice.memory_format} {choice.precision}"
    together = f"{team_size} together"
    if team_size > 1 and device.type == "cuda":
        together += f" by NCCL {'.'.join(map(str, torch.cuda.nccl.version()))}"
    return f"engine {ENGINE_VERSION}; {computer(device)}; {way}; {together}"


def computer(device: torch.device) -> str:
    """What computes: the fingerprint without the way of computing a step."""
    found = f"torch {torch.__version__}; {_processor()}"
    if device.type == "cpu":
        found += f", {torch.get_num_threads()} threads"
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        found += f"; {torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
        found += f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    settings = _digest(_settings(device))
    return f"{found}; settings {settings}, sample {_sample(settings)}"


def _processor() -> str:
    """Where a GPU computes, too: starting weights are drawn on the processor."""
    libraries = ", ".join(_versions())
    limit = isa_limit()
    instructions = f"{torch.backends.cpu.get_cpu_capability()}, {kind_of_processor()}"
    instructions += f", at most {limit}" if limit else ""
    return f"{platform.machine()} {instructions}, {libraries}"


@cache
def _versions() -> tuple[str, ...]:
    """Of the libraries that torch was built with."""
    names = {"oneDNN": r"MKL-DNN v([\d.]+)", "MKL": r"Math Kernel Library Version ([\d.]+)"}
    built = torch.__config__.show()
    found = {name: re.search(pattern, built) for name, pattern in names.items()}
    return tuple(f"{name} {match[1]}" for name, match in found.items() if match)


def _settings(device: torch.device) -> dict[str, Any]:
    cuda, backends = device.type == "cuda", torch.backends
    return {
        "environment": sorted(
            (name, value)
            for name, value in os.environ.items()
            if name.startswith(_LIBRARIES) and not _WITHOUT_EFFECT.search(name)
        ),
        "processor": sorted(map(repr, torch.cpu.get_capabilities().items())),
        "build": torch.__config__.show(),
        "products": torch.get_float32_matmul_precision(),
        "oneDNN": (
            torch._C._get_mkldnn_enabled(),
            backends.mkldnn.matmul.fp32_precision,  # type: ignore[attr-defined]  # torch gives it no types
            backends.mkldnn.conv.fp32_precision,  # type: ignore[attr-defined]  # likewise
        ),
        "cuda": (
            backends.cuda.matmul.fp32_precision,
            backends.cudnn.conv.fp32_precision,  # type: ignore[attr-defined]  # likewise
            backends.cudnn.enabled,
            backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
            backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        )
        if cuda
        else None,
    }


@cache
@torch.no_grad()
def _sample(settings: str) -> str:
    """Of a few operations on the processor under these settings: products and convolutions in fp32 and bf16, sums,
    functions, numbers next to nothing. Some milliseconds, by one thread: others may have to wait for a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _digest([blake2b(_bytes(tensor)).hexdigest() for tensor in _results()])
    finally:
        torch.set_num_threads(threads)


def _results() -> list[Tensor]:
    numbers = torch.arange(2 * 16 * 12 * 12, dtype=torch.float64).mul_(0.7390851332151607)
    images = numbers.sin().float().view(2, 16, 12, 12)
    weights = numbers[: 32 * 16 * 9].cos().float().view(32, 16, 3, 3)
    rows, columns = images.view(32, 144), weights.view(144, 32)
    least = torch.tensor([torch.finfo(torch.float32).tiny]) / 2
    found = [rows @ columns, images.sum(0), images.exp(), least]
    for layout in (torch.contiguous_format, torch.channels_last):
        laid = images.contiguous(memory_format=layout)
        found.append(functional.conv2d(laid, weights, padding=1))
        found.append(functional.conv2d(laid.bfloat16(), weights.bfloat16(), padding=1).float())
    return found


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()


def _digest(value: object) -> str:
    return blake2b(repr(value).encode(), digest_size=4).hexdigest()
