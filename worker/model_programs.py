"""What the programs that work on a trained model have in common: bounds, and what they say when something fails."""

import errno
import logging
import os
import resource
import signal
import sys
from typing import BinaryIO

from environment.process_limits import GIB, limit
from training.errors import told
from training.parent_death_signal import die_with_parent
from worker.messages import Report, Trouble
from worker.validation.messages import Rejected

NICENESS = 10  # training goes first
CPU_SECONDS = 4 * 3600
FILE_BYTES = 16 * GIB
NO_MEMORY = ("can't allocate memory", "Failed to allocate memory", "bad allocation", "bad_alloc")  # as libraries say it

log = logging.getLogger(__name__)


def begin() -> tuple[bytes, BinaryIO]:
    """The order's line, and where reports go. Whatever a library prints goes to the log from now on, and the process
    has bounds; of memory none but the machine's: images are mapped, and may be many."""
    die_with_parent(signal.SIGKILL)
    os.nice(NICENESS)
    order = sys.stdin.buffer.readline()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the reports
    limit(resource.RLIMIT_CPU, CPU_SECONDS)
    limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    limit(resource.RLIMIT_CORE, 0)
    return order, out


def without_weights(error: Exception) -> Rejected:
    """Where its weights cannot be read."""
    hint = "Its job has to be trained again: what was stored of it was deleted or damaged."
    return Rejected(code="internal", message=f"Its weights are gone or damaged: {told(error)}.", hint=hint)


def without_disk(error: OSError) -> Rejected:
    """Where a file could not be read or written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Ask the operator for space where EPOCHAL_STORAGE_URL and EPOCHAL_DATA_DIR lie; then ask again."
        return Rejected(code="storage_full", message="The storage or a disk is full.", hint=hint, retryable=True)
    hint = "Ask the operator to look at EPOCHAL_STORAGE_URL and at the worker's log; then ask again."
    message = f"A file could not be read or written: {told(error)}."
    return Rejected(code="internal", message=message, hint=hint, retryable=True)


def is_without_memory(error: Exception) -> bool:
    """Whether it says that there is no memory left."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in NO_MEMORY)


def log_trouble(report: Report) -> None:
    """For what waits for a storage that is away."""
    if isinstance(report, Trouble):
        log.warning("%s", report.message)
