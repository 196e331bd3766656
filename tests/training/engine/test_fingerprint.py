"""What computes otherwise has another fingerprint; what has an equal one computes alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch

from training.engine.device.fingerprint import computer, fingerprint
from training.engine.device.processor import kind_of_processor
from training.metrics import StepChoice

ROOT, CPU = Path(__file__).parents[3], torch.device("cpu")
PROGRAM = """
import json
from hashlib import sha256
import torch
torch.set_num_threads(1)
from tests.training.samples import digits, epochs_of, spec
from training.engine.trainer import Trainer
run = Trainer(spec(epochs=1, deterministic=True, batch_size=32), digits(64))
epochs_of(run)
print(json.dumps([run.facts.fingerprint, sha256(run.packed_weights()).hexdigest()]))
"""


def of_now() -> str:
    return fingerprint(CPU, StepChoice(), 1)


def test_processes_with_equal_fingerprints_end_in_equal_weights_and_other_instructions_have_another() -> None:
    environments = [{}, {}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}]
    started = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, **extra}, stdout=subprocess.PIPE)
        for extra in environments
    ]
    (first, weights), (second, same), (limited, other) = (json.loads(each.communicate()[0]) for each in started)
    assert (first, weights) == (second, same)
    assert first != limited
    if torch.cpu.get_capabilities().get("avx512_f"):
        assert weights != other


@contextmanager
def coarse_products() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


@contextmanager
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def without_onednn() -> Iterator[None]:
    torch._C._set_mkldnn_enabled(False)  # its public name warns of GPUs that are not there
    yield
    torch._C._set_mkldnn_enabled(True)


@pytest.mark.parametrize("setting", [coarse_products, two_threads, without_onednn], ids=lambda each: str(each.__name__))
def test_what_the_process_is_told_shows(setting: Callable[[], AbstractContextManager[None]]) -> None:
    before = of_now()
    assert of_now() == before
    with setting():
        assert of_now() != before


@pytest.mark.parametrize(
    "variable",
    ["ONEDNN_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR", "ATEN_CPU_CAPABILITY", "OMP_SCHEDULE", "NCCL_ALGO"],
)
def test_what_libraries_are_told_shows_without_being_repeated(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_now()
    monkeypatch.setenv(variable, "a-secret")
    assert of_now() != before
    assert variable.endswith("ISA") or "secret" not in of_now().lower()


def test_how_much_is_logged_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_now()
    for variable in ("ONEDNN_VERBOSE", "NCCL_DEBUG", "OMP_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    assert of_now() == before


def test_every_way_of_computing_and_every_size_of_team_has_its_own() -> None:
    ways = [StepChoice(), StepChoice(memory_format="contiguous"), StepChoice(precision="bf16")]
    assert len({fingerprint(CPU, way, size) for way in ways for size in (1, 2)}) == 6
    assert computer(CPU) in of_now()


def test_another_processor_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    before, found = of_now(), torch.cpu.get_capabilities()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {**found, "l2_cache_size": 1})
    assert of_now() != before


@pytest.mark.parametrize(
    ("capabilities", "limit", "kind"),
    [
        (("avx512_bf16", "amx_bf16"), "", "amx"),
        (("avx512_bf16", "amx_bf16"), "all", "amx"),
        (("avx512_bf16", "amx_bf16"), "a name that oneDNN does not know", "amx"),
        (("avx512_bf16", "amx_bf16"), "AVX10_1_512_AMX", "amx"),
        (("avx512_bf16", "amx_bf16"), "avx512_core_bf16", "bf16"),
        (("avx512_bf16", "amx_bf16"), "AVX512_CORE_VNNI", "other"),
        (("avx512_bf16",), "AVX512_CORE_AMX", "bf16"),
        (("avx512_bf16",), "AVX2", "other"),
        ((), "", "other"),
    ],
)
@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_the_kind_of_processor_is_what_onednn_may_take_of_it(
    capabilities: tuple[str, ...], limit: str, kind: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(capabilities, True))
    monkeypatch.setenv(variable, limit)
    assert kind_of_processor() == kind
