"""What an exit code tells of a process that could not say itself why it ended."""

import signal

from jobs.failures import Failure

HINTS = {
    signal.SIGKILL: "SIGKILL often means that the machine ran out of memory: set spec.micro_batch_size or lower "
    "spec.batch_size, or look at the worker's log.",
    signal.SIGBUS: "SIGBUS often means that a disk is full that a file in memory lies on: free space where "
    "EPOCHAL_DATA_DIR lies, or look at the worker's log.",
}


def died(process: str, exit_code: int | None) -> Failure:
    """Of `process`, as a sentence begins with it. A signal's number is negative."""
    killed_by = signal.Signals(-exit_code) if exit_code is not None and exit_code < 0 else None
    cause = f"was ended by signal {killed_by.name}" if killed_by else f"ended with exit code {exit_code}"
    hint = HINTS.get(killed_by, "Look at the worker's log.") if killed_by else "Look at the worker's log."
    return Failure("worker_lost", f"{process} {cause}.", hint, retryable=True)
