"""`python -m worker.evaluating`: one order on standard input, reports on standard output, a line each."""

import errno
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable

import torch
from PIL import Image

from environment.process_limits import GIB, limit
from jobs.verified_storage import VerifiedStorage
from storage import FileDamaged, Storage
from training.engine.checkpoints import CheckpointInvalid
from training.engine.data import DatasetInvalid
from training.errors import told
from training.parent_death_signal import die_with_parent
from worker.evaluating.evaluation import evaluate
from worker.evaluating.measuring import OtherData
from worker.evaluating.messages import Evaluated, EvaluationOrder
from worker.exporting.speaking import Speaker
from worker.messages import Report, Trouble
from worker.validation.messages import Progress, Rejected

NICENESS = 10  # training goes first
CPU_SECONDS = 4 * 3600
FILE_BYTES = 16 * GIB

log = logging.getLogger(__name__)


def main() -> None:
    """Carry out one order."""
    die_with_parent(signal.SIGKILL)
    os.nice(NICENESS)
    order = EvaluationOrder.model_validate_json(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the reports
    torch.set_num_threads(order.threads)
    Image.init()
    _limit()
    speaker = Speaker(out)
    with speaker:
        result = carry_out(order, VerifiedStorage(order.storage_url, order.storage_id), speaker)
    speaker(result)


def carry_out(order: EvaluationOrder, storage: Storage, say: Callable[[Progress], None]) -> Evaluated | Rejected:
    """The result of `order`. Raises nothing but what is a fault of ours."""
    try:
        return evaluate(order, storage, say, _log_trouble)
    except OtherData as error:
        hint = "Take a data set with the same classes, or fine-tune the network on this one."
        return Rejected(code="dataset_invalid", message=f"It does not fit: {error}.", hint=hint)
    except DatasetInvalid as error:
        return Rejected(code="dataset_invalid", message=error.detail, hint=error.hint)
    except (FileNotFoundError, FileDamaged, CheckpointInvalid) as error:
        hint = "Its job has to be trained again: what was stored of it was deleted or damaged."
        return Rejected(code="internal", message=f"Its weights are gone or damaged: {told(error)}.", hint=hint)
    except OSError as error:
        return _without_disk(error)
    except MemoryError:
        hint = "Ask the operator for a worker with more memory, or take a smaller data set."
        return Rejected(code="out_of_memory", message="The evaluation takes more memory than there is.", hint=hint)


def _without_disk(error: OSError) -> Rejected:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Ask the operator for space where EPOCHAL_STORAGE_URL and EPOCHAL_DATA_DIR lie; then ask again."
        return Rejected(code="storage_full", message="The storage or a disk is full.", hint=hint, retryable=True)
    hint = "Ask the operator to look at EPOCHAL_STORAGE_URL and at the worker's log; then ask again."
    message = f"A file could not be read or written: {told(error)}."
    return Rejected(code="internal", message=message, hint=hint, retryable=True)


def _limit() -> None:
    """Bounds for the whole process. Of memory it has none but the machine's: images are mapped, and may be many."""
    limit(resource.RLIMIT_CPU, CPU_SECONDS)
    limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    limit(resource.RLIMIT_CORE, 0)


def _log_trouble(report: Report) -> None:
    if isinstance(report, Trouble):
        log.warning("%s", report.message)


if __name__ == "__main__":
    main()
