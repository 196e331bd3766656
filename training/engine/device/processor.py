"""Which instructions the processor computes bf16 with. They decide how numbers are rounded, and how fast it is.

oneDNN computes convolutions on x86 processors. It uses the best instructions that the processor has, unless an
environment variable forbids some, and has no function that says which. Its rules are documented ("CPU dispatcher
control") and repeated here. It reads the variable once, when it first computes.
"""

import os
from typing import Literal

import torch

# amx: tiles of bf16; bf16: products of bf16 in AVX-512; other: neither, or a processor that is not known here.
Kind = Literal["amx", "bf16", "other"]

ISA_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # the first that is set counts
WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
WITHOUT_AMX = WITHOUT_BF16 | {"AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1_512", "AVX10_2_512"}


def isa_limit() -> str:
    """The limit that the environment sets for oneDNN, by its name in the documentation; empty where there is none. A
    name that oneDNN does not know limits nothing."""
    return next((os.environ[name].upper() for name in ISA_VARIABLES if os.environ.get(name)), "")


def kind_of_processor() -> Kind:
    """What convolutions in bf16 are computed with."""
    found, limit = torch.cpu.get_capabilities(), isa_limit()
    if found.get("amx_bf16") and limit not in WITHOUT_AMX:
        return "amx"
    if found.get("avx512_bf16") and limit not in WITHOUT_BF16:
        return "bf16"
    return "other"
