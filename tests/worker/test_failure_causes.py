"""What a trainer says of its end."""

import errno
import signal
from pathlib import Path

import pytest
import torch

from training.engine.conflicts import SpecConflict
from training.engine.data import DatasetInvalid
from training.engine.totals import Diverged
from training.metrics import StepMetrics
from worker import process_exits
from worker.failure_causes import explain
from worker.process_exits import OomKills, exit_failure


def chained() -> Exception:
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as cause:
        error = RuntimeError("the cache could not be written")
        error.__cause__ = cause
        return error


DIVERGED = StepMetrics(epoch=0, step=3, loss=float("nan"), learning_rate=10.0)


@pytest.mark.parametrize(
    ("error", "code", "message", "retryable"),
    [
        (DatasetInvalid("cats is empty.", "Fill it."), "dataset_invalid", "cats is empty.", False),
        (
            SpecConflict(("schedule", "milestones", 1), "epoch 9 never comes"),
            "spec_conflict",
            "spec.schedule.milestones.1: epoch 9 never comes.",
            False,
        ),
        (Diverged(DIVERGED, "The loss was nan"), "diverged", "The loss was nan, with a learning rate of 10.", False),
        (torch.OutOfMemoryError("CUDA out of memory."), "out_of_memory", "memory does not hold", False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when"), "out_of_memory", "memory does not hold", False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "out_of_memory", "does not hold", False),
        (MemoryError(), "out_of_memory", "memory does not hold", False),
        (OSError(errno.ENOSPC, "No space left on device"), "storage_full", "disk is full", True),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "storage_full", "disk is full", True),
        (chained(), "storage_full", "disk is full", True),
        (KeyError("weight\nof what"), "internal", "The trainer failed with KeyError: 'weight", True),
    ],
)
def test_a_cause_has_a_code_a_sentence_and_a_hint(error: Exception, code: str, message: str, retryable: bool) -> None:
    failure = explain(error)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert message in failure.message
    assert failure.hint
    assert "\n" not in failure.message


def test_an_allocation_that_is_too_large_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert explain(caught.value).code == "out_of_memory"


@pytest.mark.parametrize(
    ("exit_code", "said", "hinted"),
    [
        (-signal.SIGKILL, "It was ended by signal SIGKILL.", "killed it"),
        (-signal.SIGBUS, "It was ended by signal SIGBUS.", "disk is full"),
        (-signal.SIGSEGV, "It was ended by signal SIGSEGV.", "worker's log"),
        (3, "It ended with exit code 3.", "worker's log"),
    ],
)
def test_an_exit_code_tells_what_killed_a_process(exit_code: int, said: str, hinted: str) -> None:
    failure = exit_failure("It", exit_code)
    assert (failure.code, failure.message, failure.retryable) == ("worker_lost", said, True)
    assert hinted in failure.hint


COUNTERS = "low 0\noom 3\noom_kill {}\noom_group_kill 0\n"


@pytest.mark.parametrize(
    ("kills", "exit_code", "code"),
    [(1, -signal.SIGKILL, "out_of_memory"), (0, -signal.SIGKILL, "worker_lost"), (1, -signal.SIGTERM, "worker_lost")],
)
def test_a_kill_of_the_kernels_for_want_of_memory_is_told_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int, exit_code: int, code: str
) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text(COUNTERS.format(4))
    monkeypatch.setattr(process_exits, "COUNTERS", (counter, tmp_path / "missing"))
    seen = OomKills()
    counter.write_text(COUNTERS.format(4 + kills))
    failure = seen.explain("It", exit_code)
    assert (failure.code, failure.retryable) == (code, True)
