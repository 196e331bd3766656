"""Why a trainer failed, in the words of the person who submitted the job."""

import errno
from collections.abc import Iterator

import torch

from jobs.failures import Failure
from training.engine.checkpoints import AnotherRun
from training.engine.conflicts import SpecConflict
from training.engine.data import DatasetInvalid
from training.engine.resuming import DatasetChanged
from training.engine.totals import Diverged

# What libraries write in place of an error with a number: safetensors and torch's writers; torch's allocator on a CPU,
# CUDA and its libraries.
NO_SPACE = ("No space left on device",)
NO_MEMORY = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def explain(error: Exception, *, weights_kept: bool = False) -> Failure:
    """What `error` means for the job, of which there are weights or not. Anything unheard-of is `internal`."""
    match error:
        case DatasetInvalid():
            return Failure("dataset_invalid", error.detail, error.hint, retryable=False)
        case DatasetChanged():
            return _dataset_changed(error, weights_kept=weights_kept)
        case AnotherRun():
            hint = "Its checkpoints are kept: a worker of the release that wrote them may go on. A rerun trains anew."
            return Failure("internal", f"{error}.", hint, retryable=True)
        case SpecConflict():
            return _spec_conflict(error)
        case Diverged():
            hint = "Lower spec.optimizer.learning_rate, or raise spec.schedule.warmup_epochs."
            return Failure("diverged", str(error), hint, retryable=False)
        case MemoryError() | torch.OutOfMemoryError():
            return _out_of_memory()
        case RuntimeError() if any(text in str(error) for text in NO_MEMORY):
            return _out_of_memory()
    if any(_says_disk_is_full(cause) for cause in _causes(error)):
        hint = "Free space where EPOCHAL_DATA_DIR and EPOCHAL_STORAGE_URL lie; then submit the job again."
        return Failure("storage_full", "The worker's disk is full.", hint, retryable=True)
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = "This is a fault of the service: its worker's log has the whole of it, under the job's id."
    return Failure("internal", f"The trainer failed with {summary}", hint, retryable=True)


def _dataset_changed(error: DatasetChanged, *, weights_kept: bool) -> Failure:
    kept = "epochs, checkpoints and the weights of the furthest" if weights_kept else "epochs and checkpoints"
    hint = f"Rerun the job: that trains anew on the data as it is now. Its {kept} are kept."
    return Failure("dataset_changed", error.detail, hint, retryable=False)


def _spec_conflict(error: SpecConflict) -> Failure:
    place = ".".join(str(part) for part in ("spec", *error.path))
    hint = f"Change {place} as said, or take another data set or worker that it fits."
    return Failure("spec_conflict", f"{place}: {error}.", hint, retryable=False)


def _out_of_memory() -> Failure:
    return Failure(
        "out_of_memory",
        "The device's memory does not hold this job.",
        "Set spec.micro_batch_size, lower spec.batch_size or spec.image_size, or take a smaller spec.architecture.",
        retryable=False,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    cause: BaseException | None = error
    while cause:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _says_disk_is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOSPC
    return any(text in str(error) for text in NO_SPACE)
